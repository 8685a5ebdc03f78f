"""Reminders as pages show them. Makes words and links from what selectors have loaded; no query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any

from django.urls import reverse

from cases.models import Patient
from cases.presenters.patients import name_with_reference
from core.formatting import local_day
from reminders.models import EmailMessageOut, Notification, Reminder


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task, as the ``task_list`` component draws it; ``tick_off_href`` where nothing else settles it."""

    title: str
    href: str
    about: str
    due_on: date
    hint: str = ""
    status: dict[str, str] | None = None
    tick_off_href: str = ""


@dataclass(frozen=True, slots=True)
class NotificationLine:
    text: str
    href: str
    about: str
    at: datetime
    tag: dict[str, str] | None
    mark_read_href: str


@dataclass(frozen=True, slots=True)
class StuckEmailLine:
    to: str
    problem: str
    stuck_at: datetime
    queued_at: datetime
    count: int
    reference: str
    decide_href: str
    decisions: list[tuple[str, str]] = field(default_factory=list)


def present_task(reminder: Reminder) -> TaskLine:
    """For ``components/tasks.jinja``, on any page that lists tasks."""
    return TaskLine(
        title=reminder.text,
        href=reminder.link,
        about=_about(reminder.patient),
        due_on=local_day(reminder.due_at),
        status={"text": "Urgent", "tone": "red"} if reminder.is_urgent else None,
        tick_off_href=reverse("reminders:tick_off", args=[reminder.pk]) if reminder.is_ticked_off else "",
    )


def present_team_tasks(reminders: Iterable[Reminder]) -> list[TaskLine]:
    """One line per task, however many people have it; the hint says who. Keeps the order of the due times."""

    def of_one_task(reminder: Reminder) -> Any:
        return reminder.due_at, reminder.kind, reminder.subject

    lines = []
    for _, group in groupby(sorted(reminders, key=of_one_task), key=of_one_task):
        rows = list(group)
        people = sorted({str(row.recipient) for row in rows})
        first = rows[0]
        lines.append(
            TaskLine(
                title=first.text,
                href=first.link,
                about=_about(first.patient),
                due_on=local_day(first.due_at),
                hint=f"With {', '.join(people)}",
            )
        )
    return lines


def present_notification(notification: Notification) -> NotificationLine:
    reminder = notification.reminder
    is_unread = notification.read_at is None
    return NotificationLine(
        text=reminder.text,
        href=reminder.link,
        about=_about(reminder.patient),
        at=notification.created_at,
        tag=_tag(reminder, is_unread),
        mark_read_href=reverse("reminders:mark_read", args=[notification.pk]) if is_unread else "",
    )


def present_stuck_email(email: EmailMessageOut) -> StuckEmailLine:
    assert email.stuck_at is not None
    return StuckEmailLine(
        to=f"{email.recipient} ({email.recipient.email})",
        problem=email.get_problem_display(),
        stuck_at=email.stuck_at,
        queued_at=email.queued_at,
        count=email.reminder_count,
        reference=str(email.pk),
        decide_href=reverse("reminders:decide_email", args=[email.pk]),
        decisions=list(EmailMessageOut.Decision.choices),
    )


def _about(patient: Patient | None) -> str:
    return name_with_reference(patient) if patient else ""


def _tag(reminder: Reminder, is_unread: bool) -> dict[str, str] | None:
    if reminder.is_settled:
        return {"text": "Done", "tone": "green"}
    if reminder.is_urgent and is_unread:
        return {"text": "Urgent", "tone": "red"}
    return {"text": "New", "tone": "blue"} if is_unread else None
