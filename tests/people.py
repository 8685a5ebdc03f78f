"""The cast: invented people of two teams, so that every test knows them by name.

North: Amira (clinical mentor), Cal (clinical mentor), Pete and Pru (police mentors), Lena (lead), Dev (deputy),
Tess (team administrator). South: Sol (clinical mentor), Saul (police mentor), Sia (lead), Stan (team administrator).
Ivy and Igor are IG officers of North's trust and force, Iris of South's trust; Rhea a responder; Odd is nobody's member.
Everybody who works with patients has their staff checks and registration for many years.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from accounts.clearance import CHECKS, required_of
from accounts.models import Membership, Organisation, ProfessionalRegistration, StaffCheck, Team, User
from accounts.roles import Role
from audit.context import access_context
from cases.models import Case, Patient
from cases.permissions import grant_to_team

PASSWORD = "correct horse battery"
FAR_AHEAD = dt.date(2099, 12, 31)


@dataclass(frozen=True)
class Cast:
    """Everybody by first name in lower case: ``cast["amira"]``; teams, organisations and two patients."""

    people: dict[str, User]
    north: Team
    south: Team
    nora: Patient  # North's patient
    sam: Patient  # South's patient

    def __getitem__(self, name: str) -> User:
        # A fresh object, as a request would load it: memberships are cached on user objects.
        return User.objects.get(pk=self.people[name].pk)


_MEMBERS: list[tuple[str, str, str, Role, str]] = [
    ("amira", "Amira", "Adeyemi", Role.CLINICAL_MENTOR, "north"),
    ("cal", "Cal", "Carrow", Role.CLINICAL_MENTOR, "north"),
    ("pete", "Pete", "Parr", Role.POLICE_MENTOR, "north"),
    ("pru", "Pru", "Pell", Role.POLICE_MENTOR, "north"),
    ("lena", "Lena", "Lund", Role.CLINICAL_LEAD, "north"),
    ("dev", "Dev", "Dhar", Role.DEPUTY_LEAD, "north"),
    ("tess", "Tess", "Thorn", Role.TEAM_ADMINISTRATOR, "north"),
    ("sol", "Sol", "Sorrel", Role.CLINICAL_MENTOR, "south"),
    ("saul", "Saul", "Stone", Role.POLICE_MENTOR, "south"),
    ("sia", "Sia", "Sand", Role.CLINICAL_LEAD, "south"),
    ("stan", "Stan", "Stile", Role.TEAM_ADMINISTRATOR, "south"),
]
_OFFICERS: list[tuple[str, str, str, Role, str]] = [
    ("ivy", "Ivy", "Inch", Role.IG_OFFICER, "Northmoor Trust"),
    ("igor", "Igor", "Ibbs", Role.IG_OFFICER, "Northmoor Police"),
    ("iris", "Iris", "Isham", Role.IG_OFFICER, "Southbay Trust"),
    ("rhea", "Rhea", "Rook", Role.RESPONDER, "Moorland Ambulance"),
    ("oona", "Oona", "Orr", Role.ADMINISTRATOR, "Northmoor Trust"),
]
_REGISTERED = {
    "amira": "99A0001E",
    "lena": "99A0002E",
    "dev": "99A0003E",
    "sia": "99A0004E",
    "cal": "99A0005E",
    "sol": "99A0006E",
}


def make_cast() -> Cast:
    """Create everybody inside a system access context."""
    with access_context(route="tests.cast", is_system=True):
        return _make_cast()


def _make_cast() -> Cast:
    kinds = Organisation.Kind
    organisations = {
        name: Organisation.objects.create(name=name, kind=kind)
        for name, kind in {
            "Northmoor Trust": kinds.NHS_TRUST,
            "Northmoor Police": kinds.POLICE_FORCE,
            "Southbay Trust": kinds.NHS_TRUST,
            "Southbay Police": kinds.POLICE_FORCE,
            "Moorland Ambulance": kinds.AMBULANCE_SERVICE,
        }.items()
    }
    teams = {
        key: Team.objects.create(
            name=name,
            trust=organisations[f"{place} Trust"],
            force=organisations[f"{place} Police"],
            phone=phone,
            group=Group.objects.create(name=f"team {name}"),
        )
        for key, name, place, phone in [
            ("north", "North team", "Northmoor", "01632 960101"),
            ("south", "South team", "Southbay", "01632 960202"),
        ]
    }
    people = _people(organisations)
    begun = dt.date(2024, 1, 1)
    # In bulk: nearly every test begins here, and a save with its entry costs ten times as much.
    StaffCheck.objects.bulk_create(
        check
        for key, _, _, role, _ in _MEMBERS
        if required_of(role)
        for check in _checks(people[key], FAR_AHEAD)
    )
    ProfessionalRegistration.objects.bulk_create(
        ProfessionalRegistration(user=people[key], body="NMC", number=number, valid_until=FAR_AHEAD)
        for key, number in _REGISTERED.items()
    )
    Membership.objects.bulk_create(
        [
            *(
                Membership(
                    user=people[key],
                    role=role,
                    team=teams[team],
                    organisation=people[key].organisation,
                    starts_on=begun,
                )
                for key, _, _, role, team in _MEMBERS
            ),
            *(
                Membership(
                    user=people[key], role=role, organisation=people[key].organisation, starts_on=begun
                )
                for key, _, _, role, _ in _OFFICERS
            ),
        ]
    )
    return Cast(
        people=people,
        north=teams["north"],
        south=teams["south"],
        nora=make_patient(
            teams["north"], people["amira"], people["pete"], given_name="Nora", family_name="Quill"
        ),
        sam=make_patient(teams["south"], people["sol"], people["saul"], given_name="Sam", family_name="Teal"),
    )


def _people(organisations: dict[str, Organisation]) -> dict[str, User]:
    """Everybody with a password, and the organisation they work for."""
    works_for = {
        key: f"{'Northmoor' if team == 'north' else 'Southbay'} {'Police' if role == Role.POLICE_MENTOR else 'Trust'}"
        for key, _, _, role, team in _MEMBERS
    }
    works_for |= {key: name for key, _, _, _, name in _OFFICERS} | {"odd": "Northmoor Trust"}
    names = {key: (given, family) for key, given, family, _, _ in [*_MEMBERS, *_OFFICERS]}
    names["odd"] = ("Odd", "Orme")
    made = User.objects.bulk_create(
        User(
            username=key,
            email=f"{key}@example.org",
            password=make_password(PASSWORD),
            first_name=given,
            last_name=family,
            organisation=organisations[works_for[key]],
        )
        for key, (given, family) in names.items()
    )
    return {user.username: user for user in made}


def clear(user: User, valid_until: dt.date = FAR_AHEAD) -> None:
    """Give somebody all three staff checks. Call inside an access context."""
    StaffCheck.objects.bulk_create(_checks(user, valid_until))


def _checks(user: User, valid_until: dt.date) -> list[StaffCheck]:
    return [
        StaffCheck(user=user, kind=kind, valid_until=valid_until, evidence="Seen at the start")
        for kind in CHECKS
    ]


def register(user: User, number: str, valid_until: dt.date = FAR_AHEAD) -> None:
    ProfessionalRegistration.objects.create(user=user, body="NMC", number=number, valid_until=valid_until)


def make_patient(team: Team, clinical_mentor: User, police_mentor: User, **fields: Any) -> Patient:
    """A patient with an open case of the team. Call inside an access context."""
    authorship = {
        "controller": team.trust,
        "regime": team.trust.regime,
        "created_by": clinical_mentor,
    }
    patient = Patient.objects.create(
        team=team,
        **{"given_name": "Person", "family_name": "Example", "date_of_birth": dt.date(1990, 2, 3)} | fields,
        **authorship,
    )
    Case.objects.create(
        patient=patient, team=team, clinical_mentor=clinical_mentor, police_mentor=police_mentor, **authorship
    )
    grant_to_team(patient, team)
    return patient
