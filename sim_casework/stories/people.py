"""Who works where in the demo: two teams, four organisations, and the services that respond to crises."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.clearance import CHECKS, required_of
from accounts.models import Organisation, Team, User
from accounts.roles import Role
from accounts.services.people import add_membership, add_organisation, add_person, add_team
from accounts.services.registrations import add_registration
from accounts.services.second_factors import give_totp
from accounts.services.staff_checks import record_check
from audit.context import access_context

# For trying the ordinary sign-in; the page of codes shows the second factor.
DEMO_PASSWORD = "a demo needs no secrets"  # noqa: S105

_FAR_AHEAD = dt.date(2099, 12, 31)
_KIND = Organisation.Kind
_ORGANISATIONS = {
    "Northmoor Mental Health Trust": _KIND.NHS_TRUST,
    "Northmoor Police": _KIND.POLICE_FORCE,
    "Southbay Mental Health Trust": _KIND.NHS_TRUST,
    "Southbay Police": _KIND.POLICE_FORCE,
    "Moor and Bay Ambulance Service": _KIND.AMBULANCE_SERVICE,
    "Northmoor General Emergency Department": _KIND.EMERGENCY_DEPARTMENT,
    "Moor and Bay Crisis Line": _KIND.CRISIS_LINE,
}
_TEAMS = [
    ("Northmoor joint support team", "Northmoor", "01632 960110"),
    ("Southbay joint support team", "Southbay", "01632 960220"),
]


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the cast. ``registration`` is an invented number of the nurses' register."""

    username: str
    first_name: str
    last_name: str
    role: Role
    organisation: str
    team: str = ""
    registration: str = ""


def _team(place: str, team: str, names: list[tuple[str, str, Role, str]]) -> list[Person]:
    cast = []
    for first, last, role, registration in names:
        force = role == Role.POLICE_MENTOR
        organisation = f"{place} Police" if force else f"{place} Mental Health Trust"
        cast.append(Person(_username(first, last), first, last, role, organisation, team, registration))
    return cast


def _username(first: str, last: str) -> str:
    return f"{first}.{last}".lower()


def _alone(first: str, last: str, role: Role, organisation: str) -> Person:
    return Person(_username(first, last), first, last, role, organisation)


_R = Role
PEOPLE: list[Person] = [
    *_team(
        "Northmoor",
        _TEAMS[0][0],
        [
            ("Amira", "Adeyemi", _R.CLINICAL_MENTOR, "99N1001E"),
            ("Callum", "Carrow", _R.CLINICAL_MENTOR, "99N1002E"),
            ("Pete", "Parr", _R.POLICE_MENTOR, ""),
            ("Pru", "Pell", _R.POLICE_MENTOR, ""),
            ("Lena", "Lund", _R.CLINICAL_LEAD, "99N1003E"),
            ("Dev", "Dhar", _R.DEPUTY_LEAD, "99N1004E"),
            ("Tess", "Thorn", _R.TEAM_ADMINISTRATOR, ""),
        ],
    ),
    *_team(
        "Southbay",
        _TEAMS[1][0],
        [
            ("Sol", "Sorrel", _R.CLINICAL_MENTOR, "99S2001E"),
            ("Sara", "Sedge", _R.CLINICAL_MENTOR, "99S2002E"),
            ("Saul", "Stone", _R.POLICE_MENTOR, ""),
            ("Shan", "Spry", _R.POLICE_MENTOR, ""),
            ("Sia", "Sand", _R.CLINICAL_LEAD, "99S2003E"),
            ("Seb", "Swale", _R.DEPUTY_LEAD, "99S2004E"),
            ("Stan", "Stile", _R.TEAM_ADMINISTRATOR, ""),
        ],
    ),
    _alone("Ivy", "Inch", _R.IG_OFFICER, "Northmoor Mental Health Trust"),
    _alone("Igor", "Ibbs", _R.IG_OFFICER, "Northmoor Police"),
    _alone("Iris", "Isham", _R.IG_OFFICER, "Southbay Mental Health Trust"),
    _alone("Ira", "Ings", _R.IG_OFFICER, "Southbay Police"),
    _alone("Rhea", "Rook", _R.RESPONDER, "Moor and Bay Ambulance Service"),
    _alone("Rory", "Reed", _R.RESPONDER, "Northmoor General Emergency Department"),
    _alone("Rosa", "Rill", _R.RESPONDER, "Moor and Bay Crisis Line"),
    _alone("Rafe", "Roe", _R.RESPONDER, "Northmoor Police"),
    _alone("Oona", "Orr", _R.ADMINISTRATOR, "Northmoor Mental Health Trust"),
]


def tell_people() -> dict[str, User]:
    """Make organisations, teams and people; the demo's users by username. Inside a system access context."""
    organisations = {
        name: add_organisation(by=None, name=name, kind=kind) for name, kind in _ORGANISATIONS.items()
    }
    teams = {
        name: add_team(
            by=None,
            name=name,
            trust=organisations[f"{place} Mental Health Trust"],
            force=organisations[f"{place} Police"],
            phone=phone,
        )
        for name, place, phone in _TEAMS
    }
    # One hash for all: two dozen of them would take seconds of every first start.
    password = make_password(DEMO_PASSWORD)
    return {person.username: _tell(person, organisations, teams, password) for person in PEOPLE}


def _tell(
    person: Person, organisations: dict[str, Organisation], teams: dict[str, Team], password: str
) -> User:
    user = add_person(
        by=None,
        username=person.username,
        email=f"{person.username}@example.org",
        first_name=person.first_name,
        last_name=person.last_name,
        organisation=organisations[person.organisation],
    )
    user.password = password
    user.save()
    add_membership(
        by=None,
        user=user,
        role=person.role,
        team=teams.get(person.team),
        starts_on=dt.date(2025, 1, 6),
    )
    if person.registration:
        add_registration(by=None, user=user, body="NMC", number=person.registration, valid_until=_FAR_AHEAD)
    if required_of(person.role):
        for kind in CHECKS:
            record_check(
                by=None, user=user, kind=kind, valid_until=_FAR_AHEAD, evidence="Invented for the demo"
            )
    give_totp(user, totp_secret(person.username))
    return user


def totp_secret(username: str) -> str:
    """The same secret at each fresh start, so that an authenticator app set up once goes on working."""
    return base64.b32encode(hashlib.sha256(f"demo {username}".encode()).digest()[:20]).decode()


def tell_lapses(people: dict[str, User]) -> None:
    """One training that lapses in five days, and one vetting that lapsed the day before yesterday: the lead in Southbay
    looks after Shan's people. Told last, for nobody writes about patients after that."""
    for administrator, username, kind, days in [
        ("tess.thorn", "pru.pell", "training", 5),
        ("stan.stile", "shan.spry", "vetting", -2),
    ]:
        by = people[administrator]
        with access_context(route="demo.story", actor=by, reason="demo story"):
            record_check(
                by=by,
                user=people[username],
                kind=kind,
                valid_until=timezone.localdate() + dt.timedelta(days=days),
                evidence="Invented for the demo",
            )
