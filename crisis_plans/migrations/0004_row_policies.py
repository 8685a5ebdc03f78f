"""Row-level security for plans: read and written by those for whom the patient's record opens (cases/0008)."""

from django.db import migrations

from cases.row_policies import protect, unprotect

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
    dependencies = [("crisis_plans", "0003_watched_rows"), ("cases", "0008_row_policies")]

    operations = [
        migrations.RunSQL("".join(map(protect, TABLES)), "".join(map(unprotect, TABLES))),
    ]
