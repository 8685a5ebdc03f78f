"""The world in which each walk begins, in the database and in the model: two teams that share a trust, ten people, six patients.

Some checks run out within the weeks a walk may take, so that days passing ends access too.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Membership, Organisation, ProfessionalRegistration, StaffCheck, Team, User
from accounts.roles import CLINICAL_ROLES, Role
from audit.context import access_context
from cases.models import Case, Contact, ContactClinicalNote, Patient
from cases.permissions import grant_to_team
from tests.permissions.walk.model import KINDS, HeldCase, HeldRole, World

# A week before the clocks go forward.
START = dt.datetime(2026, 3, 22, 9, 30, tzinfo=dt.UTC)
TRUST, FORCE_NORTH, FORCE_SOUTH = range(3)
NORTH, SOUTH = range(2)
AMIRA, CAL, BEA, LENA, SIA, PETE, SAUL, ODD, IVY, IGOR = range(10)
ORGANISATION_OF = [TRUST] * 5 + [FORCE_NORTH, FORCE_SOUTH, TRUST, TRUST, FORCE_SOUTH]
NAMES = ["amira", "cal", "bea", "lena", "sia", "pete", "saul", "odd", "ivy", "igor"]
ROLES: list[tuple[int, str, int | None]] = [
    (AMIRA, Role.CLINICAL_MENTOR, NORTH),
    (CAL, Role.CLINICAL_MENTOR, SOUTH),
    (BEA, Role.CLINICAL_MENTOR, NORTH),
    (BEA, Role.CLINICAL_MENTOR, SOUTH),
    (LENA, Role.CLINICAL_LEAD, NORTH),
    (SIA, Role.CLINICAL_LEAD, SOUTH),
    (PETE, Role.POLICE_MENTOR, NORTH),
    (SAUL, Role.POLICE_MENTOR, SOUTH),
    (IVY, Role.IG_OFFICER, None),
    (IGOR, Role.IG_OFFICER, None),
]
# Days from the start until the first of their checks runs out.
CLEARED_FOR = [400, 20, 400, 400, 45, 400, 10, 400]
PATIENTS = 6


@dataclass
class Stage:
    organisations: list[Organisation]
    teams: list[Team]
    users: list[User]
    administrators: list[User]  # of each organisation
    patients: list[uuid.UUID]
    cases: list[uuid.UUID]
    registrations: dict[int, dict[int, dt.date]]  # of each user, by key
    world: World

    def team(self, number: int | None) -> Team | None:
        return None if number is None else self.teams[number]


def set_stage() -> Stage:
    """Call while the tests' clock stands at ``START``."""
    with access_context(route="tests.walk", is_system=True):
        kinds = Organisation.Kind
        organisations = [
            Organisation.objects.create(name=name, kind=kind)
            for name, kind in [
                ("Walk Trust", kinds.NHS_TRUST),
                ("Walk Police North", kinds.POLICE_FORCE),
                ("Walk Police South", kinds.POLICE_FORCE),
            ]
        ]
        teams = [
            Team.objects.create(
                name=name,
                trust=organisations[TRUST],
                force=force,
                phone="01632 960000",
                group=Group.objects.create(name=f"team {name}"),
            )
            for name, force in [("North", organisations[FORCE_NORTH]), ("South", organisations[FORCE_SOUTH])]
        ]
        users = [
            _person(name, organisations[where]) for name, where in zip(NAMES, ORGANISATION_OF, strict=True)
        ]
        administrators = [_person(f"admin{n}", organisation) for n, organisation in enumerate(organisations)]
        for person in administrators:
            Membership.objects.create(
                user=person,
                role=Role.ADMINISTRATOR,
                organisation=person.organisation,
                starts_on=dt.date(2026, 1, 1),
            )
        world = World(
            now=START,
            organisation_of=ORGANISATION_OF,
            team_organisations=[(TRUST, FORCE_NORTH), (TRUST, FORCE_SOUTH)],
            active=[True] * len(users),
            checks=[{} for _ in users],
            registered=[None for _ in users],
        )
        stage = Stage(organisations, teams, users, administrators, [], [], {}, world)
        _give_checks(stage)
        _give_roles(stage)
        for number in range(PATIENTS):
            _add_patient(stage, NORTH if number < PATIENTS // 2 else SOUTH, number)
    return stage


def _person(name: str, organisation: Organisation) -> User:
    return User.objects.create(username=name, email=f"{name}@example.org", organisation=organisation)


def _give_checks(stage: Stage) -> None:
    world, today = stage.world, timezone.localdate()
    for number, days in enumerate(CLEARED_FOR):
        until = today + dt.timedelta(days=days)
        for kind in KINDS:
            StaffCheck.objects.create(user=stage.users[number], kind=kind, valid_until=until, evidence="Seen")
            world.checks[number][kind] = until
        if ORGANISATION_OF[number] == TRUST:
            last = world.registered[number] = today + dt.timedelta(days=400)
            made = ProfessionalRegistration.objects.create(
                user=stage.users[number], body="NMC", number=f"99W000{number}E", valid_until=last
            )
            stage.registrations[number] = {made.pk: last}


def _give_roles(stage: Stage) -> None:
    for user, role, team in ROLES:
        held = Membership.objects.create(
            user=stage.users[user],
            role=role,
            team=stage.team(team),
            organisation=stage.users[user].organisation,
            starts_on=dt.date(2026, 1, 1),
        )
        stage.world.roles.append(HeldRole(held.pk, user, role, team, dt.date(2026, 1, 1), None))


def _add_patient(stage: Stage, team: int, number: int) -> None:
    clinical, police = (AMIRA, PETE) if team == NORTH else (CAL, SAUL)
    author = {
        "controller": stage.organisations[TRUST],
        "regime": "UK GDPR",
        "created_by": stage.users[clinical],
    }
    patient = Patient.objects.create(
        team=stage.teams[team],
        given_name=f"Person {number}",
        family_name="Walker",
        date_of_birth=dt.date(1990, 1, 1),
        **author,
    )
    case = Case.objects.create(
        patient=patient,
        team=stage.teams[team],
        clinical_mentor=stage.users[clinical],
        police_mentor=stage.users[police],
        **author,
    )
    grant_to_team(patient, stage.teams[team])
    contact = Contact.objects.create(
        patient=patient,
        case=case,
        happened_at=timezone.now(),
        outcome="met",
        account="Tea.",
        submission_key=uuid.uuid4(),
        **author,
    )
    ContactClinicalNote.objects.create(patient=patient, contact=contact, text="Slept badly.", **author)
    stage.patients.append(patient.pk)
    stage.cases.append(case.pk)
    stage.world.home_team.append(team)
    stage.world.cases.append(HeldCase(number, team, clinical, police))
    stage.world.grants.add((number, team))


def may_hold(organisation: int, team: int) -> list[str]:
    """The roles that somebody of an organisation may be given in a team."""
    if organisation == TRUST:
        return [*sorted(CLINICAL_ROLES), Role.TEAM_ADMINISTRATOR]
    fits = (FORCE_NORTH, FORCE_SOUTH)[team] == organisation
    return [Role.POLICE_MENTOR, Role.TEAM_ADMINISTRATOR] if fits else []
