"""What the database itself refuses: changing what was submitted or approved (S07), approval by an author (S02) or of an
incomplete plan (S01), and a sign-off out of turn. The services say the same in words; this is the second lock.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION crisis_plans_refuse(words text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', words USING ERRCODE = 'check_violation';
END $$;

-- Volatile, so that it sees what was committed while the caller waited for the version's lock.
CREATE FUNCTION crisis_plans_last_sign_off(wanted uuid) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE found_kind text;
BEGIN
    SELECT kind INTO found_kind FROM crisis_plans_plansignoff
        WHERE version_id = wanted ORDER BY sequence DESC LIMIT 1;
    RETURN coalesce(found_kind, 'none');
END $$;

CREATE FUNCTION crisis_plans_guard_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last_kind text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM crisis_plans_refuse('A version of a plan is never deleted.');
    END IF;
    IF NOT EXISTS (SELECT FROM crisis_plans_crisisresponseplan p
                   WHERE p.id = NEW.plan_id AND p.patient_id = NEW.patient_id) THEN
        PERFORM crisis_plans_refuse('A version belongs to the patient of its plan.');
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT NEW.is_open THEN
            PERFORM crisis_plans_refuse('A new version is open.');
        END IF;
        RETURN NEW;
    END IF;
    last_kind := crisis_plans_last_sign_off(OLD.id);
    IF to_jsonb(NEW) - 'is_open' IS DISTINCT FROM to_jsonb(OLD) - 'is_open'
       AND last_kind IN ('submitted', 'approved', 'discarded') THEN
        PERFORM crisis_plans_refuse('This version was ' || last_kind || ' and cannot be changed.');
    END IF;
    IF NEW.is_open IS DISTINCT FROM OLD.is_open
       AND (NEW.is_open OR last_kind NOT IN ('approved', 'discarded')) THEN
        PERFORM crisis_plans_refuse('A version closes when it is approved or discarded.');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION crisis_plans_guard_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted uuid;
    last_kind text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        wanted := OLD.version_id;
    ELSE
        wanted := NEW.version_id;
        IF TG_OP = 'UPDATE' AND NEW.version_id <> OLD.version_id THEN
            PERFORM crisis_plans_refuse('A part stays with its version.');
        END IF;
        IF NOT EXISTS (SELECT FROM crisis_plans_planversion v
                       WHERE v.id = wanted AND v.patient_id = NEW.patient_id) THEN
            PERFORM crisis_plans_refuse('A part belongs to the patient of its version.');
        END IF;
    END IF;
    -- Waits for a decision that is being made, and holds off the next one.
    PERFORM FROM crisis_plans_planversion WHERE id = wanted FOR SHARE;
    last_kind := crisis_plans_last_sign_off(wanted);
    IF last_kind IN ('submitted', 'approved', 'discarded') THEN
        PERFORM crisis_plans_refuse('This version was ' || last_kind || ' and cannot be changed.');
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION crisis_plans_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crisis_plans_refuse('Rows of ' || TG_TABLE_NAME || ' are never changed or deleted.');
    RETURN NULL;
END $$;

CREATE FUNCTION crisis_plans_guard_sign_off() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    signed crisis_plans_planversion%ROWTYPE;
    last_kind text;
BEGIN
    SELECT * INTO signed FROM crisis_plans_planversion WHERE id = NEW.version_id FOR NO KEY UPDATE;
    IF signed.patient_id IS DISTINCT FROM NEW.patient_id THEN
        PERFORM crisis_plans_refuse('A sign-off belongs to the patient of its version.');
    END IF;
    IF signed.revision <> NEW.revision THEN
        PERFORM crisis_plans_refuse('The version has been changed since it was read.');
    END IF;
    last_kind := crisis_plans_last_sign_off(NEW.version_id);
    IF NEW.kind IN ('submitted', 'discarded') THEN
        IF last_kind NOT IN ('none', 'returned', 'withdrawn') THEN
            PERFORM crisis_plans_refuse('A version that was ' || last_kind || ' cannot be ' || NEW.kind || '.');
        END IF;
    ELSIF last_kind <> 'submitted' THEN
        PERFORM crisis_plans_refuse('Only a submitted version can be ' || NEW.kind || '.');
    END IF;
    IF NEW.kind IN ('approved', 'returned') AND EXISTS (
        SELECT FROM crisis_plans_planauthor WHERE version_id = NEW.version_id AND user_id = NEW.created_by_id
    ) THEN
        PERFORM crisis_plans_refuse('S02: an author decides on no version of their own.');
    END IF;
    IF NEW.kind = 'approved' THEN
        PERFORM crisis_plans_check_complete(signed, (NEW.created_at AT TIME ZONE 'Europe/London')::date);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION crisis_plans_check_complete(signed crisis_plans_planversion, signed_on date)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF signed.involvement = ''
       OR (signed.involvement <> 'took part'
           AND (btrim(signed.involvement_reason) = '' OR signed.involvement_retry_on IS NULL)) THEN
        PERFORM crisis_plans_refuse('S01: how the person was involved is not recorded.');
    END IF;
    IF btrim(signed.what_helps) = '' OR signed.is_own_words IS NULL
       OR (signed.involvement = 'took part' AND NOT signed.is_own_words) THEN
        PERFORM crisis_plans_refuse('S01: what helps is missing, or not marked as whose words it is.');
    END IF;
    IF NOT EXISTS (SELECT FROM crisis_plans_planaction WHERE version_id = signed.id) THEN
        PERFORM crisis_plans_refuse('S01: at least one supportive action is needed.');
    END IF;
    IF signed.review_on IS NULL OR signed.review_on < signed_on
       OR signed.review_on > signed_on + interval '6 months' THEN
        PERFORM crisis_plans_refuse('S01: the review date is missing, past or more than 6 months ahead.');
    END IF;
END $$;

CREATE FUNCTION crisis_plans_close_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crisis_plans_planversion SET is_open = false WHERE id = NEW.version_id;
    RETURN NULL;
END $$;
"""

