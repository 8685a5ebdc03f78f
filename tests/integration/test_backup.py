"""Backup and restore as docs/operations describes them: owners and rights come back, and the trail stays unchangeable."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from sim_casework.devstack.paths import REPOSITORY
from sim_casework.devstack.postgres import OWNER, PostgresServer
from tests import services

GUIDE = (REPOSITORY / "docs/operations/README.md").read_text()
RESTORE = ["pg_restore", "--exit-on-error", "-d"]
# Who may do what with each table, and with the columns of the trail.
RIGHTS = """
    SELECT table_name, '', grantee, privilege_type FROM information_schema.role_table_grants
    WHERE table_schema = 'public'
    UNION ALL
    SELECT table_name, column_name, grantee, privilege_type FROM information_schema.column_privileges
    WHERE table_name LIKE 'audit\\_%'
"""
OWNERS = "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
TRIGGERS = "SELECT tgname, tgrelid::regclass::text, tgenabled FROM pg_trigger WHERE NOT tgisinternal"


@pytest.fixture
def server() -> PostgresServer:
    return services.postgres_of(services.test_paths())


@pytest.fixture
def restored(server: PostgresServer, db_name: str, tmp_path: Path) -> Iterator[str]:
    """A copy of this process's database, made by way of a dump."""
    name, dump = f"{db_name}_restored", tmp_path / "sim_casework.dump"
    run(server, "pg_dump", "-U", "sim_backup", "-Fc", "-f", str(dump), db_name)
    with server.connect() as superuser:
        superuser.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
        )
        try:
            run(server, *RESTORE, name, "-U", "postgres", str(dump))
            yield name
        finally:
            superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def run(server: PostgresServer, program: str, *arguments: str) -> None:
    command: list[str | Path] = [server.bin / program, "-h", str(server.sockets), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_guide_restores_as_this_test_does() -> None:
    restoring = GUIDE.split("## Backup and restore")[1].split("\n## ")[0]
    assert f"{' '.join(RESTORE)} sim_casework sim_casework.dump" in restoring
    assert "pg_dump -h HOST -U sim_backup -Fc" in restoring


@pytest.mark.django_db
def test_a_restored_database_has_the_same_owners_rights_and_triggers(
    server: PostgresServer, restored: str, db_name: str
) -> None:
    with server.connect(db_name) as original, server.connect(restored) as copy:
        for question in (RIGHTS, OWNERS, TRIGGERS):
            found = set(copy.execute(question))
            assert found
            assert found == set(original.execute(question))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["UPDATE audit_logentry SET actor_name = 'somebody'", "DELETE FROM audit_entrysubject"]
)
def test_the_application_cannot_change_a_restored_trail(
    server: PostgresServer, restored: str, statement: str
) -> None:
    with (
        server.connect(restored, user="sim_app") as application,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        application.execute(statement)
