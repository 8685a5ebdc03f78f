"""Turns what lower apps announce into reminder rows, in their transaction. Sending is not done here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from core.access_guard import recorded_query
from core.acting import acting_as_system
from core.due import Due
from reminders.doorbell import ring
from reminders.models import Notification, Reminder

# One name for a fact and a recipient, so that whoever wrote the row knows its key without reading it back.
_KEYS = uuid.UUID("6b0f6d53-6a2c-4f5f-9d5c-0d9e6f1f5a34")
_UNIQUE = ("kind", "subject", "due_at", "recipient")
_RENEWED = (
    *("text", "link", "patient", "team", "act", "is_task", "is_urgent", "is_ticked_off"),
    *("settled_at", "withdrawn_at"),
)


class ReminderSubscriber:
    """The listener that ``core.due`` speaks to."""

    def announced(self, due: Due) -> None:
        """Write or renew one reminder per recipient.

        Announced again, an unsent reminder takes the new words; a settled one counts again; a sent one is not sent
        a second time. What is due already is handed to the worker after the commit.

        Raises: ValueError for a time without a zone, a team without what its members may do, or a link that leads out
        of the application.
        """
        if due.at.tzinfo is None:
            raise ValueError("A due time needs a time zone.")
        if due.team is not None and not due.act:
            raise ValueError("What is due in a team is for those who may do something.")
        if due.link and (not due.link.startswith("/") or due.link.startswith("//")):
            raise ValueError("A reminder links into the application only.")
        reminders = [_reminder(due, recipient) for recipient in _distinct(due.recipients)]
        if not reminders:
            return
        with recorded_query("reminders written", writes=Reminder), acting_as_system():
            Reminder.objects.bulk_create(
                reminders, update_conflicts=True, unique_fields=_UNIQUE, update_fields=_RENEWED
            )
        if due.at <= timezone.now():
            ring_after_commit([reminder.pk for reminder in reminders])

    def settled(self, *, kind: str, subject: str) -> None:
        """Mark the fact's reminders as dealt with: the unsent are not sent any more, the sent count as read."""
        of_fact = Q(kind=kind, subject=subject)
        with recorded_query("reminders settled", writes=Reminder), acting_as_system():
            unsettled = Reminder.objects.filter(of_fact, settled_at__isnull=True)
            has_any = False
            # Again until none is left, and only then the notifications: each statement sees what a worker has
            # committed (sent, handed to a lead) while the one before waited for it.
            while unsettled.update(settled_at=Now()):
                has_any = True
            if has_any:
                Notification.objects.filter(
                    reminder__kind=kind, reminder__subject=subject, read_at__isnull=True
                ).update(read_at=Now())


def ring_after_commit(ids: list[uuid.UUID]) -> None:
    """Ask the worker for these once they are committed; without a broker the loop comes to them by itself."""
    transaction.on_commit(lambda: ring(ids), robust=True)


def _reminder(due: Due, recipient: Any) -> Reminder:
    at = due.at.astimezone(UTC)
    return Reminder(
        pk=_key(due.kind, due.subject, at, recipient),
        kind=due.kind,
        subject=due.subject,
        due_at=at,
        recipient=recipient,
        patient_id=due.patient_id,
        text=due.text,
        link=due.link,
        is_task=due.is_task,
        is_urgent=due.is_urgent,
        is_ticked_off=due.is_ticked_off,
        team_id=due.team,
        act=due.act,
    )


def _key(kind: str, subject: str, at: datetime, recipient: Any) -> uuid.UUID:
    return uuid.uuid5(_KEYS, "\x1f".join([kind, subject, at.isoformat(), str(recipient.pk)]))


def _distinct(recipients: Iterable[Any]) -> list[Any]:
    """Each once, and always in one order: two announcements at the same time must not wait for each other in a ring."""
    by_key = {recipient.pk: recipient for recipient in recipients}
    return [by_key[key] for key in sorted(by_key)]
