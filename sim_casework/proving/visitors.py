"""Who walks: everybody of the scene, nobody at all, and what each of them may come to know, told apart from
``cases.permissions`` so that the two can disagree."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client

from accounts.models import User
from accounts.roles import Role
from sim_casework.proving.canaries import Canary

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
_USER_OF_METHODS = "account_authentication_methods_user"
NOBODY = "nobody"

_RECORDS = {Role.CLINICAL_MENTOR, Role.POLICE_MENTOR, Role.CLINICAL_LEAD, Role.DEPUTY_LEAD}
_CLINICAL = _RECORDS - {Role.POLICE_MENTOR}
# What an information governance officer is shown of a person: who the trail is about.
_OF_OFFICERS = (
    "cases.Patient.id",
    "cases.Patient.reference",
    "cases.Patient.given_name",
    "cases.Patient.family_name",
    "cases.Patient.preferred_name",
    "cases.OtherName.name",
    # Why somebody opened the record without a relationship, what was found, and what became of an alert.
    "cases.BreakGlass.sentence",
    "cases.BreakGlass.opened_as",
    "cases.BreakGlassReview.words",
    "audit.Alert.explanation",
    "audit.AlertStep.text",
)


def sign_in(client: Client, user: User, *, minutes_ago: float = 0) -> Client:
    """The same client, signed in with password and code. The sign-in itself is no request, so not on the trail.

    After five minutes, what asks for the second factor again asks for it: ``minutes_ago=10`` is such a session.
    """
    client.force_login(user, backend=BACKEND)
    session = client.session
    at = time.time() - minutes_ago * 60
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "password", "at": at, "username": user.username},
        {"method": "mfa", "at": at, "id": 0, "type": "totp"},
    ]
    session[_USER_OF_METHODS] = str(user.pk)
    session.save()
    return client


@dataclass(frozen=True)
class Visitor:
    """Somebody who walks. ``records``: the patients whose record their team supports; ``clinical``: those of whom they
    may read clinical-only text; ``reviewed``: those whose trail they may read."""

    name: str
    user: User | None = None
    roles: frozenset[str] = frozenset()
    records: frozenset[uuid.UUID] = frozenset()
    clinical: frozenset[uuid.UUID] = frozenset()
    reviewed: frozenset[uuid.UUID] = frozenset()

    def may_know(self, canary: Canary) -> bool:
        if canary.owner is not None and (self.user is None or canary.owner != self.user.pk):
            return False
        if canary.patient in self.records:
            return not canary.is_clinical_only or canary.patient in self.clinical
        return canary.patient in self.reviewed and canary.field in _OF_OFFICERS


def visitors(connection: psycopg.Connection[Any], people: dict[str, User]) -> list[Visitor]:
    """Everybody, from the dated roles in the database, and nobody."""
    patients = _patients(connection)
    found = [Visitor(NOBODY)]
    for name, user in people.items():
        rows = connection.execute(
            "SELECT role, team_id, organisation_id FROM accounts_membership WHERE user_id = %s"
            " AND starts_on <= current_date AND (ends_on IS NULL OR ends_on >= current_date) AND ended_at IS NULL",
            [user.pk],
        ).fetchall()
        if not user.is_active:
            rows = []
        found.append(
            Visitor(
                name,
                user,
                roles=frozenset(role for role, _, _ in rows),
                records=_of_teams(patients, {team for role, team, _ in rows if role in _RECORDS}),
                clinical=_of_teams(patients, {team for role, team, _ in rows if role in _CLINICAL}),
                reviewed=_of_organisations(
                    patients, {organisation for role, _, organisation in rows if role == Role.IG_OFFICER}
                ),
            )
        )
    return found


_Patients = list[tuple[uuid.UUID, int, int, int]]


def _patients(connection: psycopg.Connection[Any]) -> _Patients:
    return connection.execute(
        "SELECT p.id, t.id, t.trust_id, t.force_id FROM cases_patient p JOIN accounts_team t ON t.id = p.team_id"
    ).fetchall()


def _of_teams(patients: _Patients, teams: set[int]) -> frozenset[uuid.UUID]:
    return frozenset(key for key, team, _, _ in patients if team in teams)


def _of_organisations(patients: _Patients, organisations: set[int]) -> frozenset[uuid.UUID]:
    return frozenset(key for key, _, trust, force in patients if {trust, force} & organisations)
