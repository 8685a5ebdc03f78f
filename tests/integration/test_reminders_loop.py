"""The process without a broker: it ticks, shows life, outlives the database's restarts and ends when told; and its housekeeping."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import Session
from audit.context import access_context
from core.due import Due, announce
from core.models import Heartbeat
from reminders import housekeeping, ticks
from reminders.housekeeping import do_daily_work
from reminders.management.commands import run_due
from reminders.models import DailyWork, Notification
from reminders.selectors import unread_count
from sim_casework.devstack.paths import REPOSITORY
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def tell(cast: Cast, *names: str, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "subject": f"tests.fact:{uuid.uuid4()}",
        "at": timezone.now() - dt.timedelta(seconds=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan",
        "link": "/x/",
        "patient_id": cast.nora.pk,
    }
    with access_context(route="tests", is_system=True):
        announce(Due(**fields | changes))


def eventually(condition: Callable[[], object], seconds: float = 40) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(params=["with a pool", "without"])
def loop(
    request: pytest.FixtureRequest, transactional_db: None, db_name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """``run_due --loop``, ticking five times a second, its broker dead."""
    start = (
        "import sys, django; from django.conf import settings;"
        "settings.DATABASES['default']['OPTIONS'] = {'pool': {'min_size': 1, 'max_size': 2, 'timeout': 5}}"
        " if sys.argv[1] == 'with a pool' else {};"
        "django.setup(); from django.core.management import call_command;"
        "call_command('run_due', '--loop', '--every', '0.2')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start, request.param],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "DATABASE_NAME": db_name,
            "DJANGO_SETTINGS_MODULE": "sim_casework.settings.test",
            "BROKER_URL": "redis+socket:///nowhere/valkey.sock",
        },
        stderr=subprocess.PIPE,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def is_ticking(since: dt.datetime) -> bool:
    return Heartbeat.objects.filter(name="loop", at__gt=since).exists()


def test_the_loop_sends_shows_life_outlives_lost_connections_and_ends_cleanly(
    cast: Cast, loop: subprocess.Popen[bytes], superuser_connection: psycopg.Connection
) -> None:
    assert eventually(lambda: is_ticking(timezone.now() - dt.timedelta(minutes=1)))
    tell(cast, "amira")
    assert eventually(lambda: len(Notification.objects.all()) == 1)

    # What a restart of the server does to its clients.
    for _ in range(3):
        superuser_connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sim_app'"
            " AND datname = current_database() AND pid <> %s",
            [backend_pid()],
        )
        time.sleep(0.3)
    tell(cast, "lena")
    assert eventually(lambda: len(Notification.objects.all()) == 2)
    assert eventually(lambda: is_ticking(timezone.now() - dt.timedelta(seconds=2)))

    loop.send_signal(signal.SIGTERM)
    assert loop.wait(20) == 0


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_database_that_is_away_is_awaited_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    pauses: list[float] = []

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            if len(pauses) == 8:
                self.set()
            return self.is_set()

    outcomes = [OperationalError("away")] * 7

    def fail(*_: str) -> int:
        if outcomes:
            raise outcomes.pop()
        return 0

    monkeypatch.setattr(run_due, "tick", fail)
    run_due.run_until(Impatient(), every=30)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_tick_that_fails_otherwise_does_not_end_the_loop(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    is_over = threading.Event()
    calls = []

    def fail(*_: str) -> int:
        calls.append(1)
        if len(calls) == 3:
            is_over.set()
        raise RuntimeError("broken")

    monkeypatch.setattr(run_due, "tick", fail)
    run_due.run_until(is_over, every=0.01)
    assert len(calls) == 3
    assert "The tick failed" in caplog.text


def test_a_tick_that_fails_shows_no_life(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ticks, "compose_emails", fail)
    with pytest.raises(RuntimeError):
        ticks.tick("loop")
    assert not Heartbeat.objects.exists()


def test_without_loop_one_tick_is_made_and_its_number_told(
    cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(cast, "amira", "lena")
    call_command("run_due")
    assert capsys.readouterr().out == "2 sent\n"
    # One tick by hand is no process that lives.
    assert not Heartbeat.objects.exists()


# Once a day


def test_housekeeping_is_done_once_a_day(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(
        housekeeping, "PIECES", {name: lambda name=name: done.append(name) for name in ("one", "two")}
    )
    do_daily_work()
    do_daily_work()
    assert done == ["one", "two"]
    DailyWork.objects.update(done_on=timezone.localdate() - dt.timedelta(days=1))
    do_daily_work()
    assert done == ["one", "two", "one", "two"]


def test_a_piece_that_fails_is_tried_again_and_holds_up_no_other(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def fail() -> None:
        done.append("tried")
        raise RuntimeError("broken")

    monkeypatch.setattr(housekeeping, "PIECES", {"bad": fail, "good": lambda: done.append("good")})
    do_daily_work()
    do_daily_work()
    assert done == ["tried", "good", "tried"]


def test_the_trail_gets_its_tables_for_the_coming_months(
    transactional_db: None, owner_connection: psycopg.Connection
) -> None:
    last = owner_connection.execute(
        "SELECT to_char(statement_timestamp() + interval '3 months', '\"audit_logentry_\"YYYY_MM')"
    ).fetchone()
    assert last is not None
    with owner_connection.transaction():
        owner_connection.execute(f"DROP TABLE IF EXISTS {last[0]}".encode())
    do_daily_work()
    found = owner_connection.execute("SELECT to_regclass(%s)", [last[0]]).fetchone()
    assert found is not None
    assert found[0] == last[0]


def test_expired_sessions_are_deleted(transactional_db: None) -> None:
    now, hour = timezone.now(), dt.timedelta(hours=1)
    Session.objects.create(session_key="old", session_data="", expire_date=now - hour)
    Session.objects.create(session_key="new", session_data="", expire_date=now + hour)
    do_daily_work()
    assert [session.session_key for session in Session.objects.all()] == ["new"]


def test_what_is_unread_about_a_lost_patient_stops_being_counted(cast: Cast) -> None:
    tell(cast, "amira", "lena")
    tell(cast, "amira", patient_id=None)
    ticks.send_due()
    with access_context(route="tests", is_system=True):
        membership = cast["amira"].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()
    assert unread_count(cast["amira"]) == 2
    do_daily_work()
    assert unread_count(cast["amira"]) == 1
    assert unread_count(cast["lena"]) == 1
