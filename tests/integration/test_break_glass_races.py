"""Break-glass at the same moment as something else: a second click, a sixth try, its own end, another reviewer."""

from __future__ import annotations

import datetime as dt
import uuid
from threading import Barrier, Thread
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.core import mail
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases.models import BreakGlass, BreakGlassAttempt, BreakGlassReview
from cases.services.break_glass import end_break_glass
from cases.services.break_glass_reviews import escalate_overdue_reviews
from reminders import ticks
from reminders.models import Reminder
from sim_casework.pages import patient_record
from tests.break_glass import by_name, opened, stated
from tests.contact_log import at_work, logged, looking
from tests.integration.test_overtaken import at_once, statuses
from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db(transaction=True)
ASK = reverse("cases:break_glass")
BORN = dt.date(1990, 2, 3)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def glasses() -> list[BreakGlass]:
    with looking():
        return list(BreakGlass.objects.all())


def test_several_clicks_on_one_form_open_once_and_all_lead_to_the_record(cast: Cast) -> None:
    fields = stated(cast.nora)
    answers = at_once(*((sign_in(Client(), cast["sol"]), ASK, fields) for _ in range(4)))
    assert statuses(answers) == [302] * 4
    assert {answer["Location"] for answer in answers} == {reverse("patient_record", args=[cast.nora.pk])}
    assert len(glasses()) == 1
    with looking():
        assert len(Reminder.objects.filter(kind="break-glass-review")) == 1


def test_two_forms_about_one_person_at_once_open_once(cast: Cast) -> None:
    answers = at_once(*((sign_in(Client(), cast["sol"]), ASK, stated(cast.nora)) for _ in range(3)))
    assert statuses(answers) == [302] * 3
    assert len(glasses()) == 1


def test_two_people_open_one_record_at_once_and_each_has_their_own(cast: Cast) -> None:
    answers = at_once(*((sign_in(Client(), cast[name]), ASK, stated(cast.nora)) for name in ("sol", "sia")))
    assert statuses(answers) == [302, 302]
    assert len(glasses()) == 2


def test_no_more_than_five_wrong_statements_are_looked_up_however_many_come_at_once(cast: Cast) -> None:
    sends = [
        (sign_in(Client(), cast["sol"]), ASK, by_name(f"Name{number} Nobody", BORN)) for number in range(8)
    ]
    answers = at_once(*sends)
    assert statuses(answers) == [200] * 5 + [429] * 3
    with looking():
        assert BreakGlassAttempt.objects.count() == 5


def test_a_page_whose_time_runs_out_in_the_middle_is_withheld_whole(cast: Cast) -> None:
    """Half of it would already find nothing, and an empty plan would read as "no plan"."""
    logged(cast["amira"], cast.nora, account="A walk to the library.")
    glass = opened(cast["sol"], cast.nora)
    client = sign_in(Client(), cast["sol"])
    address = reverse("patient_record", args=[cast.nora.pk])
    real = patient_record.render
    with time_machine.travel(glass.ends_at - dt.timedelta(seconds=5)) as clock:
        client = sign_in(Client(), cast["sol"])

        def late(*arguments: Any) -> Any:
            clock.shift(dt.timedelta(seconds=10))
            return real(*arguments)

        with patch.object(patient_record, "render", late):
            answer = client.get(address)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "library" not in page and "Quill" not in page
    assert "does not mean" in page
    with time_machine.travel(glass.ends_at + dt.timedelta(seconds=10)):
        assert sign_in(Client(), cast["sol"]).get(address).status_code == 404


