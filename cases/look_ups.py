"""Questions that must be answered past the row policies. The database has one narrow function for each (migration 0009).

What they answer is for the trail, for leads or for a decision of the service: see each. Names never come out of here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from core.access_guard import permit_statements, recorded_query


@dataclass(frozen=True, slots=True)
class SamePerson:
    """A record of what may be the same person, whichever team keeps it."""

    patient: uuid.UUID
    team: int
    has_same_number: bool


def references_of(patients: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    """For the trail alone, which asks it while it writes: the references of those keys that are patients."""
    with permit_statements():
        return dict(_ask("SELECT id, reference FROM lookup_references(%s::uuid[])", [list(patients)]))


def team_of(patient: uuid.UUID) -> int | None:
    """The team that keeps the record, so that its lead may be known as such when the case is long closed."""
    with recorded_query("team of a possible duplicate"):
        (row,) = _ask("SELECT lookup_team(%s)", [patient])
    team: int | None = row[0]
    return team


def records_of_same_person(
    *, given_name: str, family_name: str, born: date, nhs_number: str
) -> list[SamePerson]:
    """Same NHS number, or same name and date of birth. What is found is told to the leads concerned, to nobody else."""
    with recorded_query("duplicate check"):
        rows = _ask(
            "SELECT id, team_id, has_same_number FROM lookup_same_person(%s, %s, %s, %s)",
            [given_name, family_name, born, nhs_number],
        )
    return [SamePerson(*row) for row in rows]


def patients_named(
    *, words: Sequence[str], reference: str, nhs_number: str, born: date | None, most: int
) -> list[uuid.UUID]:
    """The keys, by name, of patients whom the acting user may see and who match; at most ``most``.

    Every word is a part of one of the names or spelt much like one; or the reference or NHS number is theirs.
    """
    with recorded_query("search among the people one may see"):
        rows = _ask(
            "SELECT lookup_patients(%s::text[], %s, %s, %s::date, %s)",
            [[word.upper() for word in words], reference or None, nhs_number or None, born, most],
        )
    return [key for (key,) in rows]


def patient_stated(*, reference: str, nhs_number: str, full_name: str, born: date | None) -> uuid.UUID | None:
    """Whom a statement for break-glass names exactly; None where that is nobody, or more than one. Names in lower case."""
    with recorded_query("whom a statement for break-glass names"):
        (row,) = _ask(
            "SELECT lookup_stated_patient(%s, %s, %s, %s::date)", [reference, nhs_number, full_name, born]
        )
    key: uuid.UUID | None = row[0]
    return key


def old_drafts(saved_before: datetime) -> list[tuple[int, int, datetime]]:
    """For whoever leads colleagues: user, number of drafts, time of the oldest; never which, never their text."""
    with recorded_query("number of drafts older than a day"):
        return _ask("SELECT user_id, number, oldest FROM lookup_old_drafts(%s)", [saved_before])


def _ask(question: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows
