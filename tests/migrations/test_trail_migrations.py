"""The hand-written migrations of the trail go back and forth on a database of their own, and leave what they promise."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from sim_casework.devstack.postgres import OWNER
from tests import services
from tests.databases import copy_template, make_template, migrate

COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_name ~ '^audit_' ORDER BY 1, 2
"""
RIGHTS = """
    SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
    WHERE grantee = 'sim_app' AND table_name ~ '^audit_' ORDER BY 1, 2, 3
"""
FUNCTION = (
    "SELECT prosrc, prosecdef, proconfig, proacl::text FROM pg_proc WHERE proname = 'audit_add_partitions'"
)


@pytest.fixture
def scratch() -> Iterator[str]:
    """A migrated database that nothing else uses."""
    server = services.postgres_of(services.test_paths())
    make_template(server)
    name = f"scratch_{uuid.uuid4().hex[:12]}"
    copy_template(server, name)
    yield name
    with server.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def look(name: str) -> tuple[list[tuple[object, ...]], ...]:
    with services.postgres_of(services.test_paths()).connect(name, user=OWNER) as owner:
        return tuple(owner.execute(question).fetchall() for question in (COLUMNS, RIGHTS, FUNCTION))


def test_the_trail_goes_to_zero_and_comes_back_the_same(scratch: str) -> None:
    before = look(scratch)
    assert all(before)
    migrate(scratch, "audit", "zero")
    assert look(scratch) == ([], [], [])
    migrate(scratch, "audit")
    assert look(scratch) == before


def test_one_step_back_is_possible_with_entries_in_place(scratch: str) -> None:
    server = services.postgres_of(services.test_paths())
    with server.connect(scratch) as superuser:
        superuser.execute(
            "INSERT INTO audit_logentry (action, request_id, row_mac, writer, writer_sequence)"
            " VALUES (3, gen_random_uuid(), 'x', gen_random_uuid(), 1)"
        )
        superuser.commit()
    migrate(scratch, "audit", "0001")
    migrate(scratch, "audit")
    with server.connect(scratch) as superuser:
        assert superuser.execute("SELECT count(*) FROM audit_logentry").fetchone() == (1,)


def test_the_applications_role_cannot_migrate(scratch: str) -> None:
    server = services.postgres_of(services.test_paths())
    with (
        server.connect(scratch, user="sim_app") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")
