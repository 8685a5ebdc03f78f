"""Who walks: everybody of the scene, nobody at all, and what each of them may come to know, told apart from
``cases.permissions`` so that the two can disagree."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
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
_LEADS = {Role.CLINICAL_LEAD, Role.DEPUTY_LEAD}
# A lead is told of a possible duplicate of whoever the team once supported, also when that case has long been closed (S27).
_OF_LEADS = ("cases.Patient.id", "cases.Patient.reference")
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


# The rule a third time, from trail.md's words and neither of the two locks: a role that holds, staff checks in date, the
# team's grant, and a case that is open or has been closed for at most four weeks (S30).
_TODAY = "(now() AT TIME ZONE 'Europe/London')::date"
_HELD = f"""m.user_id = %(user)s AND u.is_active AND m.ended_at IS NULL
    AND m.starts_on <= {_TODAY} AND (m.ends_on IS NULL OR m.ends_on >= {_TODAY})"""
_CLEARED = f"{_HELD} AND m.cleared_until >= {_TODAY}"
_OF_USER = "FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id"
_ROLES = f"SELECT m.role {_OF_USER} WHERE {_HELD}"
_SUPPORTED = f"""
SELECT c.patient_id, m.role {_OF_USER}
JOIN accounts_team t ON t.id = m.team_id
JOIN cases_case c ON c.team_id = t.id
JOIN cases_patientgroupobjectpermission g ON g.group_id = t.group_id AND g.content_object_id = c.patient_id
WHERE {_CLEARED} AND m.role = ANY(%(records)s)
    AND (c.closed_on IS NULL OR c.closed_on >= {_TODAY} - 28)"""
_LED = f"""
SELECT p.id {_OF_USER} JOIN cases_patient p ON p.team_id = m.team_id
WHERE {_CLEARED} AND m.role = ANY(%(leads)s)"""
_REVIEWED = f"""
SELECT p.id {_OF_USER}
JOIN accounts_team t ON m.organisation_id IN (t.trust_id, t.force_id)
JOIN cases_patient p ON p.team_id = t.id
WHERE {_CLEARED} AND m.role = '{Role.IG_OFFICER}'"""


# What lets one person read one record for a while, whatever the trail calls it: their own opening by break-glass, or an
# exception made for them; each with the role that reads clinical-only text or without. Asked as soon as the answer is
# there, by whoever asked for it, so that what this very request opened or ended counts.
OPENED = f"""
SELECT b.patient_id, true {_OF_USER} JOIN cases_breakglass b ON b.created_by_id = m.user_id
WHERE {_CLEARED} AND m.role = ANY(%(clinical)s) AND coalesce(b.ended_at, b.ends_at) > %(since)s
UNION
SELECT e.content_object_id, m.role = ANY(%(clinical)s) {_OF_USER}
JOIN cases_patientuserobjectpermission e ON e.user_id = m.user_id
WHERE {_CLEARED} AND m.role = ANY(%(records)s) AND e.expires_at > %(since)s"""


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
    """Somebody who walks. ``records``: the patients whose record they may open with their team; ``clinical``: those of whom they
    may read clinical-only text; ``led``: those whose record a team keeps that they lead; ``reviewed``: those whose trail
    they may read."""

    name: str
    user: User | None = None
    roles: frozenset[str] = frozenset()
    records: frozenset[uuid.UUID] = frozenset()
    clinical: frozenset[uuid.UUID] = frozenset()
    led: frozenset[uuid.UUID] = frozenset()
    reviewed: frozenset[uuid.UUID] = frozenset()

    def may_know(self, canary: Canary, opened: Mapping[uuid.UUID, bool]) -> bool:
        """``opened``: the records open to them by break-glass or exception, and whether with clinical-only text."""
        if canary.owner is not None and (self.user is None or canary.owner != self.user.pk):
            return False
        if canary.patient in self.records or canary.patient in opened:
            is_clinical = canary.patient in self.clinical or opened.get(canary.patient, False)
            return is_clinical or not canary.is_clinical_only
        if canary.patient in self.led and canary.field in _OF_LEADS:
            return True
        return canary.patient in self.reviewed and canary.field in _OF_OFFICERS


def visitors(connection: psycopg.Connection[Any], people: dict[str, User]) -> list[Visitor]:
    """Everybody, from the dated roles, staff checks, grants and cases in the database, and nobody."""
    found = [Visitor(NOBODY)]
    for name, user in people.items():
        asked = asked_about(user)
        roles = connection.execute(_ROLES, asked).fetchall()
        supported = connection.execute(_SUPPORTED, asked).fetchall()
        found.append(
            Visitor(
                name,
                user,
                roles=frozenset(role for (role,) in roles),
                records=frozenset(patient for patient, _ in supported),
                clinical=frozenset(patient for patient, role in supported if role in _CLINICAL),
                led=frozenset(key for (key,) in connection.execute(_LED, asked).fetchall()),
                reviewed=frozenset(key for (key,) in connection.execute(_REVIEWED, asked).fetchall()),
            )
        )
    return found


def asked_about(user: User) -> dict[str, Any]:
    """What the statements of this module are asked with."""
    return {
        "user": user.pk,
        "records": sorted(_RECORDS),
        "clinical": sorted(_CLINICAL),
        "leads": sorted(_LEADS),
    }
