"""A statement for break-glass that fits somebody the user may read anyway means that person.

Before, "nothing was opened" told who gave one of their own patients a second name that somebody unseen had the same. And
an opening begins when it is made: one dated ahead would have been read at once, for longer than four hours.
"""

from importlib import import_module

from django.db import migrations

from cases.row_policies import owned_by_look_up

look_ups = import_module("cases.migrations.0009_look_ups")

MAKE = f"""
CREATE OR REPLACE FUNCTION lookup_stated_patient(wanted_reference text, number text, full_name text, born date)
RETURNS uuid LANGUAGE sql {look_ups.DEFINER} AS $$
    WITH found AS MATERIALIZED (
        SELECT p.id, may_read_patient(p.id) AS is_seen FROM cases_patient p
        WHERE CASE
            WHEN wanted_reference <> '' THEN p.reference = wanted_reference
            WHEN number <> '' THEN p.nhs_number = number AND p.date_of_birth = born
            ELSE full_name <> '' AND p.date_of_birth = born AND (
                lower(p.given_name || ' ' || p.family_name) = full_name
                OR lower(p.preferred_name || ' ' || p.family_name) = full_name
                OR EXISTS (SELECT FROM cases_othername o WHERE o.patient_id = p.id AND upper(o.name) = upper(full_name)))
            END
    )
    SELECT min(id::text)::uuid FROM found WHERE is_seen = (SELECT bool_or(is_seen) FROM found) HAVING count(*) = 1
$$;
{owned_by_look_up("lookup_stated_patient(text, text, text, date)")}

CREATE FUNCTION cases_break_glass_begins_now() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- As far as two clocks may be apart.
    IF NEW.opened_at > core_now() + interval '5 minutes' THEN
        RAISE EXCEPTION 'An opening by break-glass begins when it is made.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER begins_now BEFORE INSERT ON cases_breakglass
    FOR EACH ROW EXECUTE FUNCTION cases_break_glass_begins_now();
"""  # noqa: S608  (constants of this module)
BEFORE = look_ups.MAKE[
    look_ups.MAKE.index("CREATE FUNCTION lookup_stated_patient") : look_ups.MAKE.index("-- How many drafts")
]
UNMAKE = f"""
DROP TRIGGER begins_now ON cases_breakglass;
DROP FUNCTION cases_break_glass_begins_now();
{BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")}
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0013_escalation_tried")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
