"""The second lock, as SQL for migrations: policies that bind the application, the owner and any human reader.

``protect`` is for a table whose rows are about one patient. What the rules say is in the functions that the migrations of
``cases`` make; what they must equal is ``cases.permissions``. Migrations use this module, so nothing here may change
what it returns: a new need is a new function.
"""

from __future__ import annotations

READ = "may_read_patient({patient})"
READ_CLINICAL = "may_read_clinical({patient})"
WRITE = "may_write_patient({patient})"
WRITE_CLINICAL = "may_write_clinical({patient})"


def protect(table: str, *, patient: str = "patient_id", read: str = READ, write: str = WRITE) -> str:
    """Policies for one table: rows are read by ``read`` and written by ``write``, conditions on the row.

    ``{patient}`` in a condition stands for the column that names the patient.
    """
    return policies(table, read=read.format(patient=patient), write=write.format(patient=patient))


def policies(table: str, *, read: str, write: str, insert: str = "") -> str:
    """The same for conditions written out; ``insert`` where a new row is held to another one than a change."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY read_rows ON {table} FOR SELECT TO sim_app USING (core_is_system() OR {read});
CREATE POLICY add_rows ON {table} FOR INSERT TO sim_app WITH CHECK (core_is_system() OR {insert or write});
CREATE POLICY change_rows ON {table} FOR UPDATE TO sim_app
    USING (core_is_system() OR {write}) WITH CHECK (core_is_system() OR {write});
CREATE POLICY remove_rows ON {table} FOR DELETE TO sim_app USING (core_is_system() OR {write});
-- The owner sees nothing unless a migration says that it is the system at work.
CREATE POLICY migrate_rows ON {table} FOR ALL TO sim_owner USING (core_is_system()) WITH CHECK (core_is_system());
"""


def unprotect(table: str) -> str:
    """Undoes ``protect`` and ``policies``."""
    dropped = "".join(
        f"DROP POLICY {name} ON {table};\n"
        for name in ("read_rows", "add_rows", "change_rows", "remove_rows", "migrate_rows")
    )
    return f"{dropped}ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;\nALTER TABLE {table} DISABLE ROW LEVEL SECURITY;\n"


def owned_by_look_up(signature: str) -> str:
    """For a SECURITY DEFINER function: owned by the role that policies do not bind, callable by the application alone."""
    return f"""
ALTER FUNCTION {signature} OWNER TO sim_lookup;
REVOKE ALL ON FUNCTION {signature} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {signature} TO sim_app, sim_owner;
"""
