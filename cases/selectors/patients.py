"""One patient with what belongs to them, and the search for people among those the user may see."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from accounts.models import Membership, Team, User
from accounts.roles import CLINICAL_ROLES, Act, Role
from accounts.selectors import teams_in_which
from audit.context import current_context
from audit.models import LogEntry
from audit.writing import keyed_digest
from cases.look_ups import patients_named
from cases.models import Case, OtherName, Patient, RelatedPerson
from cases.models.patient import REFERENCE_ALPHABET
from cases.nhs_numbers import without_spacing
from cases.permissions import visible_patients
from cases.selectors.access import access_found

MOST_FOUND = 25
_REFERENCE = re.compile(rf"(?:SC-?)?([{REFERENCE_ALPHABET}]{{6}})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """People who match; ``has_more`` asks for a narrower search."""

    patients: Sequence[Patient]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Mentors:
    """Who can be the mentors of a case in one team today; of these, ``lapsed`` are the keys of those with a staff check
    that has lapsed."""

    team: Team
    clinical: list[User]
    police: list[User]
    lapsed: frozenset[int] = frozenset()


def find_patients(user: User, terms: str, date_of_birth: date | None) -> Found:
    """Search by reference, NHS number, any name or date of birth, among the people the user may see and no others.

    Names are found by their parts, by similar spelling, and by former names and aliases. The trail keeps a keyed
    digest of the terms; whom they found stands in the entry's subjects.
    """
    context = current_context()
    context.action = LogEntry.Action.SEARCH
    born = date_of_birth.isoformat() if date_of_birth else ""
    context.notes["terms"] = keyed_digest(f"{terms} {born}")
    typed = terms.strip()
    reference = _REFERENCE.fullmatch(typed)
    digits = without_spacing(typed)
    keys = patients_named(
        words=typed.split(),
        reference=f"SC-{reference.group(1).upper()}" if reference else "",
        nhs_number=digits if digits.isascii() and digits.isdigit() and len(digits) == 10 else "",
        born=date_of_birth,
        most=MOST_FOUND + 1,
    )
    shown = visible_patients(user).filter(pk__in=keys[:MOST_FOUND])
    return Found(list(shown.order_by("family_name", "given_name", "id")), len(keys) > MOST_FOUND)


def visible_namesakes(
    user: User, *, nhs_number: str, given_name: str, family_name: str, born: date
) -> list[Patient]:
    """Visible patients whom a registration would repeat: same NHS number, or same name and date of birth."""
    same = Q(given_name__iexact=given_name, family_name__iexact=family_name, date_of_birth=born)
    if nhs_number:
        same |= Q(nhs_number=nhs_number)
    return list(visible_patients(user).filter(same).order_by("family_name", "given_name", "id")[:MOST_FOUND])


def names_of(user: User, patient: Patient) -> list[OtherName]:
    """Former names and aliases, in the order they were recorded."""
    return list(
        OtherName.objects.filter(patient=patient, patient__in=visible_patients(user)).order_by(
            "created_at", "name"
        )
    )


def related_to(user: User, patient: Patient) -> list[RelatedPerson]:
    """Next of kin, advocate and GP, as far as recorded."""
    return list(RelatedPerson.objects.filter(patient=patient, patient__in=visible_patients(user)))


def open_case_for(user: User, patient: Patient | uuid.UUID, act: Act) -> Case | None:
    """The open case under which the user may do this for the patient now, with team and mentors."""
    found = access_found(user, patient)
    if found is not None and found.open_case is not None and found.may_under_open_case(act):
        return found.open_case
    return (
        Case.objects.filter(
            patient=patient,
            patient__in=visible_patients(user, act),
            team__in=teams_in_which(user, act),
            closed_on__isnull=True,
        )
        .select_related("team", "clinical_mentor", "police_mentor")
        .order_by("opened_on", "id")
        .first()
    )


def mentors_of(teams: list[Team], *, keeping: Collection[int] = ()) -> list[Mentors]:
    """For each team, who can be given cases: holders of a mentor's role whose staff checks are in date, by name.

    ``keeping`` are the keys of people who mentor a case already: they stay among them although a check has lapsed.
    """
    return [
        Mentors(
            mentors.team,
            clinical=[p for p in mentors.clinical if p.pk not in mentors.lapsed or p.pk in keeping],
            police=[p for p in mentors.police if p.pk not in mentors.lapsed or p.pk in keeping],
            lapsed=mentors.lapsed,
        )
        for mentors in holders_of_mentor_roles(teams)
    ]


def holders_of_mentor_roles(teams: list[Team]) -> list[Mentors]:
    """For each team, everybody who holds a mentor's role today, by name, whether or not their checks are in date."""
    memberships = list(
        Membership.objects.current()
        .filter(team__in=teams, role__in=[*sorted(CLINICAL_ROLES), Role.POLICE_MENTOR])
        .select_related("user")
        .order_by("user__last_name", "user__first_name", "user_id")
    )
    return [
        Mentors(
            team,
            clinical=_people(memberships, team, is_police=False),
            police=_people(memberships, team, is_police=True),
            lapsed=_lapsed([m for m in memberships if m.team_id == team.pk]),
        )
        for team in teams
    ]


def _lapsed(memberships: list[Membership]) -> frozenset[int]:
    cleared = {m.user_id for m in memberships if m.is_cleared}
    return frozenset(m.user_id for m in memberships) - cleared


def _people(memberships: list[Membership], team: Team, *, is_police: bool) -> list[User]:
    found = {
        m.user_id: m.user
        for m in memberships
        if m.team_id == team.pk and (m.role == Role.POLICE_MENTOR) is is_police
    }
    return list(found.values())
