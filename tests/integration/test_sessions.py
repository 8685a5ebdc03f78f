"""The server ends sessions in time, tells pages when, and ends at once those of people who left."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.test import Client

from tests.people import Cast, make_cast
from tests.sessions import sign_in, sign_in_with_password_only

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_session_poll_tells_the_end_without_extending_it(client: Client, cast: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        sign_in(client, cast["amira"])
        first = client.get("/account/session/").json()
    with time_machine.travel(NOON + dt.timedelta(minutes=10), tick=False):
        again = client.get("/account/session/").json()
    assert first["ends_at"] == again["ends_at"] == "2026-11-23T12:15:00+00:00"
    assert again["user"] == str(cast["amira"].pk)
    assert again["csrf_token"]
