"""The people a user's team supports now, in pages along the index of names."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import teams_in_which
from cases.models import Case, Contact, Patient
from cases.permissions import visible_patients
from cases.selectors.access import explain_cases
from cases.selectors.contacts import SPOKE_WITH_PERSON
from core.prepared import Prepared, read_together

PAGE_LENGTH = 25
MINE, TEAM = "mine", "team"
_BY_NAME = ("patient__family_name", "patient__given_name", "patient_id")
_SHOWN = (
    "patient_id", "team_id", "clinical_mentor_id", "police_mentor_id",
    *(f"patient__{name}" for name in ("reference", "given_name", "family_name", "preferred_name")),
    *(
        f"{mentor}__{name}"
        for mentor in ("clinical_mentor", "police_mentor")
        for name in ("username", "first_name", "last_name")
    ),
)  # fmt: skip


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
    overdue: Callable[[], QuerySet[Any]],
    next_review: Callable[[OuterRef], Subquery],
    after: uuid.UUID | None = None,
    before: uuid.UUID | None = None,
) -> CaseloadPage:
    """Open cases of the user's teams by the patient's name.

    Each case carries ``last_contact``, when somebody of the team last spoke with the person (attempts and struck-out
    entries do not count), and ``next_review``, whose subquery the app of plans gives. ``overdue`` finds rows with a
    ``patient``, if it comes to that. ``after`` and ``before`` name the patient at a page's edge: names stay out of
    addresses. One statement, one more on every page but the first.
    """
    mentor = user.pk if narrowed.scope == MINE else narrowed.mentor
    teams = [team.pk for team in teams_in_which(user, Act.LOG_CONTACT)]
    beside = after or before
    if not (beside or narrowed.is_overdue):
        read = _first_page(mentor is not None, next_review)
        (rows,) = read_together(read(teams=teams, **({} if mentor is None else {"mentor": mentor})))
        # The one behind the page's end was loaded as well.
        explain_cases(user, rows)
        return _first(rows)
    cases = _open_cases(teams, mentor, next_review)
    page = _other_page(user, cases, narrowed, overdue, after, before)
    explain_cases(user, page.cases)
    return page


def _open_cases(
    teams: list[Any], mentor: int | None, next_review: Callable[[OuterRef], Subquery]
) -> QuerySet[Case]:
    """Of the teams' open cases those with a grant to the very team: what ``visible_patients`` asks, from this end."""
    spoken = Contact.objects.filter(
        patient=OuterRef("patient"), outcome__in=SPOKE_WITH_PERSON, strike_out__isnull=True
    )
    cases = (
        Case.objects.filter(
            closed_on__isnull=True, team__any_of=teams, patient__grants__group=F("team__group")
        )
        .annotate(
            last_contact=Subquery(spoken.order_by("-happened_at").values("happened_at")[:1]),
            next_review=next_review(OuterRef("patient")),
        )
        .select_related("patient", "clinical_mentor", "police_mentor")
        .only(*_SHOWN)
    )
    return cases if mentor is None else cases.filter(Q(clinical_mentor=mentor) | Q(police_mentor=mentor))


@cache
def _first_page(has_mentor: bool, next_review: Callable[[OuterRef], Subquery]) -> Prepared[Case]:
    def build(teams: list[Any], mentor: int | None = None) -> QuerySet[Case]:
        return _open_cases(teams, mentor, next_review).order_by(*_BY_NAME)[: PAGE_LENGTH + 1]

    return Prepared(build, teams=list, **({"mentor": int} if has_mentor else {}))


def _first(rows: list[Case]) -> CaseloadPage:
    kept = rows[:PAGE_LENGTH]
    return CaseloadPage(kept, later=kept[-1].patient_id if len(rows) > PAGE_LENGTH else None)


def _other_page(
    user: User,
    cases: QuerySet[Case],
    narrowed: Narrowed,
    overdue: Callable[[], QuerySet[Any]],
    after: uuid.UUID | None,
    before: uuid.UUID | None,
) -> CaseloadPage:
    if narrowed.is_overdue:
        cases = cases.filter(Exists(overdue().filter(patient=OuterRef("patient"))))
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
