"""For whom a reminder about nobody stands: a role's act, in a team. The row policy shows a lead what is for their team
and role, and no longer what is a colleague's.

A row from before has neither and is personal; what is announced again, as daily work does, gets both.
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from cases.row_policies import owned_by_look_up

BEFORE = import_module("reminders.migrations.0003_row_policies")
# What the two leading roles may do (accounts.roles); a test holds both equal.
ACTS = (
    "approve a crisis response plan",
    "draft a crisis response plan",
    "edit patient details",
    "log a contact",
    "open a record by break-glass",
    "open the record",
    "open, hand over or close a case",
    "plan a visit",
    "read clinical-only text",
    "register a patient",
    "review an opening by break-glass",
    "review police presence at a therapeutic contact",
    "strike out a contact written into the wrong record",
    "write clinical-only text",
)
LEADS = f"""
CREATE FUNCTION leads_team(team bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM accounts_membership mine
        JOIN accounts_user u ON u.id = mine.user_id
        WHERE mine.user_id = acting AND mine.team_id = team AND u.is_active AND mine.ended_at IS NULL
            AND mine.starts_on <= today AND (mine.ends_on IS NULL OR mine.ends_on >= today)
            AND mine.cleared_until >= today AND mine.role IN ('clinical lead', 'deputy clinical lead')
    );
END $$;
{owned_by_look_up("leads_team(bigint)")}
"""
OWN = "recipient_id = core_acting_user()"
LISTED = ", ".join(f"'{act}'" for act in ACTS)
POLICY = "ALTER POLICY read_rows ON reminders_reminder USING (core_is_system() OR {});"
OF_TEAM = f"team_id IS NOT NULL AND act IN ({LISTED}) AND leads_team(team_id)"
MADE = (
    LEADS
    + POLICY.format(
        f"{OWN} OR CASE WHEN patient_id IS NULL THEN {OF_TEAM} ELSE may_read_patient(patient_id) END"
    )
    + "DROP FUNCTION leads_colleague(bigint);"
)
UNMADE = (
    BEFORE.LEADS
    + POLICY.format(
        f"{OWN} OR CASE WHEN patient_id IS NULL THEN leads_colleague(recipient_id)"
        " ELSE may_read_patient(patient_id) END"
    )
    + "DROP FUNCTION leads_team(bigint);"
)


class Migration(migrations.Migration):
    dependencies = [("reminders", "0003_row_policies"), ("accounts", "0008_clearance_change")]

    operations = [
        migrations.AddField(
            model_name="reminder",
            name="team",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            model_name="reminder",
            name="act",
            field=models.CharField(blank=True, db_default="", default="", max_length=60),
        ),
        migrations.RunSQL(MADE, UNMADE),
    ]
