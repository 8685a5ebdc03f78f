"""The doorbell: a real worker and beat on the test's broker, a broker that is dead, and messages that carry ids only."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings as django_settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django.utils import timezone

from accounts.gate import signed_in_user
from audit.context import access_context
from core.due import Due, announce
from core.models import Heartbeat
from reminders import doorbell, tasks, ticks
from reminders.models import EmailMessageOut, Notification, Reminder
from reminders.schedule import BEAT_SCHEDULE, TICK_SECONDS
from sim_casework.celery import app
from sim_casework.devstack.paths import REPOSITORY
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of the test broker that no other test uses."""
    url = f"{django_settings.CELERY_BROKER_URL}?virtual_host=9"
    with client_of(url) as client:
        client.flushdb()
        use_broker(monkeypatch, url)
        yield url
        client.flushdb()


def client_of(url: str) -> redis.Redis:
    socket_path, _, database = url.removeprefix("redis+socket://").partition("?virtual_host=")
    return redis.Redis(unix_socket_path=socket_path, db=int(database))


def use_broker(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(current_app.conf, "broker_url", url)
    monkeypatch.setattr(doorbell._Broker, "quiet_until", 0.0)


def tell(cast: Cast, *names: str, number: int = 1, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "at": timezone.now() - dt.timedelta(seconds=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan of Nora Quill",
        "link": "/x/",
        "patient_id": cast.nora.pk,
    }
    with access_context(route="tests", is_system=True):
        for _ in range(number):
            announce(Due(subject=f"tests.fact:{uuid.uuid4()}", **fields | changes))


@contextmanager
def running(
    db_name: str, broker: str, *command: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "DATABASE_NAME": db_name,
            "DJANGO_SETTINGS_MODULE": "sim_casework.settings.test",
            "BROKER_URL": broker,
        }
        | environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


WORKER = ("-m", "celery", "--app", "sim_casework", "worker", "--concurrency", "1", "--without-gossip")


def eventually(condition: Callable[[], object], seconds: float = 40) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def notified() -> int:
    """Of what the tests here tell; a tick may raise other things, such as alerts, at a time of its own."""
    with access_context(route="tests", is_system=True):
        return len(Notification.objects.filter(reminder__kind__in=("plan-review", "tests")))


def test_a_real_worker_sends_what_is_due_exactly_once(cast: Cast, broker: str, db_name: str) -> None:
    with running(db_name, broker, *WORKER):
        tell(cast, "amira", "lena")
        assert eventually(lambda: notified() == 2)
        # Rung for again, and ticked by others meanwhile, it stays one each.
        doorbell.ring([n.reminder_id for n in Notification.objects.all()])
        ticks.tick("loop")
        with client_of(broker) as client:
            assert eventually(lambda: client.llen("celery") == 0)
    assert notified() == 2


def test_a_worker_killed_while_it_had_messages_loses_none(cast: Cast, broker: str, db_name: str) -> None:
    with running(db_name, broker, *WORKER) as worker:
        tell(cast, "amira", number=1)
        assert eventually(lambda: notified() == 1)
        tell(cast, "amira", number=30)
        worker.kill()
        worker.wait()
    with access_context(route="tests", is_system=True):
        for reminder in Reminder.objects.filter(sent_at__isnull=True, lease_until__isnull=False):
            reminder.lease_until = timezone.now() - dt.timedelta(seconds=1)
            reminder.save()
    ticks.tick("loop")
    assert notified() == 31
    # What the dead worker had left in the broker finds its work done.
    with running(db_name, broker, *WORKER), client_of(broker) as client:
        assert eventually(lambda: client.llen("celery") == 0)
    assert notified() == 31


def test_a_tick_of_beat_run_by_the_worker_shows_that_both_live(
    cast: Cast, broker: str, db_name: str, tmp_path: Path
) -> None:
    beat = (
        "-m",
        "celery",
        "--app",
        "sim_casework",
        "beat",
        "--pidfile=",
        "--schedule",
        str(tmp_path / "beat"),
    )
    tell(cast, "amira")
    with running(db_name, broker, *WORKER), running(db_name, broker, *beat):
        assert eventually(lambda: {h.name for h in Heartbeat.objects.all()} == {"worker", "beat"}, 70)
    assert notified() == 1


def test_a_tick_without_beats_header_speaks_for_the_worker_alone(transactional_db: None) -> None:
    tasks.tick.apply()
    assert {h.name for h in Heartbeat.objects.all()} == {"worker"}
    tasks.tick.apply(headers={"from_beat": True})
    assert {h.name for h in Heartbeat.objects.all()} == {"worker", "beat"}


def test_worker_and_loop_at_the_same_time_send_once(cast: Cast, broker: str, db_name: str) -> None:
    loop = ("manage.py", "run_due", "--loop", "--every", "0.2")
    with running(db_name, broker, *WORKER), running(db_name, broker, *loop):
        assert eventually(lambda: Heartbeat.objects.filter(name="loop").exists())
        tell(cast, "amira", "lena", "pete", number=20)
        assert eventually(lambda: notified() == 60)
        with client_of(broker) as client:
            assert eventually(lambda: client.llen("celery") == 0)
    assert notified() == 60
    assert sum(e.reminder_count for e in EmailMessageOut.objects.all()) == 60


def test_messages_carry_ids_only(cast: Cast, broker: str) -> None:
    tell(cast, "amira")
    with client_of(broker) as client:
        (raw,) = client.lrange("celery", 0, -1)
    message = json.loads(raw)
    (args, kwargs, _) = json.loads(base64.b64decode(message["body"]))
    assert [uuid.UUID(arg).version for arg in args] == [5]
    assert kwargs == {}
    for word in ("Nora", "Quill", "Review", str(cast.nora.pk), "plan-review", "/x/"):
        assert word not in raw.decode() + base64.b64decode(message["body"]).decode()


def test_nothing_is_rung_for_what_is_not_due_or_rolled_back(cast: Cast, broker: str) -> None:
    tell(cast, "amira", at=timezone.now() + dt.timedelta(minutes=5))
    with transaction.atomic():
        tell(cast, "amira")
        transaction.set_rollback(True)
    with client_of(broker) as client:
        assert client.llen("celery") == 0


def test_a_single_reminder_is_sent_with_its_urgent_mail(cast: Cast, settings: Any, broker: str) -> None:
    settings.REMINDER_DIGEST_HOUR = 8
    tell(cast, "amira", is_urgent=True)
    tell(cast, "amira")
    with client_of(broker) as client:
        assert client.llen("celery") == 2
    with access_context(route="tests", is_system=True):
        keys = [r.pk for r in Reminder.objects.all()]
    for key in keys:
        tasks.send(str(key))
        tasks.send(str(key))
    tasks.send(str(uuid.uuid4()))  # gone
    assert notified() == 2
    (mail,) = EmailMessageOut.objects.all()
    assert mail.is_urgent
    assert mail.sent_at is not None


# A broker that does not answer


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@contextmanager
def refusing_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def missing_socket() -> Iterator[str]:
    yield "redis+socket:///nowhere/valkey.sock"


def announcing_view(request: Any) -> Any:
    user = signed_in_user(request)
    for number in range(3):
        announce(
            Due(
                kind="tests",
                subject=f"tests.fact:{number}",
                at=timezone.now(),
                recipients=[user],
                text="Due now",
                link="",
            )
        )
    return HttpResponse("saved")


urlpatterns = [path("announce/", announcing_view, name="announce"), path("", include("sim_casework.urls"))]


@pytest.mark.parametrize("dead_broker", [silent_server, refusing_port, missing_socket])
def test_with_a_dead_broker_the_page_answers_and_the_loop_sends(
    cast: Cast, settings: Any, client: Client, monkeypatch: pytest.MonkeyPatch, dead_broker: Any
) -> None:
    settings.ROOT_URLCONF = __name__
    sign_in(client, cast["amira"])
    with dead_broker() as url:
        use_broker(monkeypatch, url)
        began = time.monotonic()
        answer = client.get("/announce/")
        took = time.monotonic() - began
    assert answer.status_code == 200
    assert answer.content == b"saved"
    # Three announcements, one attempt: the promise is two seconds, with room for a busy machine.
    assert took < 4
    assert notified() == 0
    ticks.tick("loop")
    assert notified() == 3


def test_a_dead_broker_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    with refusing_port() as url:
        use_broker(monkeypatch, url)

        def fail(*_: object, **__: object) -> None:
            calls.append(1)
            raise ConnectionRefusedError

        monkeypatch.setattr(app, "send_task", fail)
        for _ in range(3):
            doorbell.ring([uuid.uuid4()])
        assert len(calls) == 1
        doorbell._Broker.quiet_until = time.monotonic() - 1
        doorbell.ring([uuid.uuid4()])
        assert len(calls) == 2


# Settings


def test_beat_ticks_as_often_as_the_loop() -> None:
    assert TICK_SECONDS == django_settings.REMINDER_TICK_SECONDS
    assert app.conf.beat_schedule == BEAT_SCHEDULE
    assert set(BEAT_SCHEDULE) == {"tick"}


def test_celery_keeps_messages_until_the_work_is_done_and_schedules_nothing_itself() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_transport_options["visibility_timeout"] > app.conf.task_time_limit
