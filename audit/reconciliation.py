"""The write backstop's comparison: which changes have no entry on the trail, and which entries no change.

The database does it (migration 0003 holds the rule, in one statement); here it is only asked to, in bounded steps.
"""

from __future__ import annotations

import time
from datetime import datetime

from django.db import connection

from audit.models import UnexplainedChange
from core.access_guard import recorded_query

CHANGES_AT_ONCE = 5000

_AGAIN = """
SELECT found.* FROM audit_comparison AS done, lookup_unexplained_changes(
    coalesce((SELECT min(xid) FROM audit_rowchange WHERE at >= %(since)s AND id > done.floor_change), 0),
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint, done.floor_change, done.floor_entry) AS found
WHERE %(since)s::timestamptz IS NULL OR found.at >= %(since)s
"""


def compare_changes(seconds: float) -> bool:
    """Compare what is finished and not compared yet, for about ``seconds``; whether all of it is.

    Nothing running is waited for: its changes are compared once it is over. Each step is a transaction of its own and
    moves the bookmark with what it found, so that a step is done exactly once, whoever asks and however often. The
    application can neither move the bookmark nor write or remove a finding.
    """
    until = time.monotonic() + seconds
    while _compare_step():
        if time.monotonic() > until:
            return False
    return True


def _compare_step() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_compare(%s)", [CHANGES_AT_ONCE])
        (has_more,) = cursor.fetchone()
    return bool(has_more)


def compare_again(since: datetime | None) -> list[UnexplainedChange]:
    """What does not match among all finished changes from ``since`` on, compared anew, and what was kept before.

    Independent of the bookmark: a finding that somebody kept from being made by moving it appears here all the same.
    The caller holds the right to read the trail. Oldest first; unsaved rows, except for those kept before.
    """
    with recorded_query("changes compared with the trail anew"), connection.cursor() as cursor:
        cursor.execute(_AGAIN, {"since": since})
        names = [column.name for column in cursor.description]
        anew = [UnexplainedChange(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]
    kept = UnexplainedChange.objects.filter(**({"at__gte": since} if since else {}))
    found = {(change.kind, change.source_id): change for change in [*kept, *anew]}
    return sorted(found.values(), key=lambda change: (change.at, change.source_id))
