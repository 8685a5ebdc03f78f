"""What the database itself refuses: the application's role adds entries and reads them, and can do nothing else to them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.db.utils import ProgrammingError

from accounts.models import User
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from cases.models import Patient
from core.access_guard import permit_statements
from tests.people import Cast

Entries = Callable[..., list[LogEntry]]

_INSERT = (
    "INSERT INTO {table} (action, request_id, row_mac, writer, writer_sequence{more}) "
    "VALUES (3, gen_random_uuid(), 'x', gen_random_uuid(), 1{values})"
)

FORBIDDEN = [
    "UPDATE audit_logentry SET reason = 'another'",
    "UPDATE audit_entrysubject SET is_opened = false",
    "DELETE FROM audit_logentry",
    "DELETE FROM audit_entrysubject",
    "TRUNCATE audit_logentry",
    "TRUNCATE audit_entrysubject",
    "DROP TABLE audit_logentry",
    "ALTER TABLE audit_logentry DISABLE TRIGGER ALL",
    "ALTER TABLE audit_logentry OWNER TO sim_app",
    "SELECT setval('audit_logentry_id_seq', 1)",
    "SELECT * FROM audit_logentry FOR UPDATE",
    "SET ROLE sim_owner",
    "SET session_replication_role = replica",
    *(
        _INSERT.format(table="audit_logentry", more=f", {column}", values=f", {value}")
        for column, value in {
            "timestamp": "now() - interval '1 year'",
            "xid": "1",
            "epoch": "7",
            "id": "1",
        }.items()
    ),
    *(
        statement.format(table=table)
        for table in ("audit_logentry_default", "audit_logentry_{now}")
        for statement in (
            _INSERT.format(table="{table}", more="", values=""),
            "UPDATE {table} SET reason = 'another'",
            "DELETE FROM {table}",
            "TRUNCATE {table}",
            "SELECT * FROM {table}",
        )
    ),
    *(
        statement.format(table=table)
        for table in ("audit_entrysubject_default", "audit_entrysubject_{now}")
        for statement in (
            "UPDATE {table} SET is_opened = false",
            "DELETE FROM {table}",
            "SELECT * FROM {table}",
        )
    ),
]


def run(statement: str) -> None:
    with permit_statements(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_applications_role_may_not(cast: Cast, statement: str) -> None:
    this_month = dt.datetime.now(dt.UTC).strftime("%Y_%m")
    with pytest.raises(ProgrammingError, match=r"permission denied|must be (?:owner|able)|denied to set"):
        run(statement.replace("{now}", this_month))


def test_the_same_insert_without_forbidden_columns_is_allowed(cast: Cast) -> None:
    """So that the refusals above are about the columns and tables, not about a faulty statement."""
    run(_INSERT.format(table="audit_logentry", more="", values=""))


def test_the_database_sets_time_and_transaction(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"]):
        Patient.objects.get(pk=cast.nora.pk)
    (entry,) = entries(route="x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (xid,) = cursor.fetchone()
    assert entry.xid == xid
    assert abs(dt.datetime.now(dt.UTC) - entry.timestamp) < dt.timedelta(minutes=1)
    assert entry.epoch == 1
    assert all(subject.at == entry.timestamp for subject in entry.subjects)


def test_entries_are_neither_saved_nor_deleted_as_objects(
    cast: Cast, entries: Entries, unrecorded: None
) -> None:
    entry = entries()[0]
    subject = EntrySubject.objects.all()[0]
    for attempt in (entry.save, entry.delete, subject.save, subject.delete):
        with pytest.raises(TypeError):
            attempt()


def test_whoever_stands_on_the_trail_cannot_be_deleted(cast: Cast) -> None:
    with access_context(route="t", is_system=True):
        fresh = User.objects.create_user("fresh", email="fresh@example.org")
    with access_context(route="x", actor=fresh):
        pass

    def delete() -> None:
        with access_context(route="y", is_system=True):
            fresh.delete()

    with pytest.raises(ProtectedError):
        delete()


def test_content_types_of_entries_cannot_be_deleted(cast: Cast, entries: Entries, unrecorded: None) -> None:
    entry = next(entry for entry in entries() if entry.content_type is not None)
    assert entry.content_type is not None
    with pytest.raises(ProtectedError):
        entry.content_type.delete()


@pytest.mark.parametrize("name", ["auditlogflush", "auditlogmigratejson"])
def test_auditlogs_commands_that_rewrite_the_trail_are_refused(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="never emptied or rewritten"):
        call_command(name)


# Partitions.


def partitions(superuser: Any, table: str) -> set[str]:
    rows = superuser.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table]
    )
    return {name for (name,) in rows}


def test_this_month_and_the_next_ones_have_partitions(cast: Cast, superuser_connection: Any) -> None:
    month = dt.datetime.now(dt.UTC)
    for table in ("audit_logentry", "audit_entrysubject"):
        assert {f"{table}_default", f"{table}{month:_%Y_%m}"} <= partitions(superuser_connection, table)
        assert len(partitions(superuser_connection, table)) >= 5


def test_new_entries_lie_in_this_months_partition(cast: Cast, unrecorded: None) -> None:
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM audit_logentry")
        assert cursor.fetchall() == [(f"audit_logentry{dt.datetime.now(dt.UTC):_%Y_%m}",)]


def test_preparing_months_again_changes_nothing_and_gives_no_right(
    db: None, superuser_connection: Any
) -> None:
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_add_partitions(5), audit_add_partitions(5)")
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relispartition AND relname ~ '^audit_' AND relkind = 'r' AND "
            "has_table_privilege('sim_app', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')"
        )
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_logentry'::regclass")
        assert cursor.fetchone() == (7,)  # six months and the default


@pytest.mark.django_db(transaction=True)
def test_a_month_nobody_prepared_goes_to_the_default_and_stops_nothing(superuser_connection: Any) -> None:
    superuser = superuser_connection
    later = (dt.datetime.now(dt.UTC).replace(day=15) + dt.timedelta(days=31 * 8)).replace(day=15)
    name = f"audit_logentry{later:_%Y_%m}"
    superuser.execute(
        "INSERT INTO audit_logentry (timestamp, action, request_id, row_mac, writer, writer_sequence)"
        " VALUES (%s, 3, %s, 'x', %s, 1)",
        [later, uuid.uuid4(), uuid.uuid4()],
    )
    superuser.commit()
    assert superuser.execute("SELECT tableoid::regclass::text FROM audit_logentry").fetchall() == [
        ("audit_logentry_default",)
    ]
    superuser.commit()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_add_partitions(10)")
        found = partitions(superuser, "audit_logentry")
        assert name not in found
        assert len(found) == 11
    finally:
        superuser.rollback()
        made = [
            part
            for table in ("audit_logentry", "audit_entrysubject")
            for part in sorted(partitions(superuser, table))
            if part.removeprefix(table) > f"{dt.datetime.now(dt.UTC) + dt.timedelta(days=124):_%Y_%m}"
            and not part.endswith("_default")
        ]
        for part in made:
            superuser.execute(f"DROP TABLE {part}")
        superuser.commit()