TRIGGERS = """
CREATE TRIGGER guard_version BEFORE INSERT OR UPDATE OR DELETE ON crisis_plans_planversion
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_version();
CREATE TRIGGER guard_part BEFORE INSERT OR UPDATE OR DELETE ON crisis_plans_planaction
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_part();
CREATE TRIGGER guard_part BEFORE INSERT OR UPDATE OR DELETE ON crisis_plans_plancall
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_part();
CREATE TRIGGER guard_part BEFORE INSERT OR UPDATE OR DELETE ON crisis_plans_planservicepart
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_part();
CREATE TRIGGER guard_part BEFORE INSERT ON crisis_plans_planauthor
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_part();
CREATE TRIGGER never_change BEFORE UPDATE OR DELETE ON crisis_plans_planauthor
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_never_change();
CREATE TRIGGER never_change BEFORE UPDATE OR DELETE ON crisis_plans_plansignoff
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_never_change();
CREATE TRIGGER guard_sign_off BEFORE INSERT ON crisis_plans_plansignoff
    FOR EACH ROW EXECUTE FUNCTION crisis_plans_guard_sign_off();
CREATE TRIGGER close_version AFTER INSERT ON crisis_plans_plansignoff
    FOR EACH ROW WHEN (NEW.kind IN ('approved', 'discarded')) EXECUTE FUNCTION crisis_plans_close_version();
"""

REVERSE = """
DROP TRIGGER close_version ON crisis_plans_plansignoff;
DROP TRIGGER guard_sign_off ON crisis_plans_plansignoff;
DROP TRIGGER never_change ON crisis_plans_plansignoff;
DROP TRIGGER never_change ON crisis_plans_planauthor;
DROP TRIGGER guard_part ON crisis_plans_planauthor;
DROP TRIGGER guard_part ON crisis_plans_planservicepart;
DROP TRIGGER guard_part ON crisis_plans_plancall;
DROP TRIGGER guard_part ON crisis_plans_planaction;
DROP TRIGGER guard_version ON crisis_plans_planversion;
DROP FUNCTION crisis_plans_close_version();
DROP FUNCTION crisis_plans_guard_sign_off();
DROP FUNCTION crisis_plans_check_complete(crisis_plans_planversion, date);
DROP FUNCTION crisis_plans_never_change();
DROP FUNCTION crisis_plans_guard_part();
DROP FUNCTION crisis_plans_guard_version();
DROP FUNCTION crisis_plans_last_sign_off(uuid);
DROP FUNCTION crisis_plans_refuse(text);
"""


class Migration(migrations.Migration):
    dependencies = [("crisis_plans", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS + TRIGGERS, REVERSE)]
