"""The database keeps until when a role is cleared: by triggers over checks, registrations and memberships themselves."""

from django.db import migrations

# Two transactions at once: whoever adds a role and whoever adds a check lock the person first, so that the later one
# sees the other's row. Updates meet at the membership's row; a trigger's statements see what was committed meanwhile.
MAKE = """
-- Of each kind the check recorded last counts, also when its date is the earlier one. Of registrations one suffices.
CREATE FUNCTION accounts_cleared_until(of_user bigint, in_role text) RETURNS date LANGUAGE plpgsql AS $$
DECLARE
    cleared date;
    registered date;
BEGIN
    IF in_role NOT IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead') THEN
        RETURN DATE '9999-12-31';
    END IF;
    SELECT CASE WHEN count(*) = 3 THEN min(newest.valid_until) END INTO cleared FROM (
        SELECT DISTINCT ON (kind) valid_until FROM accounts_staffcheck
        WHERE user_id = of_user AND kind IN ('training', 'vetting', 'confidentiality agreement')
        ORDER BY kind, id DESC
    ) AS newest;
    IF in_role <> 'police mentor' AND cleared IS NOT NULL THEN
        SELECT max(valid_until) INTO registered FROM accounts_professionalregistration WHERE user_id = of_user;
        cleared := CASE WHEN registered IS NOT NULL THEN least(cleared, registered) END;
    END IF;
    RETURN cleared;
END $$;

CREATE FUNCTION accounts_hold_cleared_until() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM accounts_user WHERE id = NEW.user_id FOR NO KEY UPDATE;
    END IF;
    NEW.cleared_until := accounts_cleared_until(NEW.user_id, NEW.role);
    RETURN NEW;
END $$;
CREATE TRIGGER cleared_until BEFORE INSERT OR UPDATE ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION accounts_hold_cleared_until();

CREATE FUNCTION accounts_renew_cleared_until() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    concerned bigint[] := ARRAY[]::bigint[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        concerned := concerned || OLD.user_id::bigint;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        concerned := concerned || NEW.user_id::bigint;
    END IF;
    PERFORM FROM accounts_user WHERE id = ANY (concerned) ORDER BY id FOR NO KEY UPDATE;
    -- The membership's own trigger computes the date.
    UPDATE accounts_membership SET cleared_until = NULL WHERE user_id = ANY (concerned);
    RETURN NULL;
END $$;
CREATE TRIGGER cleared_until AFTER INSERT ON accounts_staffcheck
    FOR EACH ROW EXECUTE FUNCTION accounts_renew_cleared_until();
CREATE TRIGGER cleared_until AFTER INSERT OR UPDATE OR DELETE ON accounts_professionalregistration
    FOR EACH ROW EXECUTE FUNCTION accounts_renew_cleared_until();

CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are added and never changed.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON accounts_staffcheck
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();

UPDATE accounts_membership SET cleared_until = NULL;
"""

UNMAKE = """
DROP TRIGGER only_added ON accounts_staffcheck;
DROP TRIGGER cleared_until ON accounts_professionalregistration;
DROP TRIGGER cleared_until ON accounts_staffcheck;
DROP TRIGGER cleared_until ON accounts_membership;
DROP FUNCTION accounts_refuse_change();
DROP FUNCTION accounts_renew_cleared_until();
DROP FUNCTION accounts_hold_cleared_until();
DROP FUNCTION accounts_cleared_until(bigint, text);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_staff_checks")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
