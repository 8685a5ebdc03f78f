"""The detectors read each committed entry once, in order, also after a stop; and put five alerts a day before an officer."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Membership
from accounts.roles import Role
from audit.alerts import detection
from audit.alerts.detection import BURST, BURST_WITHIN, bursts, detect, detect_step, is_anything_new
from audit.alerts.models import MOST_A_DAY, Alert, AlertPutBefore, Bookmark
from audit.alerts.putting import put_new_alerts
from audit.context import PendingEntry, access_context
from audit.models import EntrySubject, LogEntry
from audit.providers import find_officer
from core.access_guard import recorded_query
from reminders import ticks
from reminders.models import Notification
from tests.alerts import closed_alert, entries_behind, opened, raised_alert
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in, trail_entries

# The detectors read what is committed, so each test commits.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """With a namesake of Cal's among North's patients (``sam`` stays South's)."""
    made = make_cast()
    with access_context(route="tests", is_system=True):
        namesake = make_patient(made.north, made["cal"], made["pete"], family_name="Carrow")
    detect()
    return Cast(made.people, made.north, made.south, namesake, made.sam)


def alerts(**conditions: Any) -> list[Alert]:
    with access_context(route="tests", is_system=True):
        return list(Alert.objects.filter(**conditions).select_related("worker").order_by("raised_at"))


def entries_of_namesake() -> int:
    (alert,) = alerts(kind="same surname")
    return entries_behind(alert)


# Exactly once.


def test_after_a_stop_it_goes_on_where_it_was_in_bounded_steps(cast: Cast) -> None:
    for _ in range(7):
        opened(cast, "cal", cast.nora)
    with patch.object(detection, "STEP", 3):
        assert [detect_step() for _ in range(2)] == [3, 3]
        assert entries_of_namesake() == 6
        assert detect() == 1
    assert entries_of_namesake() == 7
    assert len(alerts()) == 1


def test_nothing_counts_twice(cast: Cast) -> None:
    opened(cast, "cal", cast.nora)
    detect()
    place = Bookmark.of_detectors()
    assert (detect(), detect()) == (0, 0)
    assert entries_of_namesake() == 1
    found = Bookmark.of_detectors()
    assert (found.epoch, found.xid, found.entry_id) == (place.epoch, place.xid, place.entry_id)


def test_an_idle_tick_leaves_no_entry(cast: Cast) -> None:
    opened(cast, "cal", cast.nora)
    ticks.tick()
    ticks.tick()
    before = len(trail_entries())
    for _ in range(3):
        ticks.tick()
    assert len(trail_entries()) == before


def test_a_step_that_fails_has_read_nothing_and_the_next_reads_it_again(cast: Cast) -> None:
    opened(cast, "cal", cast.nora)
    place = Bookmark.of_detectors().xid
    with (
        patch.object(detection, "_count_refusals", side_effect=OSError("spoiled")),
        pytest.raises(OSError, match="spoiled"),
    ):
        detect_step()
    assert Bookmark.of_detectors().xid == place
    assert alerts() == []
    detect()
    assert len(alerts()) == 1


def test_an_entry_of_a_transaction_that_commits_late_is_not_passed_over(
    cast: Cast, owner_connection: psycopg.Connection
) -> None:
    """It has the lower number and commits after higher ones have been there for a while."""
    columns = "action, request_id, row_mac, writer, writer_sequence, actor_id, actor_name"
    with owner_connection.transaction():
        owner_connection.execute("SELECT pg_current_xact_id()")
        opened(cast, "cal", cast.nora)
        assert not is_anything_new()
        assert detect() == 0
        (key, at) = owner_connection.execute(
            f"INSERT INTO audit_logentry ({columns}) "  # noqa: S608
            "VALUES (3, gen_random_uuid(), 'x', gen_random_uuid(), 1, %s, 'cal') RETURNING id, timestamp",
            [cast["cal"].pk],
        ).fetchone()  # type: ignore[misc]
        owner_connection.execute(
            "INSERT INTO audit_entrysubject VALUES (%s, %s, %s, %s, true, 'case team')",
            [cast.nora.pk, at, key, cast.nora.reference],
        )
    assert detect() == 2
    assert entries_of_namesake() == 2


def test_two_detectors_at_once_raise_one_alert(cast: Cast) -> None:
    for _ in range(20):
        opened(cast, "cal", cast.nora)
    failures: list[Exception] = []

    def run() -> None:
        try:
            for _ in range(5):
                detect()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    detect()
    assert not failures
    assert len(alerts()) == 1
    assert entries_of_namesake() == 20


def test_a_tick_runs_the_detectors_and_fails_loudly_with_them(cast: Cast) -> None:
    opened(cast, "cal", cast.nora)
    with (
        patch("reminders.ticks.detect", side_effect=OSError("spoiled")),
        pytest.raises(OSError, match="spoiled"),
    ):
        ticks.tick("loop")
    ticks.tick("loop")
    assert len(alerts()) == 1


def test_only_those_who_match_stand_on_the_detectors_entry(cast: Cast) -> None:
    opened(cast, "cal", cast.nora)
    opened(cast, "sol", cast.sam)
    detect()
    with access_context(route="tests", is_system=True), recorded_query("tests"):
        mine = LogEntry.objects.filter(route="audit.detect").values_list("pk", flat=True)
        told = set(EntrySubject.objects.filter(entry_id__in=list(mine)).values_list("patient_id", flat=True))
    assert told == {cast.nora.pk}


def test_the_detectors_find_their_place_by_the_index(
    cast: Cast, owner_connection: psycopg.Connection
) -> None:
    place = Bookmark.of_detectors()
    with owner_connection.transaction():
        owner_connection.execute("SET LOCAL enable_seqscan = off")
        plan = owner_connection.execute(
            # Without the actor, whose index a table of a few rows would be read by.
            "EXPLAIN SELECT 1 FROM audit_logentry WHERE"
            " xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            " AND (epoch = %(e)s AND xid >= %(x)s AND (xid > %(x)s OR id > %(i)s) OR epoch > %(e)s)",
            {"e": place.epoch, "x": place.xid, "i": place.entry_id},
        ).fetchall()
    assert "epoch_xid_idx" in str(plan)


# Refused in a burst.


def refuse(cast: Cast, times: int) -> None:
    client = sign_in(Client(), cast["sol"])
    for _ in range(times):
        assert client.get(reverse("patient_record", args=[cast.nora.pk])).status_code == 404


def test_ten_refusals_in_ten_minutes_raise_an_alert(cast: Cast) -> None:
    refuse(cast, BURST - 1)
    detect()
    assert alerts() == []
    refuse(cast, 1)
    detect()
    (alert,) = alerts()
    assert (alert.kind, alert.worker, alert.patient_id) == ("refused in a burst", cast["sol"], None)
    assert entries_behind(alert) == BURST
    refuse(cast, 2)
    detect()
    assert entries_behind(alert) == BURST + 2


def test_wrong_passwords_are_no_burst(cast: Cast) -> None:
    for _ in range(BURST):
        with access_context(route="account_login", is_system=True) as context:
            context.note(
                PendingEntry(
                    action=LogEntry.Action.SIGN_IN, outcome=LogEntry.Outcome.DENIED, actor=cast["cal"]
                )
            )
    detect()
    assert alerts() == []


_START = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)


