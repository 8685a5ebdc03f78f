"""Each condition of the rule by itself: a world in which only that one fails, asked in Python and of the database.

The random worlds and walks hold all shapes of the rule equal; here is said what the answer is.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Membership, StaffCheck, User
from accounts.roles import Act, Role
from cases.models import (
    BreakGlass,
    Case,
    Patient,
    PatientGroupObjectPermission,
    PatientUserObjectPermission,
)
from cases.permissions import can, grant_to_team, patients_under_review, visible_patients
from cases.services.break_glass import end_break_glass
from core.acting import Acting, acting
from tests.break_glass import opened
from tests.contact_log import looking
from tests.people import Cast, make_cast, make_patient

pytestmark = pytest.mark.django_db

QUESTIONS = {
    Act.OPEN_RECORD: "may_read_patient",
    Act.READ_CLINICAL: "may_read_clinical",
    Act.LOG_CONTACT: "may_write_patient",
    Act.WRITE_CLINICAL: "may_write_clinical",
}
ALL = set(QUESTIONS)
READING = {Act.OPEN_RECORD, Act.READ_CLINICAL}
POLICE = {Act.OPEN_RECORD, Act.LOG_CONTACT}
NOTHING: set[Act] = set()


@dataclass(frozen=True)
class World:
    """``person`` asks about Nora after ``change``; Wren is another of North's patients."""

    person: str
    change: Callable[[Cast], object]
    may: set[Act]


def role(cast: Cast, name: str = "cal", **columns: object) -> None:
    Membership.objects.filter(user=cast[name]).update(**columns)


def case(cast: Cast, **columns: object) -> None:
    found = Case.objects.get(patient=cast.nora)
    for name, value in columns.items():
        setattr(found, name, value)
    found.save()


def closed(cast: Cast, days_ago: int) -> None:
    case(
        cast,
        opened_on=days_from_now(-days_ago - 30),
        closed_on=days_from_now(-days_ago),
        closed_by=cast["lena"],
        next_service="GP",
        step_down_note="Agreed.",
    )


def days_from_now(days: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def take_back_grant(cast: Cast) -> None:
    PatientGroupObjectPermission.objects.filter(content_object_id=cast.nora.pk).delete()


def grant_to_south_alone(cast: Cast) -> None:
    take_back_grant(cast)
    grant_to_team(cast.nora, cast.south)


def case_of_south_alone(cast: Cast) -> None:
    """North keeps its grant, and the open case is another team's."""
    closed(cast, 60)
    Case.objects.create(
        patient=cast.nora,
        team=cast.south,
        clinical_mentor=cast["sol"],
        police_mentor=cast["saul"],
        controller=cast.south.trust,
        regime=cast.south.trust.regime,
        created_by=cast["sol"],
    )


def exception(cast: Cast, name: str, hours: int = 1) -> None:
    PatientUserObjectPermission.objects.create(
        permission=Permission.objects.get(codename="view_patient"),
        user=cast[name],
        content_object_id=cast.nora.pk,
        reason="cover",
        granted_by=cast["lena"],
        expires_at=timezone.now() + dt.timedelta(hours=hours),
    )


def glass(cast: Cast) -> BreakGlass:
    return opened(cast["sol"], cast.nora)


def over(cast: Cast) -> None:
    with time_machine.travel(timezone.now() - dt.timedelta(hours=5)):
        glass(cast)


def ended(cast: Cast) -> None:
    end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=glass(cast).pk)


def lapse(cast: Cast, days: int) -> None:
    StaffCheck.objects.create(
        user=cast["cal"], kind="vetting", valid_until=days_from_now(days), evidence="Seen then"
    )


def leave(cast: Cast, name: str) -> None:
    User.objects.filter(pk=cast[name].pk).update(is_active=False)


WORLDS = {
    "as it is": World("cal", lambda cast: None, ALL),
    "a police mentor": World("pete", lambda cast: None, POLICE),
    "a lead": World("lena", lambda cast: None, ALL),
    "an administrator of the team": World("tess", lambda cast: None, NOTHING),
    "another team's": World("sol", lambda cast: None, NOTHING),
    "nobody's": World("odd", lambda cast: None, NOTHING),
    "has left": World("cal", lambda cast: leave(cast, "cal"), NOTHING),
    "role ended by hand": World(
        "cal", lambda cast: role(cast, ended_at=timezone.now(), ended_by=cast["tess"]), NOTHING
    ),
    "role begins tomorrow": World("cal", lambda cast: role(cast, starts_on=days_from_now(1)), NOTHING),
    "role begins today": World("cal", lambda cast: role(cast, starts_on=days_from_now(0)), ALL),
    "role ended yesterday": World("cal", lambda cast: role(cast, ends_on=days_from_now(-1)), NOTHING),
    "role ends today": World("cal", lambda cast: role(cast, ends_on=days_from_now(0)), ALL),
    "a check lapsed": World("cal", lambda cast: lapse(cast, -1), NOTHING),
    "a check ends today": World("cal", lambda cast: lapse(cast, 0), ALL),
    "no grant": World("cal", take_back_grant, NOTHING),
    "the grant is another team's": World("cal", grant_to_south_alone, NOTHING),
    "the case is another team's": World("cal", case_of_south_alone, NOTHING),
    "closed today": World("cal", lambda cast: closed(cast, 0), READING),
    "closed 28 days ago": World("cal", lambda cast: closed(cast, 28), READING),
    "closed 29 days ago": World("cal", lambda cast: closed(cast, 29), NOTHING),
    "an exception": World("sol", lambda cast: exception(cast, "sol"), READING),
    "an exception of the police": World("saul", lambda cast: exception(cast, "saul"), {Act.OPEN_RECORD}),
    "an exception that has run out": World("sol", lambda cast: exception(cast, "sol", -1), NOTHING),
    "an exception of somebody else's": World("sia", lambda cast: exception(cast, "sol"), NOTHING),
    "an exception of who has left": World(
        "sol", lambda cast: (exception(cast, "sol"), leave(cast, "sol")), NOTHING
    ),
    "an exception without a role": World("odd", lambda cast: exception(cast, "odd"), NOTHING),
    "break-glass": World("sol", glass, READING),
    "break-glass of somebody else": World("sia", glass, NOTHING),
    "break-glass that is over": World("sol", over, NOTHING),
    "break-glass ended by hand": World("sol", ended, NOTHING),
    "break-glass of who has left": World("sol", lambda cast: (glass(cast), leave(cast, "sol")), NOTHING),
    "break-glass after the role": World(
        "sol", lambda cast: (glass(cast), role(cast, "sol", role=Role.TEAM_ADMINISTRATOR)), NOTHING
    ),
}


