"""What the second lock left to the code: a row stays with its patient, case and team, and a grant goes to one's own team.

Row policies ask whether a row may be written, and of two patients whom somebody may write, both answers are yes.
"""

from django.db import migrations

TABLES = {
    "cases_patient": ("team_id",),
    "cases_case": ("patient_id", "team_id"),
    "cases_contact": ("patient_id", "case_id"),
    "cases_visit": ("patient_id", "case_id"),
    **dict.fromkeys(
        (
            "cases_breakglass",
            "cases_breakglassreview",
            "cases_contactaddendum",
            "cases_contactclinicalnote",
            "cases_contactparticipant",
            "cases_contactreview",
            "cases_contactsignature",
            "cases_contactstrikeout",
            "cases_othername",
            "cases_relatedperson",
            "cases_visitoutcome",
            "cases_visitparticipant",
        ),
        ("patient_id",),
    ),
}
FUNCTION = """
CREATE FUNCTION cases_refuse_another_patient() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A row of % stays with its patient, case and team.', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
"""


def _trigger(table: str, columns: tuple[str, ...]) -> str:
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return (
        f"CREATE TRIGGER whose_it_is_stays BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed})"
        " EXECUTE FUNCTION cases_refuse_another_patient();\n"
    )


GRANTS = "cases_patientgroupobjectpermission"
_WRITE = "may_write_patient(content_object_id)"
_OWN_TEAM = f"({_WRITE} AND group_id = ANY ((SELECT acting_groups())::integer[]))"


def _grants(held: str) -> str:
    return f"""
ALTER POLICY add_rows ON {GRANTS} WITH CHECK (core_is_system() OR {held});
ALTER POLICY change_rows ON {GRANTS} USING (core_is_system() OR {_WRITE}) WITH CHECK (core_is_system() OR {held});
"""


MAKE = FUNCTION + "".join(_trigger(*of) for of in TABLES.items()) + _grants(_OWN_TEAM)
UNMAKE = (
    _grants(_WRITE)
    + "".join(f"DROP TRIGGER whose_it_is_stays ON {table};\n" for table in TABLES)
    + "DROP FUNCTION cases_refuse_another_patient();\n"
)


class Migration(migrations.Migration):
    dependencies = [("cases", "0017_review_outcome")]

    operations = [migrations.RunSQL(MAKE, UNMAKE)]
