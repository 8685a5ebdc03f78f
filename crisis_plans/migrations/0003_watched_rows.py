"""Notes each change of crisis response plans and their parts (the write backstop)."""

from django.db import migrations

from audit.watching import watch_rows

TABLES = [
    "crisis_plans_crisisresponseplan",
    "crisis_plans_planversion",
    "crisis_plans_planaction",
    "crisis_plans_plancall",
    "crisis_plans_planservicepart",
    "crisis_plans_planauthor",
    "crisis_plans_plansignoff",
]


class Migration(migrations.Migration):
    dependencies = [("crisis_plans", "0002_immutable_versions"), ("audit", "0003_row_changes")]

    operations = [watch_rows(table, patient="patient_id") for table in TABLES]
