"""Notes each change of reminders (the write backstop)."""

from django.db import migrations

from audit.watching import watch_rows


class Migration(migrations.Migration):
    dependencies = [("reminders", "0001_initial"), ("audit", "0003_row_changes")]

    operations = [watch_rows("reminders_reminder", patient="patient_id")]
