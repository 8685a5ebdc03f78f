"""For migrations: puts a table under the write backstop, so that each change of a row is noted beside the trail."""

from __future__ import annotations

from collections.abc import Collection

from django.db.migrations import RunSQL
from psycopg import sql


def watch_rows(
    table: str, *, key: str = "id", patient: str | None = None, unnoted: Collection[str] = ()
) -> RunSQL:
    """Note every change of this table's rows in ``audit_rowchange``, whoever makes it and by whatever way.

    ``key`` is the column that change entries name the object by, ``patient`` the one that holds a patient's key.
    A change of nothing but the ``unnoted`` columns is not noted; each stands in a test with its reason.
    The migration depends on audit's 0003.
    """
    watch = sql.SQL("SELECT audit_watch({}, {}, {}, {}::text[])").format(
        *map(sql.Literal, (table, key, patient, sorted(unnoted)))
    )
    unwatch = sql.SQL("SELECT audit_unwatch({})").format(sql.Literal(table))
    return RunSQL(watch.as_string(), unwatch.as_string())
