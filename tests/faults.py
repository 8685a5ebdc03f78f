"""Ways in which the trail or the database can fail under a request, each as it really happens: PostgreSQL itself fails.

A fault is put in by the superuser or by killing the application's own connection; ``Fault.gone`` puts all right again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

# Well above what a healthy statement takes here, and far below a test's patience.
_WAIT = "150ms"


@dataclass(frozen=True)
class Fault:
    """``inject(superuser, count)`` is a context; ``count`` is how many statements the request makes when all is well.

    ``meets`` is what one of a request's statements has to name for the fault to be in its way.
    """

    name: str
    inject: Callable[[psycopg.Connection[Any], int], Any]
    meets: str = ""
    # A change may have been saved as a whole before the fault: then with its entry.
    is_after_commit: bool = False

    def is_in_the_way_of(self, statements: Sequence[str]) -> bool:
        return any(re.search(self.meets, statement) for statement in statements)


@contextmanager
def _trigger(superuser: psycopg.Connection[Any], table: str, code: str, *, when: str) -> Iterator[None]:
    superuser.execute(
        "CREATE OR REPLACE FUNCTION injected_fault() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{code}'; END $$"
    )
    superuser.execute(
        f"CREATE {when} ON {table} {_TIMES[when]} FOR EACH ROW EXECUTE FUNCTION injected_fault()"
    )
    try:
        yield
    finally:
        superuser.execute("DROP FUNCTION injected_fault() CASCADE")


_AT_ONCE = "TRIGGER injected_fault BEFORE INSERT"
_AT_COMMIT = "CONSTRAINT TRIGGER injected_fault AFTER INSERT"
_TIMES = {_AT_ONCE: "", _AT_COMMIT: "DEFERRABLE INITIALLY DEFERRED"}


def _raises(table: str, code: str, *, when: str = _AT_ONCE) -> Callable[..., Any]:
    return lambda superuser, count: _trigger(superuser, table, code, when=when)


def _locked(table: str) -> Callable[..., Any]:
    @contextmanager
    def inject(superuser: psycopg.Connection[Any], count: int) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{_WAIT}'")
        with superuser.transaction(force_rollback=True):
            superuser.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    return inject


def _slow(table: str) -> Callable[..., Any]:
    """The statement hangs until its time is up."""

    @contextmanager
    def inject(superuser: psycopg.Connection[Any], count: int) -> Iterator[None]:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{_WAIT}'")
        with superuser.transaction(force_rollback=True):
            superuser.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield

    return inject


def _revoked(privilege: str, table: str) -> Callable[..., Any]:
    """The application's role loses a right; column by column where it was given so."""

    @contextmanager
    def inject(superuser: psycopg.Connection[Any], count: int) -> Iterator[None]:
        columns = [
            name
            for (name,) in superuser.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " AND has_column_privilege('sim_app', attrelid, attnum, %s)",
                [table, privilege],
            )
        ]
        superuser.execute(f"REVOKE {privilege} ON {table} FROM sim_app")
        try:
            yield
        finally:
            listed = ", ".join(f'"{name}"' for name in columns)
            superuser.execute(f"GRANT {privilege} ({listed}) ON {table} TO sim_app")

    return inject


@contextmanager
def _schema_closed(superuser: psycopg.Connection[Any], count: int) -> Iterator[None]:
    superuser.execute("REVOKE USAGE ON SCHEMA public FROM sim_app")
    try:
        yield
    finally:
        superuser.execute("GRANT USAGE ON SCHEMA public TO sim_app")


class Killer:
    """Ends the application's connection in front of one of its statements, if it comes to that statement."""

    def __init__(self, superuser: psycopg.Connection[Any], at: int) -> None:
        self.superuser, self.at, self.count = superuser, at, 0

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        if self.count == self.at:
            kill(self.superuser)
        return execute(sql, params, many, context)

    @property
    def came_too_late(self) -> bool:
        """The request had fewer statements than when it was heard (others have been at work since)."""
        return self.count < self.at


def kill(superuser: psycopg.Connection[Any]) -> None:
    driver = connection.connection
    if driver is not None and not driver.closed:
        # Waits until it has ended.
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [driver.info.backend_pid])


def _killed_at(part: float) -> Callable[..., Any]:
    """In front of the statement that lies so far along the request's way."""

    @contextmanager
    def inject(superuser: psycopg.Connection[Any], count: int) -> Iterator[Killer]:
        killer = Killer(superuser, 1 + round(part * (count - 1)))
        with connection.execute_wrapper(killer):
            yield killer

    return inject


