"""Claiming and sending: exactly once, whoever else is at it, and whatever dies on the way. Commits for real."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from cases.models import Case
from core.access_guard import recorded_query
from core.due import Due, announce, settle
from reminders import ticks
from reminders.delivery import Claim, claim_due, is_anything_due, send, send_claimed
from reminders.models import EmailMessageOut, Notification, Reminder
from sim_casework.devstack.paths import REPOSITORY
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def tell(cast: Cast, *names: str, number: int = 1, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "at": timezone.now() - dt.timedelta(minutes=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan",
        "link": "/x/",
        "patient_id": cast.nora.pk,
    }
    with access_context(route="tests", is_system=True):
        for index in range(number):
            announce(Due(subject=f"tests.fact:{index}", **fields | changes))


def change_reminders(**changes: Any) -> None:
    with access_context(route="tests", is_system=True), recorded_query("tests"):
        Reminder.objects.update(**changes)


def lapse_leases() -> None:
    change_reminders(lease_until=timezone.now() - dt.timedelta(seconds=1))


def the_reminder(**which: Any) -> Reminder:
    with access_context(route="tests", is_system=True):
        return Reminder.objects.select_related("recipient").get(**which)


def notified() -> Counter[str]:
    return Counter(n.user.username for n in Notification.objects.select_related("user"))


def test_a_due_reminder_becomes_one_notification_and_is_noted_as_sent(cast: Cast) -> None:
    tell(cast, "amira", "lena")
    assert ticks.send_due() == 2
    assert ticks.send_due() == 0
    assert notified() == {"amira": 1, "lena": 1}
    assert the_reminder(recipient__username="amira").sent_at is not None


def test_what_is_not_yet_due_is_not_sent(cast: Cast) -> None:
    tell(cast, "amira", at=timezone.now() + dt.timedelta(minutes=1))
    assert not is_anything_due()
    assert claim_due() == []


def test_urgent_reminders_go_first(cast: Cast) -> None:
    tell(cast, "amira", at=timezone.now() - dt.timedelta(days=9))
    tell(cast, "amira", kind="recall", is_urgent=True)
    (claim,) = claim_due(1)
    assert the_reminder(pk=claim.reminder_id).kind == "recall"


def test_a_claimed_reminder_is_nobody_elses_until_the_lease_is_over(cast: Cast) -> None:
    tell(cast, "amira")
    assert len(claim_due()) == 1
    # The claimer dies here.
    assert claim_due() == []
    assert ticks.send_due() == 0
    lapse_leases()
    assert ticks.send_due() == 1
    assert notified() == {"amira": 1}


def test_a_claimer_who_was_overtaken_sends_nothing(cast: Cast) -> None:
    tell(cast, "amira")
    (slow,) = claim_due()
    lapse_leases()
    (fast,) = claim_due()
    assert fast == Claim(slow.reminder_id, 2)
    assert send(slow) is None
    assert send(fast) is not None
    assert send(slow) is None
    assert send(fast) is None
    assert notified() == {"amira": 1}


def test_each_claim_of_a_row_that_keeps_failing_holds_longer(cast: Cast) -> None:
    tell(cast, "amira")
    leases = []
    for _ in range(3):
        claim_due()
        reminder = the_reminder()
        assert reminder.lease_until is not None
        assert reminder.claimed_at is not None
        leases.append((reminder.lease_until - reminder.claimed_at).total_seconds())
        lapse_leases()
    assert leases == [30, 60, 120]


def test_one_reminder_that_fails_does_not_hold_up_the_others(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(cast, "amira", "lena")
    real = Notification.objects.bulk_create

    def fail_for_amira(rows: list[Notification]) -> Any:
        if rows[0].user.username == "amira":
            raise RuntimeError("broken")
        return real(rows)

    monkeypatch.setattr(Notification.objects, "bulk_create", fail_for_amira)
    assert ticks.send_due() == 1
    assert notified() == {"lena": 1}
    monkeypatch.undo()
    lapse_leases()
    assert ticks.send_due() == 1
    assert notified() == {"amira": 1, "lena": 1}


def test_if_the_commit_fails_there_is_neither_notification_nor_sent(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(cast, "amira")
    claims = claim_due()

    def refuse(context: object) -> None:
        raise RuntimeError("the trail cannot be written")

    monkeypatch.setattr("audit.writing.write_entries", refuse)
    assert send_claimed(claims) == []
    monkeypatch.undo()
    assert notified() == {}
    assert the_reminder().sent_at is None


def run_at_the_same_time(work: Any, threads: int) -> list[Any]:
    """Let all begin together; their results, or what the first of them raised."""
    start, results, errors = threading.Barrier(threads), [], []

    def run() -> None:
        try:
            start.wait()
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if errors:
        raise errors[0]
    return results


def test_workers_at_the_same_time_send_each_reminder_exactly_once(cast: Cast) -> None:
    tell(cast, "amira", "lena", "pete", number=15)
    results = run_at_the_same_time(ticks.send_due, threads=4)
    # A row that another worker's claim is just passing over is left to its lease: later, but neither lost nor twice.
    lapse_leases()
    assert sum(results) + ticks.send_due() == 45
    assert notified() == {"amira": 15, "lena": 15, "pete": 15}


def test_the_same_claim_sent_by_two_threads_is_sent_once(cast: Cast) -> None:
    tell(cast, "amira")
    (claim,) = claim_due()
    results = run_at_the_same_time(lambda: send(claim), threads=4)
    assert sum(result is not None for result in results) == 1
    assert notified() == {"amira": 1}


def test_ticks_at_the_same_time_do_not_double_e_mails(cast: Cast) -> None:
    tell(cast, "amira", "lena", number=5)
    run_at_the_same_time(ticks.tick, threads=3)
    ticks.tick()
    mails = EmailMessageOut.objects.select_related("recipient")
    told = Counter[str]()
    for letter in mails:
        told[letter.recipient.username] += letter.reminder_count
    assert told == {"amira": 5, "lena": 5}
    assert all(mail.attempt == 1 and mail.sent_at for mail in mails)


@contextmanager
def settling(open_connection: Any) -> Iterator[None]:
    """Settle the fact in a transaction of another connection that stays open meanwhile."""
    began, may_end = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with access_context(route="tests", is_system=True):
                settle(kind="plan-review", subject="tests.fact:0")
                began.set()
                may_end.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(10)
    try:
        yield
    finally:
        may_end.set()
        thread.join()


def test_a_worker_that_meets_a_settlement_under_way_leaves_the_reminder_alone(cast: Cast) -> None:
    tell(cast, "amira")
    (claim,) = claim_due()
    with settling(connection):
        began = time.monotonic()
        assert send(claim) is None
        assert time.monotonic() - began < 5  # it did not wait
    lapse_leases()
    assert ticks.send_due() == 0
    assert notified() == {}


def test_a_settlement_that_is_rolled_back_delays_the_reminder_but_does_not_lose_it(cast: Cast) -> None:
    tell(cast, "amira")
    (claim,) = claim_due()
    with transaction.atomic():
        with access_context(route="tests", is_system=True):
            settle(kind="plan-review", subject="tests.fact:0")
        assert run_at_the_same_time(lambda: send(claim), threads=1) == [None]
        transaction.set_rollback(True)
    lapse_leases()
    assert ticks.send_due() == 1
    assert notified() == {"amira": 1}


def test_a_settlement_that_waits_for_a_worker_finds_what_it_sent(cast: Cast) -> None:
    tell(cast, "amira")
    with settling_meanwhile() as settlement:
        assert send(*claim_due()) is not None
        settlement.start()
        wait_for_blocked()
    settlement.join()
    assert the_reminder().settled_at is not None
    assert Notification.objects.get().read_at is not None


def test_a_settlement_that_waits_for_a_worker_finds_to_whom_it_handed_the_task(cast: Cast) -> None:
    tell(cast, "amira")
    end_membership(cast, "amira")
    with settling_meanwhile() as settlement:
        assert send(*claim_due()) is None
        settlement.start()
        wait_for_blocked()
    settlement.join()
    assert ticks.send_due() == 0
    assert the_reminder(recipient__username="lena").settled_at is not None


@contextmanager
def settling_meanwhile() -> Iterator[threading.Thread]:
    """The body is one transaction; the thread, once started, settles the fact and waits for that transaction."""

    def settle_it() -> None:
        try:
            with access_context(route="tests", is_system=True):
                settle(kind="plan-review", subject="tests.fact:0")
        finally:
            connection.close()

    with transaction.atomic():
        yield threading.Thread(target=settle_it)


def wait_for_blocked() -> None:
    """Until some other connection of this database waits for a lock."""
    wait_for_answer("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")


def wait_until_alone() -> None:
    """Until the server has noticed that a killed process is gone, and ended its transaction."""
    wait_for_answer(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = current_user AND pid <> pg_backend_pid() AND state <> 'idle')"
    )


def wait_for_answer(question: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(question)
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError(f"Never true: {question}")


def run_due(db_name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_due"],
        cwd=REPOSITORY,
        env=os.environ | {"DATABASE_NAME": db_name, "DJANGO_SETTINGS_MODULE": "sim_casework.settings.test"},
    )


@pytest.mark.parametrize(
    "obstacle",
    [
        # The worker waits with its insert, or (deferred foreign keys) in the middle of its commit.
        "LOCK TABLE reminders_notification IN SHARE MODE",
        "SELECT FROM accounts_user WHERE username IN ('amira', 'lena') FOR UPDATE",
    ],
)
def test_a_worker_killed_while_sending_neither_loses_nor_doubles(
    cast: Cast, db_name: str, owner_connection: psycopg.Connection, obstacle: str
) -> None:
    tell(cast, "amira", "lena")
    with owner_connection.transaction():
        owner_connection.execute(obstacle.encode())
        worker = run_due(db_name)
        wait_for_blocked()
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        assert notified() == {}
    wait_until_alone()
    lapse_leases()
    ticks.send_due()
    assert notified() == {"amira": 1, "lena": 1}
    assert ticks.send_due() == 0


def end_membership(cast: Cast, name: str) -> None:
    with access_context(route="tests", is_system=True):
        membership = cast[name].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()


def test_who_lost_the_relationship_is_not_reminded_and_the_lead_takes_over(cast: Cast) -> None:
    tell(cast, "amira")
    end_membership(cast, "amira")
    ticks.send_due()
    assert notified() == {"lena": 1, "dev": 1}
    assert the_reminder(recipient__username="amira").withdrawn_at is not None
    assert the_reminder(recipient__username="lena").text == "Review the plan"


def test_a_task_that_a_colleague_still_has_is_not_handed_to_the_lead(cast: Cast) -> None:
    tell(cast, "amira", "pete")
    end_membership(cast, "amira")
    ticks.send_due()
    assert notified() == {"pete": 1}


def test_what_is_no_task_is_not_handed_on(cast: Cast) -> None:
    tell(cast, "amira", is_task=False)
    end_membership(cast, "amira")
    ticks.send_due()
    assert notified() == {}


def test_who_has_left_is_not_reminded_of_anything(cast: Cast) -> None:
    tell(cast, "odd", patient_id=None)
    with access_context(route="tests", is_system=True):
        odd = cast["odd"]
        odd.is_active = False
        odd.save()
    ticks.send_due()
    assert notified() == {}


def test_who_lost_the_role_is_sent_nothing_of_its_team_and_a_colleague_takes_over(cast: Cast) -> None:
    tell(
        cast,
        "lena",
        patient_id=None,
        team=cast.north.pk,
        act=Act.CHANGE_CASE,
        is_urgent=True,
    )
    end_membership(cast, "lena")
    ticks.tick()
    assert notified() == {"dev": 1}
    assert {address for letter in mail.outbox for address in letter.to} == {"dev@example.org"}
    handed = the_reminder(recipient__username="dev")
    assert (handed.team_id, handed.act) == (cast.north.pk, Act.CHANGE_CASE)


def test_a_personal_task_is_handed_to_nobody(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    tell(cast, "odd", patient_id=None)
    with access_context(route="tests", is_system=True):
        User.objects.filter(pk=cast["odd"].pk).update(is_active=False)
    ticks.send_due()
    assert the_reminder().withdrawn_at is not None
    assert "nobody may take it over" not in caplog.text


def test_an_e_mail_counts_nothing_of_a_team_whose_role_is_over(cast: Cast) -> None:
    tell(cast, "lena", patient_id=None, team=cast.north.pk, act=Act.CHANGE_CASE, is_urgent=True)
    send_claimed(claim_due())
    end_membership(cast, "lena")
    ticks.tick()
    assert mail.outbox == []


def test_after_the_case_has_long_closed_nobody_is_reminded(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    tell(cast, "amira")
    with access_context(route="tests", is_system=True):
        case = Case.objects.get(patient=cast.nora)
        case.opened_on = dt.date(2024, 1, 1)
        case.closed_on, case.closed_by, case.next_service = dt.date(2024, 6, 1), cast["lena"], "GP"
        case.save()
    ticks.send_due()
    assert notified() == {}
    assert "nobody may take it over" in caplog.text


def test_sending_stands_on_the_trail_as_work_of_the_system_about_the_patient(cast: Cast) -> None:
    tell(cast, "amira")
    ticks.send_due()
    with access_context(route="tests", is_system=True):
        entry = LogEntry.objects.get(route="reminders.send")
        (subject,) = EntrySubject.objects.filter(entry_id=entry.pk)
    assert entry.actor_id is None
    assert entry.relationship == "system"
    assert entry.outcome == "ok"
    assert subject.patient_id == cast.nora.pk
    assert "Review the plan" not in str(entry.additional_data)


def test_a_tick_with_nothing_to_do_leaves_nothing_on_the_trail(cast: Cast) -> None:
    ticks.tick("loop")  # looks at everybody's staff checks, once a day and after each change
    tell(cast, "amira", at=timezone.now() + dt.timedelta(days=1))
    before = reminders_entries()
    ticks.tick("loop")
    ticks.tick("loop")
    assert reminders_entries() == before


def reminders_entries() -> list[int]:
    with access_context(route="tests", is_system=True):
        return [entry.pk for entry in LogEntry.objects.filter(route__startswith="reminders.")]
