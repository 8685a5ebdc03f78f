"""Openings by break-glass in words: for the list of reviews, the page of one, and the banner. Makes no query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from audit.selectors import Line
from audit.sentences import KINDS, tell
from cases.models import BreakGlass, BreakGlassReview
from cases.presenters.patients import name_with_reference, record_href
from cases.selectors.break_glass import OpenGlass
from core.formatting import clock_time, counted, duration, local_day, moment, reference

HOME = "home"


@dataclass(frozen=True, slots=True)
class Banner:
    """What every page about a patient says while its reader has broken the glass."""

    until: str
    left: str
    ends_at: datetime
    reason: str
    end_href: str


@dataclass(frozen=True, slots=True)
class OpenNow:
    """One record that its reader may go back to, in a list of tasks."""

    title: str
    href: str
    about: str
    status: dict[str, str]


@dataclass(frozen=True, slots=True)
class ToReview:
    """One line of a list of tasks."""

    title: str
    href: str
    about: str
    hint: str
    due_on: date
    status: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Something that was done under break-glass: what, how often, when."""

    what: str
    kind: str
    times: str
    when: str


def present_banner(glass: OpenGlass) -> Banner:
    return Banner(
        until=clock_time(glass.ends_at),
        left=_left(glass.ends_at),
        ends_at=glass.ends_at,
        reason=glass.reason,
        end_href=reverse("cases:break_glass_end", args=[glass.patient_id, glass.key]),
    )


def present_open(openings: Iterable[BreakGlass]) -> list[OpenNow]:
    return [
        OpenNow(
            title=f"Record open to read until {clock_time(glass.ends_at)}",
            href=record_href(glass.patient),
            about=name_with_reference(glass.patient),
            # Not the time left: nothing counts it down here.
            status={"text": "Read only", "tone": "yellow"},
        )
        for glass in openings
    ]


def present_to_review(openings: Iterable[BreakGlass]) -> list[ToReview]:
    return [
        ToReview(
            title=f"Break-glass by {glass.created_by}",
            href=review_href(glass),
            about=reference(glass.patient.reference),
            hint=f"{moment(glass.opened_at)}. {glass.get_reason_display()}",
            due_on=local_day(glass.review_due_at),
            status={"text": "Still open", "tone": "yellow"} if glass.is_open else None,
        )
        for glass in openings
    ]


def review_href(glass: BreakGlass) -> str:
    return reverse("cases:break_glass_review", args=[glass.patient_id, glass.pk])


def opening_rows(glass: BreakGlass) -> list[dict[str, Any]]:
    """Who, whom, why, from when to when. The patient by reference alone."""
    return [
        _row("Who", f"{glass.created_by}, {glass.opened_as}"),
        _row("Patient", reference(glass.patient.reference)),
        _row("Why it could not wait", str(glass.get_reason_display())),
        _row("In their words", glass.sentence, is_text=True),
        _row("Opened", moment(glass.opened_at)),
        _row(*_end(glass)),
        _row("Review due", moment(glass.review_due_at)),
    ]


def review_rows(review: BreakGlassReview) -> list[dict[str, Any]]:
    return [
        _row("Reviewed by", f"{review.created_by}, {moment(review.created_at)}"),
        _row("Outcome", str(review.get_outcome_display())),
        _row("Found", review.words, is_text=True),
    ]


def what_was_opened(lines: Iterable[Line]) -> list[Opened]:
    """The pages of that time in plain sentences, like ones together, in the order in which they first happened.

    Without the asking itself and the rows that opening and ending wrote: those stand above the list. Nor the author's
    home page, which leads back to whatever is open.
    """
    found: dict[tuple[str, str], list[datetime]] = {}
    for line in lines:
        (subject,) = line.subjects
        told = tell(line.entry, is_opened=subject.is_opened, relationship=subject.relationship)
        if told.kind not in ("searched", "changed") and line.entry.route != HOME:
            found.setdefault((told.what, told.kind), []).append(line.entry.timestamp)
    return [
        Opened(_sentence(what), KINDS[kind], counted(len(at), "time"), _when(at))
        for (what, kind), at in found.items()
    ]


def _left(ends_at: datetime) -> str:
    left = max(ends_at - timezone.now(), timedelta(0))
    return duration(left) if left.total_seconds() >= 60 else "less than a minute"


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]


def _when(at: list[datetime]) -> str:
    first, last = clock_time(at[0]), clock_time(at[-1])
    return first if first == last else f"{first} to {last}"


def _end(glass: BreakGlass) -> tuple[str, str]:
    if glass.ended_at:
        return "Ended", f"{moment(glass.ended_at)} by {glass.ended_by}"
    if glass.is_open:
        return "Ends", moment(glass.ends_at)
    return "Ended", f"{moment(glass.ends_at)}, when its time was over"


def _row(key: str, value: str, *, is_text: bool = False) -> dict[str, Any]:
    return {"key": key, "value": value, "is_text": is_text}
