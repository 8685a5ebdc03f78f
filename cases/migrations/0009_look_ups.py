"""What has to be answered past the row policies, one narrow function for each question, and the index that search reads.

Full-text and trigram operators are not leakproof: under a policy they are asked last, for every row there is. So search
has a table of its own that nobody may read, and one function that asks who may see whom (``may_read_patient``).
"""

from django.db import migrations

from cases.row_policies import owned_by_look_up

DEFINER = "STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

SEARCH = """
    SELECT found.id FROM (
        SELECT p.id, p.family_name, p.given_name
        FROM (
            SELECT g.content_object_id AS id FROM cases_patientgroupobjectpermission g
            WHERE g.group_id = ANY ((SELECT acting_groups())::integer[])
            UNION
            SELECT e.content_object_id FROM cases_patientuserobjectpermission e
            WHERE e.user_id = core_acting_user()
            UNION
            SELECT b.patient_id FROM cases_breakglass b
            WHERE b.created_by_id = core_acting_user() AND b.ended_at IS NULL AND b.ends_at > core_now()
        ) AS near JOIN cases_patient p ON p.id = near.id
        WHERE (born IS NULL OR p.date_of_birth = born) AND (
            p.reference = wanted_reference OR p.nhs_number = wanted_number
            OR NOT EXISTS (
                SELECT FROM unnest(words) AS typed(word) WHERE NOT EXISTS (
                    SELECT FROM cases_searchname s
                    WHERE s.patient_id = p.id AND (strpos(s.name, typed.word) > 0 OR s.name % typed.word)
                )
            )
        )
        OFFSET 0
    ) AS found WHERE may_read_patient(found.id)
    ORDER BY found.family_name, found.given_name, found.id LIMIT most
"""

