"""Tells the database who is at work, for one transaction: its row policies, the second lock, ask for it.

The settings are local to the transaction: a pooled connection carries nothing over to the next user. Whom they let see
what is decided by the functions that ``cases`` installs (its migration of row policies).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus


@dataclass(frozen=True, slots=True)
class Acting:
    """``user`` is the key of who is at work; ``is_system`` means the application itself, which sees every row."""

    user: int | None = None
    is_system: bool = False
    request: uuid.UUID | None = None


_NOBODY = Acting()
_now: ContextVar[Acting] = ContextVar("acting", default=_NOBODY)


@contextmanager
def acting(who: Acting) -> Iterator[None]:
    """Let the statements inside run for ``who``; afterwards for whoever it was before, be it nobody.

    The setting outlives a released savepoint, and the transaction may go on: so it is put back by name. A transaction
    that takes no statement any more is rolled back, and the setting with it.

    Raises: TransactionManagementError outside of a transaction, where the setting would be gone before it is asked for.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("Who is at work is said inside of a transaction.")
    before = _now.get()
    try:
        with _said(who):
            yield
    finally:
        if _is_sound():
            _tell_database(before)


@contextmanager
def acting_transaction(who: Acting) -> Iterator[None]:
    """A transaction whose statements run for ``who``, from its first to its last.

    It ends where this ends, and the setting with it: nothing is put back, which spares each request a statement.
    Inside of another transaction it is a savepoint, and what held before is put back.
    """
    if connection.in_atomic_block:
        with transaction.atomic(), acting(who):
            yield
    else:
        with transaction.atomic(), _said(who):
            yield


@contextmanager
def _said(who: Acting) -> Iterator[None]:
    token = _now.set(who)
    try:
        _tell_database(who)
        yield
    finally:
        _now.reset(token)


@contextmanager
def asking_about(user: int) -> Iterator[None]:
    """Ask what another user may do. Nothing changes where it is the one at work, or the system."""
    now = _now.get()
    if now.is_system or now.user == user:
        yield
        return
    with acting(replace(now, user=user)):
        yield


@contextmanager
def acting_as_system() -> Iterator[None]:
    """For rows that are kept for somebody else, such as reminders for colleagues. Call inside a transaction.

    Nothing changes where the system is at work already. An architecture test refuses other callers.
    """
    now = _now.get()
    if now.is_system:
        yield
        return
    with acting(replace(now, is_system=True)):
        yield


def _is_sound() -> bool:
    """Whether the transaction still takes statements."""
    driver = connection.connection
    return not connection.needs_rollback and driver.info.transaction_status is TransactionStatus.INTRANS


def _tell_database(who: Acting) -> None:
    settings = database_settings(who)
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [part for setting in settings.items() for part in setting])


def database_settings(who: Acting) -> dict[str, str]:
    """The settings that row policies and triggers read, by name."""
    return {
        "sim.user": str(who.user or ""),
        "sim.system": "on" if who.is_system else "",
        "sim.request": str(who.request or ""),
    }
