"""The caseload as rows: a name is never without its reference, a date never without its word."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode

from django.urls import reverse

from cases.models import Case
from cases.presenters.patients import record_href
from cases.selectors.caseload import MINE, TEAM, CaseloadPage, Narrowed


@dataclass(frozen=True, slots=True)
class CaseloadRow:
    name: str
    preferred_name: str
    reference: str
    href: str
    next_review: date | None
    last_contact: datetime | None
    overdue: list[str]
    mentors: str


@dataclass(frozen=True, slots=True)
class FilterTag:
    text: str
    remove_href: str


def present_caseload(page: CaseloadPage, *, overdue: Mapping[uuid.UUID, list[str]]) -> list[CaseloadRow]:
    """``overdue`` by patient; what is missing there reads as none."""
    return [
        CaseloadRow(
            name=case.patient.full_name,
            preferred_name=case.patient.preferred_name,
            reference=case.patient.reference,
            href=record_href(case.patient),
            next_review=vars(case)["next_review"],
            last_contact=vars(case)["last_contact"],
            overdue=overdue.get(case.patient_id, []),
            mentors=_mentors(case),
        )
        for case in page.cases
    ]


@dataclass(frozen=True, slots=True)
class UnmentoredLine:
    """A case that lacks a mentor, as components/tasks.jinja draws it; the link hands it over."""

    title: str
    about: str
    href: str
    hint: str


def present_unmentored(cases: Iterable[Case]) -> list[UnmentoredLine]:
    """The rows come from ``cases_without_mentor``, which says of each mentor whether they work here today."""
    return [
        UnmentoredLine(
            case.patient.full_name,
            case.patient.reference,
            reverse("cases:case_hand_over", args=[case.patient_id]),
            "; ".join(_lacking(case)),
        )
        for case in cases
    ]


def _lacking(case: Case) -> list[str]:
    mentors = [
        (case.clinical_mentor, "clinical mentor", case.clinical_works, case.clinical_is_here),  # type: ignore[attr-defined]
        (case.police_mentor, "police mentor", case.police_works, case.police_is_here),  # type: ignore[attr-defined]
    ]
    return [
        f"{mentor}, {part}: {'a staff check is not in date' if is_here else 'no longer in the team'}"
        for mentor, part, works, is_here in mentors
        if not works
    ]


def caseload_href(
    narrowed: Narrowed | None = None, *, after: uuid.UUID | None = None, before: uuid.UUID | None = None
) -> str:
    """The address of one page of the list as it is narrowed."""
    query: dict[str, str] = {}
    if narrowed is not None:
        query["scope"] = narrowed.scope
        if narrowed.mentor:
            query["mentor"] = str(narrowed.mentor)
        if narrowed.is_overdue:
            query["overdue"] = "on"
    if after or before:
        query["after" if after else "before"] = str(after or before)
    address = reverse("caseload")
    return f"{address}?{urlencode(query)}" if query else address


def filter_tags(narrowed: Narrowed, names: Mapping[str, str], *, has_choice: bool) -> list[FilterTag]:
    """One tag for each filter in use; taking one away keeps the others."""
    if not has_choice:
        return []
    tags = []
    if narrowed.mentor:
        name = names[str(narrowed.mentor)]
        tags.append(FilterTag(f"Mentor: {name}", caseload_href(Narrowed(TEAM, None, narrowed.is_overdue))))
    else:
        other = TEAM if narrowed.scope == MINE else MINE
        words = "People I mentor" if narrowed.scope == MINE else "Everybody in the team"
        tags.append(FilterTag(words, caseload_href(Narrowed(other, None, narrowed.is_overdue))))
    if narrowed.is_overdue:
        tags.append(FilterTag("Overdue", caseload_href(Narrowed(narrowed.scope, narrowed.mentor, False))))
    return tags


def _mentors(case: Case) -> str:
    return f"{case.clinical_mentor}, {case.police_mentor} (police)"
