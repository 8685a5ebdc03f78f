"""Fills an empty, migrated database by SQL as the superuser: invented teams, patients, a log and a year of the trail.

Loaded, not told through services: a quarter of a million contacts would take the services an hour.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.sizes import Size

logger = logging.getLogger(__name__)

SCRIPTS = Path(__file__).with_name("sql")
# Filled faster without; the parents' partitions follow.
_HEAVY = ("audit_logentry", "audit_entrysubject", "cases_contact", "cases_contactparticipant")


def seed(connection: psycopg.Connection, size: Size) -> None:
    """One transaction after another, in the order of the scripts' names; then VACUUM and ANALYZE, as autovacuum would."""
    facts = {
        "patients": size.patients,
        "teams": size.teams,
        "contacts": size.contacts_per_patient,
        "entries": size.entries,
    }
    for name, value in facts.items():
        connection.execute("SELECT set_config(%s, %s, false)", [f"bench.{name}", str(value)])
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '1GB'")
    connection.execute("SET work_mem = '256MB'")
    with _plain_indexes_dropped(connection):
        for script in sorted(SCRIPTS.glob("*.sql")):
            started = time.monotonic()
            with connection.transaction():
                connection.execute(script.read_bytes())
            logger.info("%s took %.1f s", script.name, time.monotonic() - started)
    connection.execute("VACUUM (ANALYZE, FREEZE)")
    connection.execute("CHECKPOINT")


@contextmanager
def _plain_indexes_dropped(connection: psycopg.Connection) -> Iterator[None]:
    """Without the indexes that hold no constraint; made again afterwards from the database's own words."""
    indexes = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY(%s::regclass[]) AND NOT indisunique",
        [list(_HEAVY)],
    ).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in indexes:
        # "ON ONLY" is how the parent of partitions is written; without it the partitions get theirs.
        connection.execute(definition.replace(" ON ONLY ", " ON ").encode())
