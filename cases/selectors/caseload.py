"""The people a user's team supports now, in pages along the index of names."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import teams_in_which
from cases.models import Case, Patient
from cases.permissions import visible_patients

PAGE_LENGTH = 25
MINE, TEAM = "mine", "team"
_BY_NAME = ("patient__family_name", "patient__given_name", "patient_id")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What a caseload is narrowed to: one's own people or the team's, one mentor's, those with something overdue."""

    scope: str = TEAM
    mentor: int | None = None
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class CaseloadPage:
    """One page of open cases with patient and mentors. ``earlier`` and ``later`` are the patients from whom the
    neighbouring pages are walked; None where there is none."""

    cases: list[Case]
    earlier: uuid.UUID | None = None
    later: uuid.UUID | None = None


def caseload(
    user: User,
    narrowed: Narrowed,
    *,
    overdue: QuerySet[Any],
    after: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
) -> CaseloadPage:
    """Open cases of the user's teams by the patient's name.

    ``overdue`` are rows with a ``patient``. ``after`` and ``before`` name the patient at a page's edge: names stay
    out of addresses. One statement, one more on every page but the first.
    """
    cases = Case.objects.filter(
        closed_on__isnull=True,
        team__in=teams_in_which(user, Act.LOG_CONTACT),
        patient__in=visible_patients(user),
    ).select_related("patient", "clinical_mentor", "police_mentor")
    mentor = user.pk if narrowed.scope == MINE else narrowed.mentor
    if mentor is not None:
        cases = cases.filter(Q(clinical_mentor=mentor) | Q(police_mentor=mentor))
    if narrowed.is_overdue:
        cases = cases.filter(Exists(overdue.filter(patient=OuterRef("patient"))))
    beside = after or before
    edge = visible_patients(user).filter(pk=beside).first() if beside else None
    if edge is not None and after is None:
        return _page_before(cases, edge)
    return _page_after(cases, edge)


def _page_after(cases: QuerySet[Case], edge: Patient | None) -> CaseloadPage:
    if edge is not None:
        cases = cases.filter(_beyond(edge, "gt"))
    rows = list(cases.order_by(*_BY_NAME)[: PAGE_LENGTH + 1])
    kept = rows[:PAGE_LENGTH]
    return CaseloadPage(
        kept,
        earlier=kept[0].patient_id if kept and edge is not None else None,
        later=kept[-1].patient_id if len(rows) > PAGE_LENGTH else None,
    )


def _page_before(cases: QuerySet[Case], edge: Patient) -> CaseloadPage:
    backwards = [f"-{name}" for name in _BY_NAME]
    rows = list(cases.filter(_beyond(edge, "lt")).order_by(*backwards)[: PAGE_LENGTH + 1])
    kept = rows[:PAGE_LENGTH][::-1]
    return CaseloadPage(
        kept,
        earlier=kept[0].patient_id if len(rows) > PAGE_LENGTH else None,
        later=kept[-1].patient_id if kept else None,
    )


def _beyond(edge: Patient, direction: str) -> Q:
    """Past the edge in the order of the index; the first condition lets the database start there."""
    same_family = Q(patient__family_name=edge.family_name)
    same_name = same_family & Q(patient__given_name=edge.given_name)
    return Q(**{f"patient__family_name__{direction}e": edge.family_name}) & (
        Q(**{f"patient__family_name__{direction}": edge.family_name})
        | same_family & Q(**{f"patient__given_name__{direction}": edge.given_name})
        | same_name & Q(**{f"patient_id__{direction}": edge.pk})
    )
