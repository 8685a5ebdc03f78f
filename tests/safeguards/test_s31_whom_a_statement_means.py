"""S31: a statement tells nothing of people whom its author may not see, and a reason is something that can be read."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cases.models import BreakGlass, BreakGlassReview, OtherName, Patient
from cases.services.authorship import authorship
from cases.services.break_glass import end_break_glass
from cases.services.break_glass_reviews import OPENED
from reminders.models import Reminder
from tests.break_glass import ask, by_name, by_number, opened, stated
from tests.contact_log import at_work, looking
from tests.patients import invented_nhs_number, registered
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
BORN = dt.date(1984, 5, 6)
NUMBER = invented_nhs_number(3)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def record_of(patient: Patient) -> str:
    return f"/patients/{patient.pk}/"


def called(by: User, patient: Patient, name: str) -> None:
    with at_work(by):
        OtherName.objects.create(patient=patient, kind="alias", name=name, **authorship(by))


def opened_rows() -> list[BreakGlass]:
    with looking():
        return list(BreakGlass.objects.all())


@pytest.mark.parametrize("is_known_elsewhere", [False, True])
def test_s31_a_second_name_given_to_ones_own_patient_tells_nothing_of_others(
    cast: Cast, is_known_elsewhere: bool
) -> None:
    if is_known_elsewhere:
        with at_work(cast["amira"]):
            registered(cast, given_name="Ada", family_name="Alder", date_of_birth=cast.sam.date_of_birth)
    called(cast["sol"], cast.sam, "Ada Alder")
    answer = ask(sign_in(Client(), cast["sol"]), by_name("Ada Alder", cast.sam.date_of_birth))
    assert answer.headers["Location"] == record_of(cast.sam)
    assert opened_rows() == []


@pytest.mark.parametrize("is_known_elsewhere", [False, True])
def test_s31_ones_own_patient_is_meant_whoever_else_supports_them(
    cast: Cast, is_known_elsewhere: bool
) -> None:
    with at_work(cast["amira"]):
        own = registered(cast, date_of_birth=BORN, nhs_number=NUMBER)
    if is_known_elsewhere:
        with at_work(cast["sia"]):
            registered(cast, by="sia", date_of_birth=BORN, nhs_number=NUMBER)
    amira = sign_in(Client(), cast["amira"])
    for form in (by_number(NUMBER, BORN), by_name(f"{own.given_name} {own.family_name}", BORN)):
        assert ask(amira, form).headers["Location"] == record_of(own)
    assert opened_rows() == []


def test_s31_two_of_ones_own_who_fit_are_nobody(cast: Cast) -> None:
    """Neither may be guessed, and a third whom the user may not see is not taken instead."""
    with at_work(cast["amira"]):
        registered(cast, given_name="Ada", family_name="Alder", date_of_birth=BORN)
        registered(cast, given_name="Bo", preferred_name="Ada", family_name="Alder", date_of_birth=BORN)
    with at_work(cast["sia"]):
        registered(cast, by="sia", given_name="Ada", family_name="Alder", date_of_birth=BORN)
    answer = ask(sign_in(Client(), cast["amira"]), by_name("Ada Alder", BORN))
    assert "Nothing was opened" in answer.content.decode()
    assert opened_rows() == []


@pytest.mark.parametrize("nothing", ["\u200b" * 40, "\u3164" * 40, "No\u200b\u2060" * 6])
def test_s31_what_cannot_be_read_is_no_sentence(cast: Cast, nothing: str) -> None:
    page = ask(sign_in(Client(), cast["sol"]), stated(cast.nora, sentence=nothing)).content.decode()
    assert "Say why" in page or "at least 20 characters" in page or "Say a little more" in page
    assert opened_rows() == []


def test_s31_the_database_takes_no_opening_dated_ahead(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    ahead = timezone.now() + dt.timedelta(days=100)
    with pytest.raises(IntegrityError, match="begins when it is made"), transaction.atomic(), looking():
        BreakGlass.objects.create(
            patient=cast.nora,
            reason=glass.reason,
            sentence=glass.sentence,
            opened_as=glass.opened_as,
            opened_at=ahead,
            ends_at=ahead + dt.timedelta(hours=4),
            review_due_at=ahead + dt.timedelta(days=2),
            submission_key=glass.pk,
            **authorship(cast["sol"]),
        )


def test_s31_ended_by_two_clicks_leads_home_twice(cast: Cast) -> None:
    sol = sign_in(Client(), cast["sol"])
    glass = opened(cast["sol"], cast.nora)
    for _ in range(2):
        assert sol.post(f"{record_of(cast.nora)}break-glass/{glass.pk}/end/").headers["Location"] == "/"
    assert (
        sign_in(Client(), cast["sia"]).post(f"{record_of(cast.nora)}break-glass/{glass.pk}/end/").status_code
        == 404
    )


def test_s31_a_review_sent_twice_is_one_review_and_blames_nobody(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    lena = sign_in(Client(), cast["lena"])
    lena.post(f"{record_of(cast.nora)}break-glass/{glass.pk}/end/")
    said = {"outcome": "appropriate", "words": "Rang the crisis line; it was needed."}
    answers = [lena.post(f"{record_of(cast.nora)}break-glass/{glass.pk}/", said) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    other = lena.post(f"{record_of(cast.nora)}break-glass/{glass.pk}/", said | {"outcome": "training"})
    assert "reviewed" in other.content.decode()
    with looking():
        assert BreakGlassReview.objects.filter(break_glass=glass).exists()
        assert len(BreakGlassReview.objects.all()) == 1


def test_s31_who_cannot_end_it_is_not_told_to(cast: Cast) -> None:
    opened(cast["sol"], cast.nora)
    with looking():
        told = {
            reminder.recipient.username: reminder.text
            for reminder in Reminder.objects.filter(kind=OPENED).select_related("recipient")
        }
    assert "end it if it should not be" in told["lena"]
    assert "end it if" not in told["ivy"]


@pytest.mark.parametrize("whom", ["somebody", "nobody"])
def test_s31_a_form_sent_again_for_somebody_else_opens_neither(cast: Cast, whom: str) -> None:
    """ "Back", another reference typed over the first. The same words, whether there is such a person or not."""
    with at_work(cast["amira"]):
        other = registered(cast)
    sol = sign_in(Client(), cast["sol"])
    form = stated(cast.nora)
    assert ask(sol, form).headers["Location"] == record_of(cast.nora)
    again = ask(sol, form | {"reference": other.reference if whom == "somebody" else "SC-222222"})
    assert again.status_code == 200
    assert "This page has opened a record already, of somebody else" in again.content.decode()
    assert [glass.patient_id for glass in opened_rows()] == [cast.nora.pk]
    assert ask(sol, form).headers["Location"] == record_of(cast.nora)


def test_s31_asked_again_of_a_host_whose_clock_is_behind(cast: Cast) -> None:
    sol = sign_in(Client(), cast["sol"])
    with time_machine.travel(timezone.now(), tick=False) as clock:
        ask(sol, stated(cast.nora))
        (first,) = opened_rows()
        clock.shift(10)
        with at_work(cast["sol"]):
            end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=first.pk)
        clock.shift(-5)
        assert ask(sol, stated(cast.nora)).headers["Location"] == record_of(cast.nora)
    assert len(opened_rows()) == 2