def _killed_before_entry(superuser: psycopg.Connection[Any], count: int) -> Any:
    """Between render and the writing of the entry."""

    def before(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        if "INSERT INTO audit_logentry" in str(statement):
            kill(superuser)
        return execute(statement, params, many, context)

    return connection.execute_wrapper(before)


@contextmanager
def _killed_at_commit(superuser: psycopg.Connection[Any], count: int) -> Iterator[None]:
    """Between the writing of the entry and the commit."""
    commit, done = connection._commit, []

    def broken() -> None:
        if not done:
            done.append(1)
            kill(superuser)
        commit()

    connection._commit = broken
    try:
        yield
    finally:
        del connection._commit


@contextmanager
def full_disk(server_user: Any, superuser: psycopg.Connection[Any]) -> Iterator[None]:
    """The trail's tables on a file system of their own with not one page left."""
    folder = Path(tempfile.mkdtemp(prefix="sim-full-"))
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", str(folder)], check=True)
    tables = _partitions(superuser)
    try:
        place = folder / "tables"
        place.mkdir()
        os.chown(place, server_user.uid, server_user.gid)
        superuser.execute(sql.SQL("CREATE TABLESPACE injected LOCATION {}").format(sql.Literal(str(place))))
        for table in tables:
            superuser.execute(f"TRUNCATE {table}")
            superuser.execute(f"ALTER TABLE {table} SET TABLESPACE injected")
        # Unbuffered, or closing the file would try once more.
        with (folder / "filler").open("wb", buffering=0) as filler, _until_full():
            while True:
                filler.write(b"x" * 4096)
        yield
    finally:
        (folder / "filler").unlink(missing_ok=True)
        for table in tables:
            superuser.execute(f"ALTER TABLE {table} SET TABLESPACE pg_default")
        superuser.execute("CHECKPOINT")
        superuser.execute("DROP TABLESPACE IF EXISTS injected")
        subprocess.run(["/bin/umount", str(folder)], check=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        assert error.errno == 28, error  # noqa: PT017  (no space left is what was wanted)


def _partitions(superuser: psycopg.Connection[Any]) -> list[str]:
    return [
        name
        for (name,) in superuser.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent IN"
            " ('audit_logentry'::regclass, 'audit_entrysubject'::regclass)"
        )
    ]


_ENTRY, _SUBJECT = "INSERT INTO audit_logentry", "INSERT INTO audit_entrysubject"
FAULTS = [
    Fault("the entry is refused", _raises("audit_logentry", "P0001"), _ENTRY),
    Fault("the subject is refused", _raises("audit_entrysubject", "P0001"), _SUBJECT),
    Fault("the disk is said to be full", _raises("audit_logentry", "53100"), _ENTRY),
    Fault("memory is said to be out", _raises("audit_entrysubject", "53200"), _SUBJECT),
    Fault("refused at the commit", _raises("audit_entrysubject", "23514", when=_AT_COMMIT), _SUBJECT),
    Fault("the right to write entries is taken", _revoked("INSERT", "audit_logentry"), _ENTRY),
    Fault("the right to write subjects is taken", _revoked("INSERT", "audit_entrysubject"), _SUBJECT),
    Fault("the right to read patients is taken", _revoked("SELECT", "cases_patient"), '"cases_patient"'),
    Fault("the right to read sessions is taken", _revoked("SELECT", "accounts_session"), "accounts_session"),
    Fault("the schema is closed to the role", _schema_closed),
    Fault("the entries are locked", _locked("audit_logentry"), _ENTRY),
    Fault("the subjects are locked until time is up", _slow("audit_entrysubject"), _SUBJECT),
    Fault("the sessions are locked", _locked("accounts_session"), "accounts_session"),
    Fault("the patients are locked", _locked("cases_patient"), '"cases_patient"'),
    Fault("killed at the first statement", _killed_at(0.0)),
    Fault("killed early", _killed_at(0.25)),
    Fault("killed half-way", _killed_at(0.5)),
    Fault("killed late", _killed_at(0.75)),
    Fault("killed at the last statement", _killed_at(1.0), is_after_commit=True),
    Fault("killed between render and entry", _killed_before_entry, _ENTRY),
    Fault("killed between entry and commit", _killed_at_commit, _ENTRY),
]
