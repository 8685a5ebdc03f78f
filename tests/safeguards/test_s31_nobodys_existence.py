"""S31: the form of break-glass tells nobody whether somebody is there; the rest of what it does is in test_s31_break_glass."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
import time_machine
from django.db import ProgrammingError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cases.models import BreakGlassAttempt
from tests.break_glass import (
    SENTENCE,
    ask,
    by_name,
    by_number,
    glasses,
    record_of,
    stated,
)
from tests.contact_log import at_work, looking
from tests.patients import invented_nhs_number, registered
from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db
NUMBER = invented_nhs_number(7)
BORN = dt.date(1990, 2, 3)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def page_of(answer: Any) -> str:
    """The answer without what is random in every answer."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "<token>", answer.content.decode())
    return re.sub(r'data-(session-ends-at|server-now)="[^"]*"', "<clock>", text)


def hidden_states(cast: Cast) -> dict[str, dict[str, Any]]:
    """Statements that must not be told apart: nobody, somebody whose details differ, and more than one."""
    with at_work(cast["amira"]):
        registered(cast, given_name="Twin", family_name="Alder", date_of_birth=BORN)
        registered(cast, given_name="Wren", family_name="Alder", date_of_birth=BORN, nhs_number=NUMBER)
        registered(cast, given_name="Anna", preferred_name="Twin", family_name="Alder", date_of_birth=BORN)
    return {
        "nobody of this name": by_name("Qqqq Alder", BORN),
        "somebody born another day": by_name("Nora Alder", BORN),
        "two of one name": by_name("Twin Alder", BORN),
    }


def test_s31_whatever_does_not_match_one_record_gets_the_same_bytes(cast: Cast) -> None:
    pages = {}
    for what, form in hidden_states(cast).items():
        answer = ask(sign_in(Client(), cast["sol"]), form | {"submission_key": str(uuid.UUID(int=1))})
        page = page_of(answer).replace(form["full_name"], "<name>")
        pages[what] = (answer.status_code, page, sorted(h for h in answer.headers if h != "Content-Length"))
    assert len(set(map(str, pages.values()))) == 1
    assert glasses() == []


def test_s31_a_number_with_another_birthday_is_answered_like_no_number(cast: Cast, sol: Client) -> None:
    with at_work(cast["amira"]):
        registered(cast, nhs_number=NUMBER, date_of_birth=BORN)
    key = str(uuid.UUID(int=2))
    other_day, nobodys = BORN + dt.timedelta(days=1), invented_nhs_number(99)
    wrong = page_of(ask(sol, by_number(NUMBER, other_day, submission_key=key)))
    nobody = page_of(ask(sol, by_number(nobodys, other_day, submission_key=key)))
    assert wrong.replace(NUMBER, "<number>") == nobody.replace(nobodys, "<number>")
    assert "Nothing was opened" in wrong


@pytest.mark.parametrize(
    "form",
    [
        by_number(NUMBER, BORN),
        by_number(f"{NUMBER[:3]} {NUMBER[3:6]} {NUMBER[6:]}", BORN),
        by_name("wren  ALDER", BORN),
        by_name("Wrenny Alder", BORN),
        by_name("Wren Finch", BORN),
    ],
)
def test_s31_one_exact_match_opens_by_number_name_called_or_former_name(
    cast: Cast, sol: Client, form: dict[str, Any]
) -> None:
    with at_work(cast["amira"]):
        wren = registered(
            cast, nhs_number=NUMBER, date_of_birth=BORN, preferred_name="Wrenny", former_names=("Wren Finch",)
        )
    assert ask(sol, form)["Location"] == record_of(wren)


@pytest.mark.parametrize("name", ["Wren", "Wren Alde", "W% Alder", "Wren_Alder", "", "Alder Wren"])
def test_s31_parts_and_patterns_of_a_name_match_nobody(cast: Cast, sol: Client, name: str) -> None:
    with at_work(cast["amira"]):
        registered(cast, date_of_birth=BORN)
    assert ask(sol, by_name(name, BORN)).status_code == 200
    assert glasses() == []


def test_s31_the_same_statements_run_whether_or_not_somebody_is_there(cast: Cast) -> None:
    counts = set()
    for form in hidden_states(cast).values():
        client = sign_in(Client(), cast["sol"])
        with CaptureQueriesContext(connection) as seen:
            ask(client, form)
        counts.add(len(seen))
    assert len(counts) == 1


def test_s31_an_attempt_is_on_the_trail_as_a_search_with_a_keyed_digest(cast: Cast, sol: Client) -> None:
    ask(sol, by_name("Qqqq Alder", BORN))
    entry = trail_entries(route="cases:break_glass", action=4)[-1]
    assert len(entry.additional_data["terms"]) == 32
    assert entry.additional_data["results"] == 0
    assert entry.reason == "Break-glass: The person is in crisis and in contact with me now"
    everything = str(vars(entry))
    assert "Alder" not in everything and SENTENCE not in everything


def test_s31_after_five_wrong_statements_nothing_is_looked_up_for_an_hour(cast: Cast, sol: Client) -> None:
    for number in range(5):
        assert ask(sol, by_name(f"Name{number} Nobody", BORN)).status_code == 200
    over = {
        "nobody": ask(sol, stated(cast.nora, reference="SC-000000")),
        "somebody": ask(sol, stated(cast.nora)),
    }
    pages = {page_of(answer).replace(cast.nora.reference, "SC-000000") for answer in over.values()}
    pages = {re.sub(r'value="[0-9a-f-]{36}"', "<key>", page) for page in pages}
    assert {answer.status_code for answer in over.values()} == {429}
    assert len(pages) == 1
    assert SENTENCE in pages.pop()
    assert glasses() == []
    # Somebody else's attempts are their own, and an hour later the sixth is looked up.
    assert ask(sign_in(Client(), cast["sia"]), stated(cast.nora)).status_code == 302
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=61)):
        assert ask(sign_in(Client(), cast["sol"]), stated(cast.nora)).status_code == 302


def test_s31_attempts_that_were_not_looked_up_are_on_the_trail_and_do_not_count(
    cast: Cast, sol: Client
) -> None:
    for number in range(7):
        ask(sol, by_name(f"Name{number} Nobody", BORN))
    entries = trail_entries(route="cases:break_glass", action=4)
    assert [entry.outcome for entry in entries] == ["ok"] * 5 + ["denied"] * 2
    with looking():
        assert len(BreakGlassAttempt.objects.all()) == 5


def test_s31_nobody_takes_back_an_attempt_or_writes_one_for_somebody_else(cast: Cast, sol: Client) -> None:
    ask(sol, by_name("Qqqq Alder", BORN))
    with at_work(cast["sol"]):
        (attempt,) = BreakGlassAttempt.objects.filter(user=cast["sol"])
        assert BreakGlassAttempt.objects.filter(user=cast["sol"]).update(at=timezone.now()) == 0
        attempt.delete()
        assert BreakGlassAttempt.objects.filter(user=cast["sol"]).exists()
    with at_work(cast["sia"]):
        assert not BreakGlassAttempt.objects.exists()
    with pytest.raises(ProgrammingError, match="row-level security"), at_work(cast["sia"]):
        BreakGlassAttempt.objects.create(user=cast["sol"])


def test_s31_whom_the_user_may_read_anyway_is_opened_without_it(cast: Cast) -> None:
    client = sign_in(Client(), cast["amira"])
    answer = client.post(reverse("cases:break_glass"), stated(cast.nora), follow=True)
    assert "Nothing was opened, nobody was told" in answer.content.decode()
    assert glasses() == []
