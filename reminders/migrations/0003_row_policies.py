"""Row-level security for reminders: one's own, those about patients whose record opens, and those of whom one leads.

Rows for others are written by the subscriber and the ticks, as the system. Notifications hold no word about anybody and
have no policies.
"""

from django.db import migrations

from cases.row_policies import owned_by_look_up, policies, unprotect

LEADS = f"""
CREATE FUNCTION leads_colleague(colleague bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN acting IS NOT NULL AND EXISTS (
        SELECT FROM accounts_membership mine
        JOIN accounts_user u ON u.id = mine.user_id
        JOIN accounts_membership theirs ON theirs.team_id = mine.team_id
        WHERE mine.user_id = acting AND u.is_active AND mine.ended_at IS NULL AND mine.starts_on <= today
            AND (mine.ends_on IS NULL OR mine.ends_on >= today)
            AND mine.cleared_until >= today AND mine.role IN ('clinical lead', 'deputy clinical lead') AND theirs.user_id = colleague
    );
END $$;
{owned_by_look_up("leads_colleague(bigint)")}
"""
OWN = "recipient_id = core_acting_user()"
REMINDERS = policies(
    "reminders_reminder",
    read=f"{OWN} OR CASE WHEN patient_id IS NULL THEN leads_colleague(recipient_id)"
    " ELSE may_read_patient(patient_id) END",
    write=f"({OWN})",
)
UNMAKE = unprotect("reminders_reminder") + "DROP FUNCTION leads_colleague(bigint);"


class Migration(migrations.Migration):
    dependencies = [("reminders", "0002_watched_rows"), ("cases", "0008_row_policies")]

    operations = [migrations.RunSQL(LEADS + REMINDERS, UNMAKE)]
