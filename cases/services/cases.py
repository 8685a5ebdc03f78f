"""Cases: opened with two mentors, closed with a named next service."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Team, User
from accounts.roles import CLINICAL_ROLES, Act, Role
from accounts.selectors import current_memberships, teams_in_which
from cases.models import Case, Patient
from cases.permissions import grant_to_team
from cases.services.authorship import authorship
from core.errors import DomainError, NotAllowed


def open_case(*, by: User, patient: Patient, team: Team, clinical_mentor: User, police_mentor: User) -> Case:
    """Open a case of this team; from now on the team has a relationship with the patient.

    Raises: NotAllowed when the user may not register patients in the team; DomainError when a mentor does not hold
    that role in the team today.
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


def _require_role(user: User, team: Team, roles: frozenset[Role] | set[Role], field: str, words: str) -> None:
    if not any(m.team_id == team.pk and m.role in roles for m in current_memberships(user)):
        raise DomainError(f"{user} is not {words} of {team} today.", field=field)
