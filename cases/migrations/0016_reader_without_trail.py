"""Takes the trail from people at a database prompt: it says who looked at whom, and why, for every organisation.

It has no policies that would narrow it to a reader's own organisation, and reading it there leaves no entry. Officers
read it in the application. What the group ``sim_reader`` keeps (0011): how the service is set up.
"""

from django.db import migrations

TRAIL = "audit_logentry, audit_entrysubject"


class Migration(migrations.Migration):
    dependencies = [("cases", "0015_alert_policies")]

    operations = [
        migrations.RunSQL(
            f"REVOKE SELECT ON {TRAIL} FROM sim_reader",  # noqa: S608  (table names of this module)
            f"GRANT SELECT ON {TRAIL} TO sim_reader",
        )
    ]
