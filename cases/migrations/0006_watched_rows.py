"""Notes each change of patients, of what is about them and of who may see them (the write backstop)."""

from django.db import migrations

from audit.watching import watch_rows

ABOUT_A_PATIENT = [
    "cases_case",
    "cases_contact",
    "cases_contactaddendum",
    "cases_contactclinicalnote",
    "cases_contactparticipant",
    "cases_contactreview",
    "cases_contactsignature",
    "cases_contactstrikeout",
    "cases_draft",
    "cases_othername",
    "cases_relatedperson",
    "cases_visit",
    "cases_visitoutcome",
    "cases_visitparticipant",
]


class Migration(migrations.Migration):
    dependencies = [("cases", "0005_sent_once"), ("audit", "0003_row_changes")]

    operations = [
        watch_rows("cases_patient", patient="id"),
        *(watch_rows(table, patient="patient_id") for table in ABOUT_A_PATIENT),
        watch_rows("cases_patientgroupobjectpermission", patient="content_object_id"),
        watch_rows("cases_patientuserobjectpermission", patient="content_object_id"),
    ]
