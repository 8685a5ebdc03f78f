"""The containers' own health checks: web cares for what pages need, the others for their sign of life."""

from __future__ import annotations

import socket

import pytest
from django.db import OperationalError
from pytest_django.live_server_helper import LiveServer

from core.models import Heartbeat
from sim_casework import health_check


@pytest.mark.parametrize("arguments", [[], ["nobody"], ["web", "worker"]])
def test_unknown_names_are_refused_in_words(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert health_check.main(arguments) == 2
    assert "web, worker, beat, loop" in capsys.readouterr().err


@pytest.mark.django_db
@pytest.mark.parametrize("name", health_check.BACKGROUND)
def test_a_background_process_is_up_while_it_shows_life(name: str) -> None:
    assert health_check.main([name]) == 1
    Heartbeat.objects.create(name=name)
    assert health_check.main([name]) == 0


def test_web_is_up_although_the_worker_is_down(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_PORT", str(live_server.thread.port))
    monkeypatch.setenv("ALLOWED_HOSTS", "localhost")
    assert not Heartbeat.objects.exists()
    assert health_check.main(["web"]) == 0


def test_web_is_down_when_it_cannot_reach_the_database(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_PORT", str(live_server.thread.port))
    monkeypatch.setenv("ALLOWED_HOSTS", "localhost")
    monkeypatch.setattr("audit.middleware.recorded_transaction", unreachable)
    assert health_check.main(["web"]) == 1


def unreachable(context: object) -> None:
    raise OperationalError("connection refused")


def test_web_is_down_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WEB_PORT", str(taken.getsockname()[1]))
        assert health_check.main(["web"]) == 1
