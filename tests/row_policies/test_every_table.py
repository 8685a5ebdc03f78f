"""Each table of the domain with rows in it, against somebody who has no part in any of them: read, changed, removed, added."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from cases.models import BreakGlassAttempt, OtherName, PatientUserObjectPermission, RelatedPerson
from cases.services.authorship import authorship
from cases.services.break_glass import end_break_glass
from cases.services.signed_contacts import add_addendum, strike_out_contact
from cases.services.visits import record_visit_outcome
from core.access_guard import permit_statements
from core.acting import Acting, acting
from tests.break_glass import reviewed
from tests.contact_log import at_work, looking
from tests.permissions.everything import make_everything

pytestmark = pytest.mark.django_db

# What the application has no right to do to anybody's rows, whatever a policy says.
NO_RIGHT = {
    (table, command)
    for table in ("audit_alert", "audit_alertentry", "audit_alertstep")
    for command in ("UPDATE", "DELETE")
}

# Who a row is by, or for.
PERSON = {"user_id", "created_by_id", "recipient_id", "worker_id", "by_id"}
# Anybody may add one in their own name; it shows them nothing that they did not write.
OWN = {"cases_breakglassattempt", "reminders_reminder"}


@pytest.fixture
def stranger(db: None) -> int:
    """Everything there can be is there, and none of it theirs: no role, no task, no alert."""
    everything = make_everything()
    cast, glass = everything.cast, everything.break_glass
    amira, lena, nora = cast["amira"], cast["lena"], cast.nora
    with at_work(lena):
        end_break_glass(by=lena, patient_id=glass.patient_id, key=glass.pk)
    reviewed(lena, glass)
    with at_work(amira):
        record_visit_outcome(by=amira, visit=everything.visit, kind="attempted", note="Nobody in.")
        add_addendum(by=amira, contact=everything.signed, reason="Forgotten", text="The bus was late.")
        strike_out_contact(by=amira, contact=everything.signed, reason="Wrong record")
        OtherName.objects.create(patient=nora, kind="alias", name="Nora Heron", **authorship(amira))
        RelatedPerson.objects.create(patient=nora, kind="next of kin", name="Jo Quill", **authorship(amira))
    with looking():
        BreakGlassAttempt.objects.create(user=cast["sol"])
        PatientUserObjectPermission.objects.create(
            user=cast["sol"],
            permission=Permission.objects.get(codename="view_patient"),
            content_object=nora,
            reason="stands in",
            granted_by=lena,
            expires_at=timezone.now() + dt.timedelta(hours=1),
        )
    return int(cast["odd"].pk)


def refused(user: int, statement: str) -> str:
    """How many rows it concerned, or in which words the database refused it; undone either way."""
    with permit_statements(), acting(Acting(user=user)):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                transaction.set_rollback(True)
                return f"{cursor.rowcount} rows"
        except DatabaseError as error:
            return str(error).splitlines()[0]


def tables() -> list[str]:
    """Each that has policies for the application; that none lacks them is held by test_catalogue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tablename::text FROM pg_policies WHERE 'sim_app' = ANY (roles) ORDER BY 1"
        )
        return [table for (table,) in cursor.fetchall()]


def of_each_table(command: str, ask: Callable[[str], str]) -> dict[str, str]:
    return {table: ask(table) for table in tables() if (table, command) not in NO_RIGHT}


def test_there_is_a_row_in_each_table(stranger: int) -> None:
    with acting(Acting(is_system=True)), permit_statements(), connection.cursor() as cursor:
        empty = []
        for table in tables():
            cursor.execute(f"SELECT 1 FROM {table}")  # noqa: S608  (names of the catalogue)
            if not cursor.rowcount:
                empty.append(table)
    assert not empty, " ".join(empty)


def test_nothing_is_read(stranger: int) -> None:
    found = of_each_table("SELECT", lambda table: refused(stranger, f"SELECT 1 FROM {table}"))  # noqa: S608
    assert found == dict.fromkeys(found, "0 rows")


def test_nothing_is_changed(stranger: int) -> None:
    """No column is named that would have to be read first: the policy for changing stands alone."""

    def change(table: str) -> str:
        return refused(stranger, f"UPDATE {table} SET {_column(table)} = NULL")  # noqa: S608

    found = of_each_table("UPDATE", change)
    assert found == dict.fromkeys(found, "0 rows")


def test_nothing_is_removed(stranger: int) -> None:
    found = of_each_table("DELETE", lambda table: refused(stranger, f"DELETE FROM {table}"))  # noqa: S608
    assert found == dict.fromkeys(found, "0 rows")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_own", [False, True])
def test_nothing_is_added(stranger: int, superuser_connection: psycopg.Connection, is_own: bool) -> None:
    """A copy of what is there, also in one's own name; without the triggers, which would refuse some before the policy."""
    superuser_connection.execute("SET session_replication_role = replica")

    def add(table: str) -> str:
        with superuser_connection.transaction(force_rollback=True):
            ask = f"SELECT to_jsonb(t) FROM {table} t LIMIT 1"  # noqa: S608
            ((row,),) = superuser_connection.execute(ask.encode()).fetchall()
            if is_own:
                row |= dict.fromkeys(PERSON & row.keys(), stranger)
            superuser_connection.execute("SET LOCAL ROLE sim_app")
            superuser_connection.execute("SELECT set_config('sim.user', %s, true)", [str(stranger)])
            copy = f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s)"  # noqa: S608
            try:
                superuser_connection.execute(copy.encode(), [Jsonb(row)])
            except psycopg.errors.UniqueViolation:
                return "added"
            except psycopg.Error as error:
                return str(error).splitlines()[0]
        return "added"

    found = of_each_table("INSERT", add)
    words = "new row violates row-level security policy for table"
    allowed = dict.fromkeys(OWN, "added") if is_own else {}
    assert found == {table: f'{words} "{table}"' for table in found} | allowed


@pytest.mark.parametrize(("table", "command"), sorted(NO_RIGHT))
def test_what_it_has_no_right_to_do_is_refused_to_everybody(stranger: int, table: str, command: str) -> None:
    statement = {
        "UPDATE": f"UPDATE {table} SET {_column(table)} = NULL",  # noqa: S608
        "DELETE": f"DELETE FROM {table}",  # noqa: S608
    }[command]
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        acting(Acting(is_system=True)),
        permit_statements(),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def _column(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attname <> 'id' ORDER BY attnum LIMIT 1",
            [table],
        )
        return str(cursor.fetchone()[0])
