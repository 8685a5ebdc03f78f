"""Cases: opened with two mentors, handed over, closed with a named next service."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Team, User
from accounts.roles import CLINICAL_ROLES, Act, Role
from accounts.selectors import current_memberships, teams_in_which
from accounts.services.lapses import ask_for_look
from cases.case_changes import tell_handed_over
from cases.models import Case, Patient, Visit
from cases.permissions import grant_to_team
from cases.services.authorship import authorship, require
from core.errors import DomainError, NotAllowed, VersionClash


def open_case(*, by: User, patient: Patient, team: Team, clinical_mentor: User, police_mentor: User) -> Case:
    """Open a case of this team; from now on the team has a relationship with the patient.

    Raises: NotAllowed when the user may not register patients in the team; DomainError when a mentor does not hold
    that role in the team today or a staff check of theirs has lapsed.
    """
    if team not in teams_in_which(by, Act.REGISTER_PATIENT):
        raise NotAllowed("You may not open cases in this team.")
    _require_role(clinical_mentor, team, CLINICAL_ROLES, "clinical_mentor", "a clinical mentor")
    _require_role(police_mentor, team, {Role.POLICE_MENTOR}, "police_mentor", "a police mentor")
    with transaction.atomic():
        case = Case.objects.create(
            patient=patient,
            team=team,
            clinical_mentor=clinical_mentor,
            police_mentor=police_mentor,
            **authorship(by),
        )
        grant_to_team(patient, team)
    return case


def hand_over(*, by: User, case: Case, version: int, clinical_mentor: User, police_mentor: User) -> Case:
    """Give a case to other mentors of its team; whoever stops being a mentor stays in the team.

    Raises: NotVisible, NotAllowed; VersionClash when somebody saved since ``version``; DomainError when the case is
    closed, a mentor does not hold that role in the team today, or a check of a new mentor has lapsed.
    """
    require(by, Act.CHANGE_CASE, case.patient_id)
    with transaction.atomic():
        current = _locked(by, case, version)
        _require_role(
            clinical_mentor,
            current.team,
            CLINICAL_ROLES,
            "clinical_mentor",
            "a clinical mentor",
            stays=clinical_mentor.pk == current.clinical_mentor_id,
        )
        _require_role(
            police_mentor,
            current.team,
            {Role.POLICE_MENTOR},
            "police_mentor",
            "a police mentor",
            stays=police_mentor.pk == current.police_mentor_id,
        )
        former = [current.clinical_mentor, current.police_mentor]
        current.clinical_mentor = clinical_mentor
        current.police_mentor = police_mentor
        current.version += 1
        current.save()
        tell_handed_over(by, current)
        for mentor in former:
            if mentor not in (clinical_mentor, police_mentor):
                ask_for_look(mentor)
    return current


def close_case(*, by: User, case: Case, version: int, next_service: str, step_down_note: str) -> Case:
    """End the team's support, naming who is responsible from now on (S18).

    The record stays readable for its team for 28 days (S30). Closing changes nothing about access to care.

    Raises: NotVisible, NotAllowed; VersionClash; DomainError without a next service or a step-down note, for a
    closed case, and while visits are still planned.
    """
    require(by, Act.CHANGE_CASE, case.patient_id)
    if not next_service.strip():
        raise DomainError("Name the service that is responsible from now on.", field="next_service")
    if not step_down_note.strip():
        raise DomainError("Write the step-down note.", field="step_down_note")
    with transaction.atomic():
        current = _locked(by, case, version)
        if Visit.objects.filter(
            case=current, outcome__isnull=True, contact__isnull=True, planned_for__gt=timezone.now()
        ).exists():
            raise DomainError("A visit is still planned. Record it as cancelled, or wait until it is done.")
        current.closed_on = timezone.localdate()
        current.closed_by = by
        current.next_service = next_service
        current.step_down_note = step_down_note
        current.version += 1
        current.save()
        for mentor in (current.clinical_mentor, current.police_mentor):
            ask_for_look(mentor)
    return current


def _locked(by: User, case: Case, version: int) -> Case:
    # Without its mentors: who waits for another hand-over would find no row that still joins to those before.
    current = Case.objects.select_for_update(of=("self",)).select_related("team").get(pk=case.pk)
    if current.team not in teams_in_which(by, Act.CHANGE_CASE):
        raise NotAllowed("You may not change cases of this team.")
    if current.version != version:
        raise VersionClash("Somebody else has saved this case since you opened it.")
    if not current.is_open:
        raise DomainError("This case is closed.")
    return current


def _require_role(
    user: User, team: Team, roles: frozenset[Role] | set[Role], field: str, words: str, *, stays: bool = False
) -> None:
    """``stays``: who mentors the case already may go on being named while a check of theirs is renewed."""
    held = [m for m in current_memberships(user) if m.team_id == team.pk and m.role in roles]
    if not held:
        raise DomainError(f"{user} is not {words} of {team} today.", field=field)
    if not stays and not any(m.is_cleared for m in held):
        raise DomainError(f"{user} cannot take on cases: a staff check of theirs has lapsed.", field=field)
