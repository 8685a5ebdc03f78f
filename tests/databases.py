"""Test databases: one migrated template a run, a copy of it for each process, and the clean-up the application's role may not do.

Registered by tests/services.py; conftest files need no import.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
import time_machine
from django.db import connections
from django.test import TransactionTestCase
from django.utils import timezone
from psycopg import sql
from pytest_django import DjangoDbBlocker

from core import acting
from sim_casework.devstack.paths import REPOSITORY
from sim_casework.devstack.postgres import OWNER, PostgresServer
from tests.services import postgres_of, test_paths

TEMPLATE = "sim_casework_template"
TEMPLATE_LOCK = 2021
_database_settings = acting.database_settings
TRAVELLING_CLOCK = """
CREATE OR REPLACE FUNCTION core_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('sim_test.now', true), '')::timestamptz, statement_timestamp())
$$
"""
# Written by migrate and never by a test.
KEPT_TABLES = {"django_migrations", "django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of Django's own: the application's role may neither create databases nor flush them."""
    server = postgres_of(test_paths())
    name = f"test_sim_casework_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    make_template(server)
    copy_template(server, name)
    with django_db_blocker.unblock():
        connections["default"].close()
        # The same dictionary that the settings hold, and so the one of every thread's connection.
        connections["default"].settings_dict["NAME"] = name
    with server.connect(name) as superuser, pytest.MonkeyPatch.context() as patch:
        cleaner = Cleaner.after_migrations(superuser)
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _self: cleaner.clean())
        patch.setattr(acting, "database_settings", settings_with_the_tests_clock)
        yield
        with django_db_blocker.unblock():
            connections.close_all()


@pytest.fixture
def owner_connection(db_name: str) -> Iterator[psycopg.Connection]:
    """A connection of the tables' owner, past Django; it does not see what a test has not committed."""
    with postgres_of(test_paths()).connect(db_name, user=OWNER) as connection:
        yield connection


@pytest.fixture
def superuser_connection(db_name: str) -> Iterator[psycopg.Connection]:
    """A connection that no right and no policy binds."""
    with postgres_of(test_paths()).connect(db_name) as connection:
        yield connection


@pytest.fixture
def db_name(django_db_setup: None) -> str:
    return str(connections["default"].settings_dict["NAME"])


def make_template(server: PostgresServer) -> None:
    """Migrate once a run, by whichever process comes first; the others wait for it."""
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        # Marked as a template only when it is complete.
        made = connection.execute("SELECT FROM pg_database WHERE datname = %s AND datistemplate", [TEMPLATE])
        if made.rowcount:
            return
        server.provision(TEMPLATE)
        migrate(TEMPLATE)
        with server.connect(TEMPLATE) as superuser:
            superuser.execute(TRAVELLING_CLOCK)
        connection.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(TEMPLATE)))


def settings_with_the_tests_clock(who: acting.Acting) -> dict[str, str]:
    """Tests that travel in time take the database's policies along; the product has no such setting."""
    is_travelling = time_machine.escape_hatch.is_travelling()
    return _database_settings(who) | {"sim_test.now": timezone.now().isoformat() if is_travelling else ""}


def copy_template(server: PostgresServer, name: str) -> None:
    with server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                *map(sql.Identifier, (name, TEMPLATE, OWNER))
            )
        )


def migrate(database: str, *arguments: str) -> None:
    """As the owner, in a process of its own: this one's connections belong to the application's role."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity=0", *arguments],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "sim_casework.settings.test",
            "DATABASE_NAME": database,
            "DATABASE_USER": OWNER,
        },
        check=True,
    )


@dataclass
class Cleaner:
    """Brings a database back to what the migrations left. Sequences go on counting, as they do after a rollback."""

    connection: psycopg.Connection
    tables: list[sql.Identifier]
    rows_of_migrations: list[tuple[sql.Identifier, bytes]]

    @classmethod
    def after_migrations(cls, connection: psycopg.Connection) -> "Cleaner":
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname"
        )
        tables = [sql.Identifier(name) for (name,) in found if name not in KEPT_TABLES]
        # Triggers, foreign keys and guards hold for the application; here they would only be in the way.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET lock_timeout = '20s'")
        cleaner = cls(connection, tables, [])
        for table in cleaner.tables_with_rows():
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(table)) as rows:
                cleaner.rows_of_migrations.append((table, b"".join(bytes(part) for part in rows)))
        return cleaner

    def clean(self) -> None:
        with self.connection.transaction():
            for table in self.tables_with_rows():
                self.connection.execute(sql.SQL("DELETE FROM {}").format(table))
            for table, rows in self.rows_of_migrations:
                with self.connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
                    copy.write(rows)
            # The clean-up is noted as well: the write backstop's triggers fire always.
            self.connection.execute("DELETE FROM audit_rowchange")

    def tables_with_rows(self) -> list[sql.Identifier]:
        if not self.tables:
            return []
        questions = [
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(number), table)
            for number, table in enumerate(self.tables)
        ]
        found = self.connection.execute(sql.SQL(" UNION ALL ").join(questions))
        return [self.tables[number] for (number,) in found]
