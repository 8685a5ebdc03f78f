"""A patient as words: identity bar, details, related people. The reference stands wherever the name does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from accounts.models import Team, User
from cases.models import Case, OtherName, Patient, RelatedPerson
from cases.selectors.patients import Mentors
from core.addresses import address
from core.formatting import day, nhs_number, phone


@dataclass(frozen=True, slots=True)
class Identity:
    """What templates/components/identity.jinja shows."""

    name: str
    reference: str
    preferred_name: str
    date_of_birth: date
    nhs_number: str
    pronouns: str
    href: str


def identity(patient: Patient) -> Identity:
    return Identity(
        name=patient.full_name,
        reference=patient.reference,
        preferred_name=patient.preferred_name,
        date_of_birth=patient.date_of_birth,
        nhs_number=patient.nhs_number,
        pronouns=patient.pronouns,
        href=record_href(patient),
    )


def record_href(patient: Patient) -> str:
    return address("patient_record", patient.pk)


def name_with_reference(patient: Patient) -> str:
    """Nora Quill (SC-7F3K9Q): two people of one name are told apart wherever they are named."""
    return f"{patient.full_name} ({patient.reference})"


def other_names(names: Iterable[OtherName], kind: str) -> str:
    """One name a line, as the form takes them."""
    return "\n".join(name.name for name in names if name.kind == kind)


def detail_rows(patient: Patient, names: Iterable[OtherName]) -> list[dict[str, Any]]:
    """Rows for the summary list."""
    names = list(names)
    return [
        _row("Name", patient.full_name),
        _row("Preferred name", patient.preferred_name),
        _row("Former names", other_names(names, OtherName.Kind.FORMER), is_text=True),
        _row("Also known as", other_names(names, OtherName.Kind.ALIAS), is_text=True),
        _row("Pronouns", patient.pronouns),
        _row("Date of birth", day(patient.date_of_birth)),
        _row("NHS number", nhs_number(patient.nhs_number)),
        _row("Phone", phone(patient.phone)),
        _row("How to get in touch", patient.contact_preferences, is_text=True),
        _row("Address", "\n".join(filter(None, [patient.address, patient.postcode])), is_text=True),
        _row("Interpreter", patient.interpreter_needs, is_text=True),
        _row("Access needs", patient.access_needs, is_text=True),
    ]


def related_rows(people: Iterable[RelatedPerson]) -> list[dict[str, Any]]:
    """Next of kin, advocate and GP, each with a row whether recorded or not."""
    by_kind = {person.kind: person for person in people}
    return [
        _row(label, _related(by_kind.get(kind)), is_text=True) for kind, label in RelatedPerson.Kind.choices
    ]


def _related(person: RelatedPerson | None) -> str:
    if person is None:
        return ""
    named = f"{person.name} ({person.relation})" if person.relation else person.name
    return "\n".join(filter(None, [named, phone(person.phone), person.address]))


def _row(key: str, value: str, *, is_text: bool = False) -> dict[str, Any]:
    # An empty text reads "Not recorded", which a block of typed text would not.
    return {"key": key, "value": value, "is_text": is_text and bool(value)}


@dataclass(frozen=True, slots=True)
class Person:
    """A patient in a list of search results."""

    name: str
    reference: str
    known_as: str
    date_of_birth: date
    href: str


def people(patients: Iterable[Patient]) -> list[Person]:
    return [
        Person(p.full_name, p.reference, p.preferred_name, p.date_of_birth, record_href(p)) for p in patients
    ]


def team_choices(teams: Iterable[Team]) -> list[tuple[str, str]]:
    return [(str(team.pk), team.name) for team in teams]


def mentor_choices(mentors: Sequence[Mentors]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Clinical and police mentors as choices; with several teams, each name with its team. A lapsed check is said."""
    clinical = _choices(
        [(m.team, person) for m in mentors for person in m.clinical], has_teams=len(mentors) > 1
    )
    police = _choices([(m.team, person) for m in mentors for person in m.police], has_teams=len(mentors) > 1)
    lapsed = {str(key) for m in mentors for key in m.lapsed}
    return _with_lapses(clinical, lapsed), _with_lapses(police, lapsed)


def _with_lapses(choices: list[tuple[str, str]], lapsed: set[str]) -> list[tuple[str, str]]:
    return [(key, f"{name}, staff check lapsed" if key in lapsed else name) for key, name in choices]


def _choices(people_of_teams: list[tuple[Team, User]], *, has_teams: bool) -> list[tuple[str, str]]:
    named: dict[str, str] = {}
    for team, person in people_of_teams:
        key = str(person.pk)
        if not has_teams:
            named[key] = str(person)
        else:
            named[key] = f"{named[key][:-1]}, {team.name})" if key in named else f"{person} ({team.name})"
    return list(named.items())


def case_rows(case: Case) -> list[dict[str, Any]]:
    """A case with its mentors and, once closed, who is responsible now."""
    rows = [
        _row("Team", case.team.name),
        _row("Clinical mentor", str(case.clinical_mentor)),
        _row("Police mentor", str(case.police_mentor)),
        _row("Opened", day(case.opened_on)),
    ]
    if case.closed_on:
        rows += [
            _row("Closed", f"{day(case.closed_on)} by {case.closed_by}"),
            _row("Responsible now", case.next_service),
            _row("Step-down note", case.step_down_note, is_text=True),
        ]
    return rows
