"""Visits as words and links. Needs participants, outcome and author loaded; makes no query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from cases.models import Visit, VisitOutcome
from cases.models.visit import Purpose
from cases.presenters.patients import name_with_reference
from cases.selectors.visits import outcome_of
from core.addresses import address
from core.formatting import clock_time, moment

_TONES = {
    VisitOutcome.Kind.HAPPENED: "green",
    VisitOutcome.Kind.ATTEMPTED: "yellow",
    VisitOutcome.Kind.DECLINED: "grey",
    VisitOutcome.Kind.CANCELLED: "grey",
}


@dataclass(frozen=True, slots=True)
class Tag:
    text: str
    tone: str = "grey"


@dataclass(frozen=True, slots=True)
class VisitRow:
    """A visit in a list. ``about`` names the patient where the list is not about one."""

    at: datetime
    time: str
    moment: str
    title: str
    href: str
    who: str
    place: str
    tag: Tag
    is_waiting: bool
    log_href: str
    outcome_href: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class VisitPage:
    """Everything on a visit's own page."""

    title: str
    tag: Tag
    rows: list[tuple[str, str]]
    note: str
    is_waiting: bool
    log_href: str
    outcome_href: str
    change_href: str
    contact_href: str = ""
    tags: list[Tag] = field(default_factory=list)


def present_visits(visits: Iterable[Visit], *, names_patient: bool = False) -> list[VisitRow]:
    """``names_patient`` needs the patient loaded with each visit."""
    return [_row(visit, names_patient) for visit in visits]


def _row(visit: Visit, names_patient: bool) -> VisitRow:
    return VisitRow(
        at=visit.planned_for,
        time=clock_time(visit.planned_for),
        moment=moment(visit.planned_for),
        title=purpose_words(visit.purpose),
        href=visit_href(visit),
        who=participant_names(visit),
        place=visit.place,
        tag=visit_tag(visit),
        is_waiting=outcome_of(visit) is None,
        log_href=log_href(visit),
        outcome_href=address("cases:visit_outcome", visit.patient_id, visit.pk),
        about=name_with_reference(visit.patient) if names_patient else "",
    )


def present_visit(visit: Visit) -> VisitPage:
    outcome = outcome_of(visit)
    rows = [
        ("When", moment(visit.planned_for)),
        ("What for", purpose_words(visit.purpose)),
        ("Who takes part", participant_names(visit)),
        ("Place", visit.place),
        ("Planned by", f"{visit.created_by}, {moment(visit.created_at)}"),
    ]
    if outcome is not None:
        rows.append(("Recorded by", f"{outcome.created_by}, {moment(outcome.created_at)}"))
    return VisitPage(
        title=f"Visit: {purpose_words(visit.purpose)}",
        tag=visit_tag(visit),
        rows=rows,
        note=outcome.note if outcome else "",
        is_waiting=outcome is None,
        log_href=log_href(visit),
        outcome_href=address("cases:visit_outcome", visit.patient_id, visit.pk),
        change_href=address("cases:visit_change", visit.patient_id, visit.pk),
    )


def visit_href(visit: Visit) -> str:
    return address("cases:visit", visit.patient_id, visit.pk)


def log_href(visit: Visit) -> str:
    """Where the contact of this visit is logged."""
    return f"{address('cases:contact_log', visit.patient_id)}?visit={visit.pk}"


def visit_tag(visit: Visit) -> Tag:
    outcome = outcome_of(visit)
    if outcome is not None:
        kind = VisitOutcome.Kind(outcome.kind)
        return Tag(kind.label, _TONES[kind])
    if visit.planned_for < timezone.now():
        return Tag("Outcome missing", "yellow")
    return Tag("Planned", "blue")


def participant_names(visit: Visit) -> str:
    return named_people((str(row.user), row.is_police) for row in visit.participants.all())


def named_people(people: Iterable[tuple[str, bool]]) -> str:
    """Amira Adeyemi, Pete Parr (police)"""
    return ", ".join(f"{name} (police)" if is_police else name for name, is_police in people)


def purpose_words(value: str) -> str:
    return str(Purpose(value).label) if value else ""
