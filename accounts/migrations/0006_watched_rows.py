"""Notes each change of the tables that decide who may do what, and of second factors (the write backstop)."""

from django.db import migrations

from audit.watching import watch_rows


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_cleared_until"),
        ("audit", "0003_row_changes"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        # A sign-in has an entry of its own kind.
        watch_rows("accounts_user", unnoted=["last_login"]),
        watch_rows("accounts_organisation"),
        watch_rows("accounts_team"),
        watch_rows("accounts_membership"),
        watch_rows("accounts_professionalregistration"),
        watch_rows("accounts_staffcheck"),
        watch_rows("accounts_invitation"),
        watch_rows("accounts_secondfactorreset"),
        watch_rows("mfa_authenticator"),
        # Django's own tables of rights. They carry none here, and nobody has a reason to write them.
        watch_rows("accounts_user_groups"),
        watch_rows("accounts_user_user_permissions"),
    ]
