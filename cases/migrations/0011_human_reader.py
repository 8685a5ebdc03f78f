"""What people at a database prompt may ask (the group ``sim_reader``): how the service is set up, and its trail.

They may name the tables about patients, and no policy shows them a row: so a question asked by mistake finds nothing, and
whoever has a reason to read a record opens it in the application. Passwords, sessions and second factors stay closed.
"""

from django.db import migrations

READABLE = """accounts_organisation, accounts_team, accounts_membership, audit_logentry, audit_entrysubject,
    cases_breakglass, cases_breakglassreview, cases_case, cases_contact, cases_contactaddendum,
    cases_contactclinicalnote, cases_contactparticipant, cases_contactreview, cases_contactsignature,
    cases_contactstrikeout, cases_draft, cases_othername, cases_patient, cases_patientgroupobjectpermission,
    cases_patientuserobjectpermission, cases_relatedperson, cases_visit, cases_visitoutcome, cases_visitparticipant,
    core_heartbeat, django_migrations"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0010_break_glass_writes_nothing"), ("audit", "0003_row_changes")]

    operations = [
        migrations.RunSQL(
            f"GRANT SELECT ON {READABLE} TO sim_reader",
            f"REVOKE SELECT ON {READABLE} FROM sim_reader",  # noqa: S608  (table names of this module)
        )
    ]