@given(st.lists(st.integers(0, 3600), max_size=60))
def test_a_refusal_is_in_a_burst_exactly_if_ten_lie_within_ten_minutes_around_it(seconds: list[int]) -> None:
    times = [_START + dt.timedelta(seconds=second) for second in sorted(seconds)]
    refusals = list(enumerate(times))
    expected = {
        index
        for start in range(len(times) - BURST + 1)
        if times[start + BURST - 1] - times[start] < BURST_WITHIN
        for index in range(start, start + BURST)
    }
    found = [key for burst in bursts(refusals) for key, _ in burst]
    assert sorted(found) == sorted(expected)


# Put before an officer.


def raise_many(cast: Cast, number: int) -> None:
    with access_context(route="tests", is_system=True):
        patients = [
            make_patient(cast.north, cast["cal"], cast["pete"], family_name="Carrow") for _ in range(number)
        ]
    for patient in patients:
        opened(cast, "cal", patient)
    detect()


def put(cast: Cast, who: str = "ivy") -> list[int]:
    rows = AlertPutBefore.objects.filter(officer=cast[who]).order_by("day", "number")
    return [row.number for row in rows]


def test_five_a_day_are_put_before_each_officer_and_the_rest_wait(cast: Cast) -> None:
    raise_many(cast, 8)
    assert put(cast, "ivy") == put(cast, "igor") == [1, 2, 3, 4, 5]
    assert put(cast, "iris") == []
    raise_many(cast, 1)
    assert len(put(cast)) == MOST_A_DAY
    with time_machine.travel(timezone.now() + dt.timedelta(days=1)):
        put_new_alerts()
    assert put(cast) == [1, 2, 3, 4, 5, 1, 2, 3, 4]
    home = sign_in(Client(), cast["ivy"]).get(reverse("home")).content.decode()
    assert home.count("Same surname: Cal Carrow") == 9


def test_an_alert_in_scope_by_its_patient_alone_is_put_before_that_officer(cast: Cast) -> None:
    """Igor's force employs nobody of Cal's trust; its officers take part in the team."""
    raise_many(cast, 1)
    assert put(cast, "igor") == [1]
    officer = find_officer(cast["igor"])
    assert not officer.workers.filter(pk=cast["cal"].pk).exists()


def test_the_officer_is_notified_of_what_is_put_before_them(cast: Cast) -> None:
    raise_many(cast, 6)
    ticks.send_due()
    assert Notification.objects.filter(user=cast["ivy"], read_at__isnull=True).count() == MOST_A_DAY
    with access_context(route="tests", is_system=True):
        row = Notification.objects.filter(user=cast["ivy"]).select_related("reminder").first()
        assert row is not None
        assert row.reminder.text == "Alert: Same surname, Cal Carrow"
        assert row.reminder.patient_id is None


def test_what_was_found_appropriate_between_the_two_comes_last(cast: Cast) -> None:
    closed_alert(cast, patient=cast.nora)
    with time_machine.travel(timezone.now() + dt.timedelta(days=1)):
        again = raised_alert(cast, patient=cast.nora, worker="cal")
        raise_many(cast, MOST_A_DAY)
    officer = cast["ivy"]
    assert AlertPutBefore.objects.filter(officer=officer).exclude(alert=again).count() == MOST_A_DAY
    assert not AlertPutBefore.objects.filter(officer=officer, alert=again).exists()


def test_what_somebody_looks_into_already_is_put_before_nobody_else(cast: Cast) -> None:
    closed_alert(cast)
    put_new_alerts()
    assert put(cast, "igor") == []


def test_nobody_is_given_what_their_own_line_did(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast["ivy"], role=Role.CLINICAL_LEAD, team=cast.north, organisation=cast.north.trust
        )
    raise_many(cast, 1)
    assert (put(cast, "ivy"), put(cast, "igor")) == ([], [1])


def test_without_anything_new_nobody_is_asked_again(
    cast: Cast, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    raise_many(cast, 1)
    # Three of them say that the system asks, and no longer.
    with django_assert_max_num_queries(8):
        detect()