def test_a_page_whose_break_glass_the_lead_ends_in_the_middle_is_withheld(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    real = patient_record.render

    def end() -> None:
        try:
            with at_work(cast["lena"]):
                end_break_glass(by=cast["lena"], patient_id=cast.nora.pk, key=glass.pk)
        finally:
            connections.close_all()

    def ended(*arguments: Any) -> Any:
        thread = Thread(target=end)
        thread.start()
        thread.join(timeout=30)
        return real(*arguments)

    client = sign_in(Client(), cast["sol"])
    address = reverse("patient_record", args=[cast.nora.pk])
    with patch.object(patient_record, "render", ended):
        assert client.get(address).status_code == 503
    assert client.get(address).status_code == 404
    assert [e.outcome for e in trail_entries(route="patient_record")] == ["error", "not found"]


def test_two_reviews_at_once_are_one_and_the_other_is_told(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with at_work(cast["sol"]):
        end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=glass.pk)
    address = reverse("cases:break_glass_review", args=[cast.nora.pk, glass.pk])
    fields = {"outcome": "appropriate", "words": "It was needed."}
    answers = at_once(*((sign_in(Client(), cast[name]), address, fields) for name in ("lena", "ivy", "igor")))
    assert statuses(answers) == [200, 200, 302]
    assert all("meanwhile" in a.content.decode() for a in answers if a.status_code == 200)
    with looking():
        assert len(BreakGlassReview.objects.all()) == 1


def opened_last_week(cast: Cast) -> BreakGlass:
    with time_machine.travel(timezone.now() - dt.timedelta(days=7)):
        return opened(cast["sol"], cast.nora)


def test_a_tick_tells_everybody_in_charge_of_an_overdue_review_by_one_urgent_letter(cast: Cast) -> None:
    opened_last_week(cast)
    ticks.tick()
    ticks.tick()
    with looking():
        urgent = Reminder.objects.filter(kind="break-glass-review-overdue", sent_at__isnull=False)
        assert {r.recipient_id for r in urgent} == {cast.people[n].pk for n in ("lena", "dev", "ivy", "igor")}
    told = sorted(letter.to[0] for letter in mail.outbox)
    assert {"lena@example.org", "dev@example.org", "ivy@example.org", "igor@example.org"} <= set(told)
    for letter in mail.outbox:
        assert letter.body.startswith("You have ") and "Nora" not in letter.body and "Sol" not in letter.body
    before = len(mail.outbox)
    ticks.tick()
    assert len(mail.outbox) == before


def test_a_fault_in_escalating_keeps_no_reminder_from_being_sent(cast: Cast) -> None:
    opened(cast["sol"], cast.nora)
    with patch("reminders.ticks.escalate_overdue_reviews", side_effect=ValueError):
        ticks.tick()
    with looking():
        assert Reminder.objects.filter(kind="break-glass-opened", sent_at__isnull=False).exists()


def test_two_ticks_at_once_escalate_once(cast: Cast) -> None:
    opened_last_week(cast)
    together, found = Barrier(3), []

    def escalate() -> None:
        try:
            together.wait(timeout=20)
            found.append(escalate_overdue_reviews())
        finally:
            connections.close_all()

    threads = [Thread(target=escalate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(found) == [0, 0, 1]
    with looking():
        assert len(Reminder.objects.filter(kind="break-glass-review-overdue")) == 4


def test_its_author_and_the_lead_end_it_at_once_without_a_fault(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    address = reverse("cases:break_glass_end", args=[cast.nora.pk, glass.pk])
    answers = at_once(*((sign_in(Client(), cast[name]), address, {}) for name in ("sol", "lena", "dev")))
    assert statuses(answers) == [302, 404, 404]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> because it cannot wait",
        "'; DROP TABLE cases_patient; -- and more of it",
        "\u202eright to left and much more than twenty characters",
        "{{ 7 * 7 }} {% include 'x' %} ${7*7} and so on",
        "𝕿𝖍𝖊 𝖈𝖗𝖎𝖘𝖎𝖘 𝖑𝖎𝖓𝖊 𝖍𝖆𝖘 𝖙𝖍𝖊𝖒",
    ],
)
def test_hostile_words_are_stored_as_typed_and_shown_inert(cast: Cast, text: str) -> None:
    glass = opened(cast["sol"], cast.nora, sentence=text)
    assert glass.sentence == text
    page = sign_in(Client(), cast["ivy"]).get(
        reverse("cases:break_glass_review", args=[cast.nora.pk, glass.pk])
    )
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"sentence": "nul \x00 in the middle of a long sentence"},
        {"reference": "SC-\x00AAAAA"},
        {"reference": "SC-" + "A" * 5000},
        {"hours": "-4"},
        {"hours": "9" * 400},
        {"submission_key": "no key at all"},
        {"known_by": "reference' OR 1=1"},
        {"sentence": "x" * 20_000},
        {"known_by": "name", "full_name": "\x00", "name_born_day": "1"},
        {
            "known_by": "name",
            "full_name": "ſ" * 200,
            "name_born_day": "³",
            "name_born_month": "2",
            "name_born_year": "1990",
        },
        {"known_by": "NHS number", "nhs_number": "９９９１２３４５６７"},
    ],
)
def test_hostile_fields_open_nothing_and_make_no_fault(cast: Cast, changes: dict[str, Any]) -> None:
    answer = sign_in(Client(), cast["sol"]).post(
        ASK, stated(cast.nora, reference="SC-ZZZZZZ", submission_key=str(uuid.uuid4())) | changes
    )
    assert answer.status_code == 200
    assert glasses() == []
