"""A second click, or a colleague, at the same moment: one is saved and the other is told in words, never with a fault."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.home_postcodes import is_home_postcode
from accounts.models import HomePostcode, Membership
from accounts.services.home_postcodes import keep_home_postcode
from accounts.services.people import end_membership
from audit.context import access_context
from cases.models import ContactAddendum, Visit, VisitParticipant
from core.errors import DomainError
from reminders.models import Reminder
from tests.contact_log import at_work, logged, looking, planned, posted, signed
from tests.people import Cast, make_cast
from tests.plans import submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def at_once(*sends: tuple[Client, str, dict[str, Any]]) -> list[Any]:
    """Each form posted from a thread of its own, all let go together."""
    together = threading.Barrier(len(sends))
    answers: list[Any] = []

    def send(client: Client, address: str, fields: dict[str, Any]) -> None:
        client.raise_request_exception = False
        try:
            together.wait(timeout=20)
            answers.append(client.post(address, fields))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=one) for one in sends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def waiting(work: Callable[[], None]) -> tuple[threading.Thread, threading.Event, list[str]]:
    """A thread with a connection of its own that does the work once the event is set, and then says so in the list."""
    go_on, told = threading.Event(), list[str]()

    def wait_and_work() -> None:
        go_on.wait(timeout=20)
        try:
            work()
            told.append("done")
        finally:
            connections.close_all()

    thread = threading.Thread(target=wait_and_work)
    thread.start()
    return thread, go_on, told


def statuses(answers: list[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_a_contact_signed_by_several_clicks_is_signed_without_a_fault(cast: Cast) -> None:
    amira = cast["amira"]
    contact = logged(amira, cast.nora, purpose="practical support", is_planned=False)
    address = reverse("cases:contact_sign", args=[cast.nora.pk, contact.pk])
    answers = at_once(*((sign_in(Client(), amira), address, {"version": "1"}) for _ in range(4)))
    assert set(statuses(answers)) <= {200, 302}
    assert 302 in statuses(answers)


def test_several_outcomes_of_a_visit_at_once_are_one(cast: Cast) -> None:
    visit = planned(cast["amira"], cast.nora)
    address = reverse("cases:visit_outcome", args=[cast.nora.pk, visit.pk])
    fields = {"kind": "cancelled", "note": "Rang to put it off."}
    answers = at_once(*((sign_in(Client(), cast["amira"]), address, fields) for _ in range(4)))
    assert statuses(answers) == [200, 200, 200, 302]
    assert any("recorded already" in answer.content.decode() for answer in answers)


def test_two_colleagues_who_log_one_visit_at_once_lose_no_text(cast: Cast) -> None:
    visit = planned(cast["amira"], cast.nora, cast["amira"], cast["pete"])
    address = reverse("cases:contact_log", args=[cast.nora.pk]) + f"?visit={visit.pk}"
    answers = at_once(
        *(
            (sign_in(Client(), cast[name]), address, posted(account=f"Told by {name}."))
            for name in ("amira", "pete")
        )
    )
    assert statuses(answers) == [200, 302]
    refused = next(answer.content.decode() for answer in answers if answer.status_code == 200)
    assert "recorded already" in refused
    assert "Told by " in refused


def test_a_plan_approved_by_several_clicks_is_approved_without_a_fault(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        version = submitted(cast)
    address = reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number])
    fields = {"decision": "approve", "revision": str(version.revision)}
    answers = at_once(*((sign_in(Client(), cast["lena"]), address, fields) for _ in range(4)))
    assert set(statuses(answers)) <= {200, 302}
    assert 302 in statuses(answers)


def test_a_visit_sent_several_times_at_once_is_planned_once(cast: Cast) -> None:
    amira, tomorrow = cast["amira"], timezone.localdate() + dt.timedelta(days=1)
    fields = {
        "planned_on_day": str(tomorrow.day),
        "planned_on_month": str(tomorrow.month),
        "planned_on_year": str(tomorrow.year),
        "at": "2pm",
        "purpose": "practical support",
        "participants": [str(amira.pk)],
        "submission_key": str(uuid.uuid4()),
    }
    address = reverse("cases:visit_plan", args=[cast.nora.pk])
    answers = at_once(*((sign_in(Client(), amira), address, fields) for _ in range(5)))
    with looking():
        (visit,) = Visit.objects.all()
        assert len(VisitParticipant.objects.all()) == 1
        assert len(Reminder.objects.filter(kind="visit")) == 1
    assert statuses(answers) == [302] * 5
    assert {answer["Location"] for answer in answers} == {
        reverse("cases:visit", args=[cast.nora.pk, visit.pk])
    }


def test_an_addendum_sent_several_times_at_once_is_added_once(cast: Cast) -> None:
    amira = cast["amira"]
    contact = signed(amira, cast.nora)
    address = reverse("cases:contact_addendum", args=[cast.nora.pk, contact.pk])
    fields = {"reason": "Correction", "text": "It was Tuesday.", "submission_key": str(uuid.uuid4())}
    answers = at_once(*((sign_in(Client(), amira), address, fields) for _ in range(5)))
    with looking():
        assert len(ContactAddendum.objects.all()) == 1
    assert statuses(answers) == [302] * 5
    assert {answer["Location"] for answer in answers} == {
        reverse("cases:contact", args=[cast.nora.pk, contact.pk])
    }


def test_one_key_for_addenda_to_two_contacts_at_once_adds_one(cast: Cast) -> None:
    amira = cast["amira"]
    fields = {"reason": "Correction", "text": "It was Tuesday.", "submission_key": str(uuid.uuid4())}
    sends = [
        (
            sign_in(Client(), amira),
            reverse("cases:contact_addendum", args=[cast.nora.pk, signed(amira, cast.nora).pk]),
            fields,
        )
        for _ in range(2)
    ]
    answers = at_once(*sends)
    assert statuses(answers) == [200, 302]
    assert any("already used for another contact" in answer.content.decode() for answer in answers)


def test_ones_postcode_that_two_first_sends_give_at_once_is_kept_without_a_fault(cast: Cast) -> None:
    """Neither finds a row; the second waits for the first, and then changes its row."""

    def send_second() -> None:
        with at_work(cast["amira"]):
            keep_home_postcode(by=cast["amira"], postcode="NM9 9ZZ")

    second, is_written, told = waiting(send_second)
    with at_work(cast["amira"]):
        keep_home_postcode(by=cast["amira"], postcode="NM1 4ZZ")
        is_written.set()
        second.join(timeout=0.5)
        assert second.is_alive()  # behind the unique key, until this transaction is over
    second.join(timeout=30)
    assert told == ["done"]
    assert is_home_postcode(HomePostcode.objects.get(user=cast["amira"]), "NM9 9ZZ")


def test_a_role_that_two_administrators_end_at_once_is_ended_by_one(cast: Cast) -> None:
    """Both pages were read before either was sent; the second waits for the first, and reads the row again."""
    with looking():
        seen = [Membership.objects.get(user=cast["cal"]) for _ in range(2)]

    def end_second() -> None:
        with at_work(cast["oona"]), pytest.raises(DomainError, match="already been ended"):
            end_membership(by=cast["oona"], membership=seen[1])

    second, is_held, told = waiting(end_second)
    with at_work(cast["tess"]):
        end_membership(by=cast["tess"], membership=seen[0])
        is_held.set()
        second.join(timeout=0.5)
        assert second.is_alive()  # behind the lock, until this transaction is over
    second.join(timeout=30)
    with looking():
        assert (told, Membership.objects.get(user=cast["cal"]).ended_by) == (["done"], cast["tess"])
