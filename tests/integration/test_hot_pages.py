"""The pages on which people wait take so many statements and no more, with one row and with twenty (S35 included)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import access_context
from benchmarks.measuring import is_counted
from benchmarks.report import LIMITS
from tests.contact_log import logged, planned, posted, signed
from tests.people import Cast, make_cast, make_patient
from tests.plans import approved
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def statements(ask: Callable[[], object]) -> list[str]:
    """At the driver, without transaction control and the settings of row policies."""
    ask()  # content types and prepared statements are made once a process
    with CaptureQueriesContext(connection) as captured:
        ask()
    return [query["sql"] for query in captured if is_counted(query["sql"])]


def assert_same_number(few: list[str], many: list[str], operation: str) -> None:
    assert len(many) == len(few), "\n".join(many)
    assert len(many) <= LIMITS[operation].statements, "\n".join(many)


def more_of_everything(cast: Cast) -> None:
    """Twenty contacts with people, notes and addenda, twenty more patients, and visits of both kinds."""
    amira, now = cast["amira"], timezone.now()
    for number in range(18):
        logged(
            amira,
            cast.nora,
            happened_at=now - dt.timedelta(hours=number + 2),
            account=f"Told {number}",
            participants=[amira, cast["pete"]],
            clinical_text="Only for clinicians" if number % 3 else "",
        )
    signed(amira, cast.nora, account="Signed")
    planned(amira, cast.nora, planned_for=now + dt.timedelta(days=2))
    with access_context(route="test", is_system=True):
        for number in range(20):
            make_patient(cast.north, amira, cast["pete"], given_name="P", family_name=f"Q{number:02d}")


@pytest.mark.parametrize("name", ["amira", "pete", "lena"])
def test_opening_a_record_takes_at_most_seven_statements(cast: Cast, name: str) -> None:
    client, url = sign_in(Client(), cast[name]), reverse("patient_record", args=[cast.nora.pk])
    with access_context(route="test", is_system=True):
        approved(cast)
    few = statements(lambda: client.get(url))
    more_of_everything(cast)
    many = statements(lambda: client.get(url))
    assert client.get(url).content.decode().count('class="app-timeline__item ') >= 19
    assert_same_number(few, many, "OPEN")


@pytest.mark.parametrize("query", ["", "?scope=team"])
def test_listing_a_caseload_takes_at_most_six_statements(cast: Cast, query: str) -> None:
    client, url = sign_in(Client(), cast["amira"]), reverse("caseload") + query
    few = statements(lambda: client.get(url))
    more_of_everything(cast)
    assert_same_number(few, statements(lambda: client.get(url)), "LIST")


@pytest.mark.parametrize("name", ["amira", "pete"])
def test_logging_a_contact_takes_at_most_nine_statements(cast: Cast, name: str) -> None:
    client, url = sign_in(Client(), cast[name]), reverse("cases:contact_log", args=[cast.nora.pk])
    told = iter(range(100))

    def log() -> None:
        fields = posted(account=f"We talked, {next(told)}.", present=[str(cast.people["amira"].pk)])
        assert client.post(url, fields).status_code == 302

    few = statements(log)
    more_of_everything(cast)
    assert_same_number(few, statements(log), "LOG")


def test_reading_the_trail_of_a_patient_takes_at_most_six_statements(cast: Cast) -> None:
    logged(cast["amira"], cast.nora)
    client = sign_in(Client(), cast["ivy"])
    url = reverse("audit:patient_trail", kwargs={"patient_id": cast.nora.pk})
    few = statements(lambda: client.get(url))
    more_of_everything(cast)
    assert_same_number(few, statements(lambda: client.get(url)), "TRAIL")
