"""What the database itself refuses: changing what was signed, editing rows that are only added, police past S10 and S11."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION cases_refuse_change_of_signed_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM cases_contactsignature s WHERE s.contact_id = OLD.id) THEN
        RAISE EXCEPTION 'A signed contact stays as it is.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE FUNCTION cases_refuse_change_of_signed_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    concerned uuid[] := ARRAY[]::uuid[];
BEGIN
    IF TG_OP <> 'INSERT' THEN
        concerned := concerned || OLD.contact_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        concerned := concerned || NEW.contact_id;
    END IF;
    IF EXISTS (SELECT FROM cases_contactsignature s WHERE s.contact_id = ANY (concerned)) THEN
        RAISE EXCEPTION 'A signed contact stays as it is.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;

CREATE FUNCTION cases_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Rows of % are added and never changed.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;

-- S10: the constraint on the visit counts police by has_police, so no participant may contradict it.
CREATE FUNCTION cases_hold_police_of_visit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'cases_visit' THEN
        IF NOT NEW.has_police AND EXISTS (
            SELECT FROM cases_visitparticipant p WHERE p.visit_id = NEW.id AND p.is_police
        ) THEN
            RAISE EXCEPTION 'Police take part in this visit.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    -- The lock keeps a change of the visit from passing at the same moment.
    PERFORM FROM cases_visit v WHERE v.id = NEW.visit_id FOR SHARE;
    IF NEW.is_police AND NOT EXISTS (
        SELECT FROM cases_visit v WHERE v.id = NEW.visit_id AND v.has_police
    ) THEN
        RAISE EXCEPTION 'This visit has no police.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- S11: a contact with a police participant says that police attended.
CREATE FUNCTION cases_hold_police_of_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'cases_contact' THEN
        IF NOT NEW.police_attended AND EXISTS (
            SELECT FROM cases_contactparticipant p WHERE p.contact_id = NEW.id AND p.is_police
        ) THEN
            RAISE EXCEPTION 'Police took part in this contact.' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    PERFORM FROM cases_contact c WHERE c.id = NEW.contact_id FOR SHARE;
    IF NEW.is_police AND NOT EXISTS (
        SELECT FROM cases_contact c WHERE c.id = NEW.contact_id AND c.police_attended
    ) THEN
        RAISE EXCEPTION 'This contact says that no police attended.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- S11: closed once, and by nobody who wrote the contact or took part in it.
CREATE FUNCTION cases_hold_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR OLD.closed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'A review is closed once and never removed.' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM cases_contact c WHERE c.id = NEW.contact_id AND c.created_by_id = NEW.closed_by_id
    ) OR EXISTS (
        SELECT FROM cases_contactparticipant p
        WHERE p.contact_id = NEW.contact_id AND p.user_id = NEW.closed_by_id
    ) THEN
        RAISE EXCEPTION 'Whoever was involved may not close the review.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""

TRIGGERS = {
    ("cases_contact", "signed_contact_stays"): (
        "BEFORE UPDATE OR DELETE",
        "cases_refuse_change_of_signed_contact",
    ),
    ("cases_contactclinicalnote", "signed_contact_stays"): (
        "BEFORE INSERT OR UPDATE OR DELETE",
        "cases_refuse_change_of_signed_part",
    ),
    ("cases_contactparticipant", "signed_contact_stays"): (
        "BEFORE INSERT OR UPDATE OR DELETE",
        "cases_refuse_change_of_signed_part",
    ),
    ("cases_contactsignature", "only_added"): ("BEFORE UPDATE OR DELETE", "cases_refuse_change"),
    ("cases_contactaddendum", "only_added"): ("BEFORE UPDATE OR DELETE", "cases_refuse_change"),
    ("cases_contactstrikeout", "only_added"): ("BEFORE UPDATE OR DELETE", "cases_refuse_change"),
    ("cases_visitoutcome", "only_added"): ("BEFORE UPDATE OR DELETE", "cases_refuse_change"),
    ("cases_visit", "police_as_participants_say"): ("BEFORE UPDATE", "cases_hold_police_of_visit"),
    ("cases_visitparticipant", "police_as_visit_says"): (
        "BEFORE INSERT OR UPDATE",
        "cases_hold_police_of_visit",
    ),
    ("cases_contact", "police_as_participants_say"): ("BEFORE UPDATE", "cases_hold_police_of_contact"),
    ("cases_contactparticipant", "police_as_contact_says"): (
        "BEFORE INSERT OR UPDATE",
        "cases_hold_police_of_contact",
    ),
    ("cases_contactreview", "review_by_others"): (
        "BEFORE INSERT OR UPDATE OR DELETE",
        "cases_hold_review",
    ),
}

MAKE = FUNCTIONS + "\n".join(
    f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();"
    for (table, name), (when, function) in TRIGGERS.items()
)
UNMAKE = "\n".join(
    [
        *(f"DROP TRIGGER {name} ON {table};" for table, name in TRIGGERS),
        *(f"DROP FUNCTION {name}();" for name in sorted({function for _, function in TRIGGERS.values()})),
    ]
)


class Migration(migrations.Migration):
    dependencies = [("cases", "0002_patient_search")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
