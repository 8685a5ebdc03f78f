"""Seeing and ending sessions: one's own, and all of somebody who leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import Session, User
from accounts.permissions import require_manageable
from accounts.session_clock import ENDED_USER, earliest_still_open
from accounts.session_store import SessionStore
from audit.context import PendingEntry, current_context
from audit.models import LogEntry
from audit.writing import session_reference
from core.errors import DomainError

REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One place somebody is signed in. ``reference`` names it without giving the session key away."""

    reference: str
    device: str
    signed_in_at: datetime
    last_seen_at: datetime
    is_this_one: bool


def open_sessions(user: User, *, this_key: str | None) -> list[OpenSession]:
    """Where the user is signed in now, this browser first, then the latest."""
    found = [
        OpenSession(
            reference=session_reference(row.session_key),
            device=row.device,
            signed_in_at=row.signed_in_at,
            last_seen_at=row.last_seen_at,
            is_this_one=row.session_key == this_key,
        )
        for row in _open_rows(user)
        if row.signed_in_at is not None and row.last_seen_at is not None
    ]
    return sorted(found, key=lambda s: (not s.is_this_one, -s.last_seen_at.timestamp()))


def end_session_called(*, by: User, reference: str) -> None:
    """End one of the user's own sessions; its next request is signed out.

    Raises: DomainError when there is no such session any more.
    """
    for row in _open_rows(by):
        if session_reference(row.session_key) == reference:
            _end(row)
            return
    raise DomainError("That session has already ended.")


def end_other_sessions(*, by: User, this_key: str | None) -> int:
    """End all of the user's sessions but this one; returns how many there were."""
    others = [row for row in _open_rows(by) if row.session_key != this_key]
    for row in others:
        _end(row)
    return len(others)


def end_sessions_of(*, by: User, user: User) -> int:
    """End all of somebody's sessions, for example when their phone was stolen; returns how many were open.

    They may sign in again, and what was typed in an open form is kept for them. Recorded as their sign-out.

    Raises: NotVisible for people out of reach; DomainError for oneself.
    """
    require_manageable(by, user)
    if by.pk == user.pk:
        raise DomainError("End your own sessions on your own page.")
    rows = list(_open_rows(user))
    for row in rows:
        _end(row)
    end_all_sessions(user)
    current_context().note(
        PendingEntry(
            action=LogEntry.Action.SIGN_OUT, actor=user, reason=f"Every session was ended by {by.username}"
        )
    )
    return len(rows)


def end_all_sessions(user: User) -> None:
    """For services that close or reset an account, in their transaction."""
    Session.objects.filter(user=user).delete()


def ended_elsewhere(session_key: str) -> int | None:
    """Whose session this key opened until it was ended from the list of sessions, at most a day ago."""
    user_id = SessionStore(_marker(session_key)).get(ENDED_USER)
    return user_id if isinstance(user_id, int) else None


def _end(row: Session) -> None:
    """The row goes, so that no request under way can save it back to life; its marker opens nothing."""
    Session.objects.save(_marker(row.session_key), {ENDED_USER: row.user_id}, timezone.now() + REMEMBERED)
    row.delete()


def _marker(session_key: str) -> str:
    # As long as a session key may be; found only by who holds the cookie of the ended session.
    return salted_hmac("accounts.ended_session", session_key, algorithm="sha256").hexdigest()[:40]


def _open_rows(user: User) -> Iterable[Session]:
    signed_in_since, seen_since = earliest_still_open(timezone.now())
    return Session.objects.filter(user=user, signed_in_at__gt=signed_in_since, last_seen_at__gt=seen_since)