@pytest.fixture
def cast() -> Cast:
    cast = make_cast()
    with looking():
        make_patient(cast.north, cast["amira"], cast["pete"], given_name="Wren", family_name="Abbot")
    return cast


def asked_in_python(user: User, patient: uuid.UUID) -> set[Act]:
    """The second lock is open, so that the rule stands alone."""
    with looking():
        listed = {act for act in QUESTIONS if visible_patients(user, act).filter(pk=patient).exists()}
        assert listed == {act for act in QUESTIONS if can(user, act, patient)}
    return listed


def asked_of_the_database(user: User, patient: uuid.UUID) -> set[Act]:
    with transaction.atomic(), acting(Acting(user=user.pk)), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'{name}(%(patient)s)' for name in QUESTIONS.values())}", {"patient": patient}
        )
        answers = cursor.fetchone()
    return {act for act, answer in zip(QUESTIONS, answers, strict=True) if answer}


@pytest.mark.parametrize("world", WORLDS)
def test_the_answer_is_this(cast: Cast, world: str) -> None:
    told = WORLDS[world]
    with looking():
        told.change(cast)
        user = User.objects.get(pk=cast[told.person].pk)
    assert asked_in_python(user, cast.nora.pk) == told.may
    assert asked_of_the_database(user, cast.nora.pk) == told.may


@pytest.mark.parametrize("world", ["an exception", "break-glass"])
def test_it_is_about_one_person(cast: Cast, world: str) -> None:
    with looking():
        WORLDS[world].change(cast)
        wren = Patient.objects.get(given_name="Wren")
        user = User.objects.get(pk=cast["sol"].pk)
    assert asked_in_python(user, wren.pk) == NOTHING
    assert asked_of_the_database(user, wren.pk) == NOTHING


def test_whose_trail_an_officer_reads(cast: Cast) -> None:
    with looking():
        reading = {
            name for name in cast.people if patients_under_review(cast[name]).filter(pk=cast.nora.pk).exists()
        }
    assert reading == {"ivy", "igor"}


def test_who_registered_somebody_sees_them_until_the_team_has_its_grant_and_no_longer(cast: Cast) -> None:
    """The database alone: between the patient's row and the case there is a moment without a grant."""
    with looking():
        take_back_grant(cast)
        assert Patient.objects.get(pk=cast.nora.pk).created_by_id == cast["amira"].pk
    assert asked_of_the_database(cast["amira"], cast.nora.pk) == ALL
    assert asked_of_the_database(cast["cal"], cast.nora.pk) == NOTHING
    with looking():
        grant_to_team(cast.nora, cast.south)
    assert asked_of_the_database(cast["amira"], cast.nora.pk) == NOTHING


def test_who_registered_somebody_and_works_with_patients_no_more_sees_nothing_in_that_moment(
    cast: Cast,
) -> None:
    amira = cast["amira"]
    with looking():
        take_back_grant(cast)
        Membership.objects.filter(user=amira).update(ended_at=timezone.now(), ended_by=cast["tess"])
        Membership.objects.create(
            user=amira, role=Role.TEAM_ADMINISTRATOR, team=cast.north, organisation=cast.north.trust
        )
    assert asked_of_the_database(amira, cast.nora.pk) == NOTHING


@pytest.mark.parametrize(
    ("question", "may"),
    [
        ("may_review_trail_of", {"ivy", "igor"}),
        ("may_review_break_glass", {"ivy", "igor", "lena", "dev"}),
    ],
)
def test_who_reviews(cast: Cast, question: str, may: set[str]) -> None:
    found = set()
    glass(cast)
    for name in cast.people:
        with (
            transaction.atomic(),
            acting(Acting(user=cast[name].pk)),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SELECT {question}(%s)", [cast.nora.pk])
            if cursor.fetchone()[0]:
                found.add(name)
    assert found == may
