"""When a session ends: after a while of doing nothing, and at the latest after a working day. The server's clock counts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

SIGNED_IN_AT = "signed_in_at"
LAST_SEEN_AT = "last_seen_at"
DEVICE = "device"
# Who had been signed in when this browser's session ended, by a limit, by signing out (another tab still has its form
# open) or from elsewhere: what the browser still posts is kept for that user alone.
ENDED_USER = "ended_user"

_LONGEST_DEVICE = 200


def start(session: SessionBase, *, device: str = "") -> None:
    """Called at sign-in."""
    now = time.time()
    session[SIGNED_IN_AT] = now
    session[LAST_SEEN_AT] = now
    session[DEVICE] = device.replace("\x00", "")[:_LONGEST_DEVICE]
    session.pop(ENDED_USER, None)


def extend(session: SessionBase, *, at_once: bool = False) -> None:
    """Somebody is at work. Written at most once a minute, so that reading does not become writing."""
    now = time.time()
    pause = min(60.0, settings.SESSION_IDLE_LIMIT.total_seconds() / 10)
    if at_once or now - _number(session.get(LAST_SEEN_AT)) >= pause:
        session[LAST_SEEN_AT] = now


def ends_at(session: SessionBase) -> datetime:
    """A session that does not say when it began is over."""
    idle = moment(session.get(LAST_SEEN_AT)) + settings.SESSION_IDLE_LIMIT
    absolute = moment(session.get(SIGNED_IN_AT)) + settings.SESSION_ABSOLUTE_LIMIT
    return min(idle, absolute)


def why_over(session: SessionBase, now: datetime) -> str:
    """The reason in words, or nothing while the session goes on."""
    if now >= moment(session.get(SIGNED_IN_AT)) + settings.SESSION_ABSOLUTE_LIMIT:
        return "The session had reached its longest time"
    if now >= moment(session.get(LAST_SEEN_AT)) + settings.SESSION_IDLE_LIMIT:
        return "Nothing had been done for a while"
    return ""


def earliest_still_open(now: datetime) -> tuple[datetime, datetime]:
    """The oldest sign-in and the oldest last sign of life of a session that is not over."""
    return now - settings.SESSION_ABSOLUTE_LIMIT, now - settings.SESSION_IDLE_LIMIT


def moment(stored: object) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_number(stored))


def _number(stored: object) -> float:
    return float(stored) if isinstance(stored, int | float) else 0.0
