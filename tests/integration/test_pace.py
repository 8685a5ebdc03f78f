"""A script with a session is slowed down and seen; a person never notices."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

NOON = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def cast(db: None, settings: Settings) -> Cast:
    settings.REQUESTS_PER_MINUTE = 5
    return make_cast()


def test_whoever_asks_too_often_waits_for_the_next_minute_and_is_on_the_trail(cast: Cast) -> None:
    address = f"/patients/{cast.nora.pk}/"
    with time_machine.travel(NOON, tick=False) as clock:
        script = sign_in(Client(), cast["amira"])
        assert [script.get(address).status_code for _ in range(5)] == [200] * 5
        answer = script.get(address)
        assert answer.status_code == 429
        assert answer.headers["Retry-After"] == "60" and b"Quill" not in answer.content
        assert script.post("/find/", {"terms": "Quill"}).status_code == 429
        clock.shift(60)
        assert script.get(address).status_code == 200
    refused = trail_entries(outcome="denied")
    assert [(entry.actor, entry.route) for entry in refused] == [
        (cast["amira"], "patient_record"),
        (cast["amira"], "cases:find"),
    ]


def test_one_who_asks_too_often_slows_nobody_else(cast: Cast) -> None:
    client = Client()
    with time_machine.travel(NOON, tick=False):
        sign_in(client, cast["amira"])
        assert [client.get("/").status_code for _ in range(6)][-1] == 429
        sign_in(client, cast["cal"])
        assert client.get("/").status_code == 200


def test_who_is_not_signed_in_is_not_counted_here(cast: Cast, client: Client) -> None:
    assert {client.get("/account/login/").status_code for _ in range(10)} == {200}
