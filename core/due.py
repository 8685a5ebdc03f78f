"""Where lower apps announce what falls due, in the transaction of the fact that causes it.

A synchronous registry: ``reminders`` subscribes and keeps the rows; nothing here is stored or sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

from django.utils import timezone


@dataclass(frozen=True, slots=True)
class Due:
    """Something falls due for somebody.

    ``kind`` names the rule ("plan-review"), ``subject`` the row it is about ("crisis_plans.planversion:<uuid>"),
    ``at`` an aware UTC time, ``recipients`` users; ``text`` and ``link`` are shown in the application only, never
    in e-mail. With ``is_task`` somebody has to do it, and it stays open until settled; ``is_ticked_off`` is for a
    task without a fact of its own that could settle it. No clinical-only text belongs into ``text``.

    Whom it is for besides its recipients: with a patient, whoever may see them. Without one, whoever holds a role that
    carries ``act`` in ``team`` (its key) or for one of its organisations, and nobody else, the recipients included, once
    their role or its checks have ended; with the act alone, its recipients while a role of theirs carries it. With
    neither it is personal: only its recipient ever sees it.
    """

    kind: str
    subject: str
    at: datetime
    recipients: Sequence[Any]
    text: str
    link: str
    patient_id: uuid.UUID | None = None
    is_task: bool = True
    is_urgent: bool = False
    is_ticked_off: bool = False
    team: int | None = None
    act: str = ""


class DueSubscriber(Protocol):
    def announced(self, due: Due) -> None: ...

    def settled(self, *, kind: str, subject: str) -> None: ...


_subscribers: list[DueSubscriber] = []


def subscribe(subscriber: DueSubscriber) -> None:
    """Register the one listener; called from AppConfig.ready."""
    if subscriber not in _subscribers:
        _subscribers.append(subscriber)


def announce(due: Due) -> None:
    """Tell that something falls due. Runs in the caller's transaction: both are kept, or neither."""
    _each(lambda subscriber: subscriber.announced(due))


def reschedule(due: Due) -> None:
    """Tell that it falls due at another time, or for others: settles what was announced and announces anew."""
    settle(kind=due.kind, subject=due.subject)
    announce(due)


def due_moment(on: date, at: time = time(9)) -> datetime:
    """The UTC moment of a clock time in the installation's time zone (London).

    A time that the clocks skip in spring is an hour later; of one that they repeat in autumn, the first is meant.
    """
    local = datetime.combine(on, at.replace(tzinfo=None, fold=0), tzinfo=timezone.get_default_timezone())
    return local.astimezone(UTC)


def settle(*, kind: str, subject: str) -> None:
    """Tell that what was announced is done or no longer applies; unsent reminders of it are withdrawn."""
    _each(lambda subscriber: subscriber.settled(kind=kind, subject=subject))


def _each(call: Callable[[DueSubscriber], None]) -> None:
    for subscriber in _subscribers:
        call(subscriber)
