"""The write backstop's comparison: which changes have no entry on the trail, and which entries no change.

The database does it (migration 0003 holds the rule, in one statement); here it is only asked to, in bounded steps.
"""

from __future__ import annotations

import time

from django.db import connection

CHANGES_AT_ONCE = 5000


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