MAKE = f"""
CREATE TABLE cases_searchname (
    patient_id uuid NOT NULL REFERENCES cases_patient (id) ON DELETE CASCADE,
    name varchar(200) NOT NULL
);
CREATE INDEX cases_searchname_of_patient ON cases_searchname (patient_id) INCLUDE (name);
ALTER TABLE cases_searchname ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases_searchname FORCE ROW LEVEL SECURITY;
CREATE POLICY migrate_rows ON cases_searchname FOR ALL TO sim_owner
    USING (core_is_system()) WITH CHECK (core_is_system());
REVOKE ALL ON cases_searchname FROM sim_app;
GRANT SELECT, INSERT, DELETE ON cases_searchname TO sim_lookup;

-- All of a patient's names anew: few rows, and no case to forget.
CREATE FUNCTION cases_write_search_names(patient uuid) RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM cases_searchname WHERE patient_id = patient;
    INSERT INTO cases_searchname (patient_id, name)
        SELECT p.id, upper(spelt.name) FROM cases_patient p
        CROSS JOIN LATERAL (VALUES (p.given_name), (p.family_name), (p.preferred_name)) AS spelt(name)
        WHERE p.id = patient AND spelt.name <> ''
        UNION
        SELECT o.patient_id, upper(o.name) FROM cases_othername o WHERE o.patient_id = patient AND o.name <> '';
$$;
{owned_by_look_up("cases_write_search_names(uuid)")}
CREATE FUNCTION cases_keep_search_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'cases_patient' THEN
        PERFORM cases_write_search_names(NEW.id);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM cases_write_search_names(OLD.patient_id);
    ELSE
        PERFORM cases_write_search_names(NEW.patient_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER search_names AFTER INSERT OR UPDATE OF given_name, family_name, preferred_name ON cases_patient
    FOR EACH ROW EXECUTE FUNCTION cases_keep_search_names();
CREATE TRIGGER search_names AFTER INSERT OR UPDATE OR DELETE ON cases_othername
    FOR EACH ROW EXECUTE FUNCTION cases_keep_search_names();
-- The owner is bound by the policies too.
SELECT set_config('sim.system', 'on', true);
SELECT cases_write_search_names(id) FROM cases_patient;
SELECT set_config('sim.system', '', true);

CREATE FUNCTION lookup_patients(words text[], wanted_reference text, wanted_number text, born date, most integer)
RETURNS SETOF uuid LANGUAGE sql {DEFINER} AS $$
{SEARCH}
$$;
{owned_by_look_up("lookup_patients(text[], text, text, date, integer)")}

CREATE FUNCTION lookup_references(patients uuid[]) RETURNS TABLE (id uuid, reference varchar)
LANGUAGE sql {DEFINER} AS $$
    SELECT p.id, p.reference FROM cases_patient p WHERE p.id = ANY (patients)
$$;
{owned_by_look_up("lookup_references(uuid[])")}

CREATE FUNCTION lookup_team(patient uuid) RETURNS bigint LANGUAGE sql {DEFINER} AS $$
    SELECT p.team_id FROM cases_patient p WHERE p.id = patient
$$;
{owned_by_look_up("lookup_team(uuid)")}

CREATE FUNCTION lookup_same_person(given text, family text, born date, number text)
RETURNS TABLE (id uuid, team_id bigint, has_same_number boolean) LANGUAGE sql {DEFINER} AS $$
    SELECT p.id, p.team_id, number <> '' AND p.nhs_number = number FROM cases_patient p
    WHERE number <> '' AND p.nhs_number = number
        OR p.date_of_birth = born AND (
            upper(p.given_name) = upper(given) AND upper(p.family_name) = upper(family)
            OR EXISTS (SELECT FROM cases_othername o
                       WHERE o.patient_id = p.id AND upper(o.name) = upper(given || ' ' || family)))
    ORDER BY p.id
$$;
{owned_by_look_up("lookup_same_person(text, text, date, text)")}

-- Whom a statement for break-glass names exactly: one key, or nothing where it is nobody or more than one.
CREATE FUNCTION lookup_stated_patient(wanted_reference text, number text, full_name text, born date)
RETURNS uuid LANGUAGE sql {DEFINER} AS $$
    SELECT min(found.id::text)::uuid FROM (
        SELECT p.id FROM cases_patient p WHERE wanted_reference <> '' AND p.reference = wanted_reference
        UNION
        SELECT p.id FROM cases_patient p
        WHERE wanted_reference = '' AND number <> '' AND p.nhs_number = number AND p.date_of_birth = born
        UNION
        SELECT p.id FROM cases_patient p
        WHERE wanted_reference = '' AND number = '' AND full_name <> '' AND p.date_of_birth = born AND (
            lower(p.given_name || ' ' || p.family_name) = full_name
            OR lower(p.preferred_name || ' ' || p.family_name) = full_name
            OR EXISTS (SELECT FROM cases_othername o WHERE o.patient_id = p.id AND upper(o.name) = upper(full_name)))
        LIMIT 2
    ) AS found HAVING count(*) = 1
$$;
{owned_by_look_up("lookup_stated_patient(text, text, text, date)")}

-- How many drafts colleagues have left lying, for whoever leads them: their number, never their text.
CREATE FUNCTION lookup_old_drafts(saved_before timestamptz)
RETURNS TABLE (user_id bigint, number bigint, oldest timestamptz) LANGUAGE sql {DEFINER} AS $$
    WITH led AS (
        SELECT m.team_id FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
        WHERE m.user_id = core_acting_user() AND u.is_active AND m.ended_at IS NULL AND m.starts_on <= core_today()
            AND (m.ends_on IS NULL OR m.ends_on >= core_today())
            AND m.cleared_until >= core_today() AND m.role IN ('clinical lead', 'deputy clinical lead')
    )
    SELECT d.user_id, count(*), min(d.saved_at) FROM cases_draft d
    WHERE d.saved_at < saved_before AND d.user_id <> core_acting_user()
        AND CASE WHEN d.patient_id IS NULL THEN EXISTS (
                SELECT FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id
                WHERE m.user_id = d.user_id AND m.team_id IN (SELECT team_id FROM led) AND u.is_active
                    AND m.ended_at IS NULL AND m.starts_on <= core_today()
                    AND (m.ends_on IS NULL OR m.ends_on >= core_today()))
            ELSE may_write_patient(d.patient_id) AND EXISTS (
                SELECT FROM cases_case c WHERE c.patient_id = d.patient_id AND c.closed_on IS NULL
                    AND c.team_id IN (SELECT team_id FROM led))
            END
    GROUP BY d.user_id
$$;
GRANT SELECT ON cases_draft TO sim_lookup;
{owned_by_look_up("lookup_old_drafts(timestamptz)")}
"""  # noqa: S608  (constants of this module)
UNMAKE = """
DROP FUNCTION lookup_old_drafts(timestamptz);
REVOKE SELECT ON cases_draft FROM sim_lookup;
DROP FUNCTION lookup_stated_patient(text, text, text, date);
DROP FUNCTION lookup_same_person(text, text, date, text);
DROP FUNCTION lookup_team(uuid);
DROP FUNCTION lookup_references(uuid[]);
DROP FUNCTION lookup_patients(text[], text, text, date, integer);
DROP TRIGGER search_names ON cases_othername;
DROP TRIGGER search_names ON cases_patient;
DROP FUNCTION cases_keep_search_names();
DROP FUNCTION cases_write_search_names(uuid);
DROP TABLE cases_searchname;
"""


class Migration(migrations.Migration):
    dependencies = [("cases", "0008_row_policies")]

    operations = [
        migrations.RunSQL(MAKE, UNMAKE),
        migrations.RemoveIndex(model_name="othername", name="other_name_trigram"),
        migrations.RemoveIndex(model_name="patient", name="patient_given_name_trigram"),
        migrations.RemoveIndex(model_name="patient", name="patient_family_name_trigram"),
        migrations.RemoveIndex(model_name="patient", name="patient_preferred_trigram"),
    ]
