"""/healthz tells what is up, in component names only, to anybody."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core.models import Heartbeat

pytestmark = pytest.mark.django_db

ALL_UP = dict.fromkeys(("database", "broker", "worker", "beat", "loop"), "ok")


@pytest.fixture
def _everything_beats() -> None:
    for name in ("worker", "beat", "loop"):
        Heartbeat.objects.create(name=name, at=timezone.now())


@pytest.mark.usefixtures("_everything_beats")
def test_healthz_is_200_when_everything_is_up(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, ALL_UP)


@pytest.mark.usefixtures("_everything_beats")
@pytest.mark.parametrize("name", ["worker", "beat", "loop"])
def test_healthz_is_503_and_names_what_has_missed_three_ticks(client: Client, name: str) -> None:
    silence = timedelta(seconds=3 * settings.REMINDER_TICK_SECONDS + 1)
    Heartbeat.objects.filter(name=name).update(at=timezone.now() - silence)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, ALL_UP | {name: "failed"})


@pytest.mark.usefixtures("_everything_beats")
def test_healthz_names_a_stopped_broker(client: Client, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/valkey.sock"
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, ALL_UP | {"broker": "failed"})


def test_healthz_takes_nothing_for_up_that_it_cannot_ask(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr("sim_casework.pages.health.background_shows_life", fail)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == dict.fromkeys(ALL_UP, "failed") | {"broker": "ok"}


def test_healthz_only_answers_reading(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
