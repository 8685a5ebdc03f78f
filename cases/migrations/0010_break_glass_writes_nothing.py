"""Break-glass lets nobody keep a draft either, nobody reviews what still goes on, and nobody takes back a try (S31)."""

from django.db import migrations

from cases.row_policies import owned_by_look_up, policies, unprotect

_OWN = "user_id = core_acting_user()"
_READABLE = """CASE WHEN patient_id IS NULL THEN true
    WHEN is_clinical_only THEN may_read_clinical(patient_id) ELSE may_read_patient(patient_id) END"""
_KEPT = f"{_READABLE} AND (patient_id IS NULL OR NOT reads_by_break_glass_alone(patient_id))"

# Whether the acting user would not read this patient without an opening: the reading rule of 0008 less break-glass.
ALONE = f"""
CREATE FUNCTION reads_by_break_glass_alone(patient uuid) RETURNS boolean LANGUAGE plpgsql
STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp COST 300 AS $$
DECLARE
    acting bigint := nullif(current_setting('sim.user', true), '')::bigint;
    today date := core_today();
BEGIN
    RETURN EXISTS (
        SELECT FROM cases_breakglass b
        WHERE b.patient_id = patient AND b.created_by_id = acting AND b.ended_at IS NULL AND b.ends_at > core_now()
    ) AND NOT EXISTS (
        SELECT FROM cases_patientgroupobjectpermission g
        JOIN accounts_team t ON t.group_id = g.group_id
        JOIN cases_case c ON c.team_id = t.id AND c.patient_id = g.content_object_id
        JOIN accounts_membership m ON m.team_id = t.id
        JOIN accounts_user u ON u.id = m.user_id
        WHERE g.content_object_id = patient AND m.user_id = acting AND u.is_active AND m.ended_at IS NULL
            AND m.starts_on <= today AND (m.ends_on IS NULL OR m.ends_on >= today) AND m.cleared_until >= today
            AND m.role IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead')
            AND (c.closed_on IS NULL OR c.closed_on >= today - 28)
    ) AND NOT EXISTS (
        SELECT FROM cases_patientuserobjectpermission e
        WHERE e.content_object_id = patient AND e.user_id = acting AND e.expires_at > core_now()
    );
END $$;
{owned_by_look_up("reads_by_break_glass_alone(uuid)")}
"""  # noqa: S608  (constants of this module)

DRAFTS = f"""
ALTER POLICY add_rows ON cases_draft WITH CHECK (core_is_system() OR {_OWN} AND {_KEPT});
ALTER POLICY change_rows ON cases_draft
    USING (core_is_system() OR {_OWN} AND {_KEPT}) WITH CHECK (core_is_system() OR {_OWN} AND {_KEPT});
"""
DRAFTS_BEFORE = f"""
ALTER POLICY add_rows ON cases_draft WITH CHECK (core_is_system() OR ({_OWN} AND {_READABLE}));
ALTER POLICY change_rows ON cases_draft
    USING (core_is_system() OR ({_OWN} AND {_READABLE})) WITH CHECK (core_is_system() OR ({_OWN} AND {_READABLE}));
"""

OVER = """
CREATE FUNCTION cases_hold_end_before_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM cases_breakglass g
        WHERE g.id = NEW.break_glass_id AND g.ended_at IS NULL AND g.ends_at > core_now()
    ) THEN
        RAISE EXCEPTION 'An opening by break-glass is reviewed when it is over.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviewed_when_over BEFORE INSERT ON cases_breakglassreview
    FOR EACH ROW EXECUTE FUNCTION cases_hold_end_before_review();
"""
OVER_BEFORE = """
DROP TRIGGER reviewed_when_over ON cases_breakglassreview;
DROP FUNCTION cases_hold_end_before_review();
"""


# One's own wrong statements: counted, and neither changed nor removed by the application.
ATTEMPTS = policies(
    "cases_breakglassattempt",
    read="user_id = core_acting_user()",
    write="false",
    insert="user_id = core_acting_user()",
)


class Migration(migrations.Migration):
    dependencies = [("cases", "0009_look_ups")]

    operations = [
        migrations.RunSQL(
            ALONE + DRAFTS + OVER + ATTEMPTS,
            unprotect("cases_breakglassattempt")
            + OVER_BEFORE
            + DRAFTS_BEFORE
            + "DROP FUNCTION reads_by_break_glass_alone(uuid);",
        )
    ]
