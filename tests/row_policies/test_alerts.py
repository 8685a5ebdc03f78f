"""Alerts behind the second lock: who reads which in raw SQL, with every filter of the code gone, and who may add what."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts.models import Membership
from accounts.roles import Role
from audit.alerts import raise_alert
from audit.alerts.kinds import AlertKind
from audit.alerts.life import ask_worker, decide_alert
from audit.alerts.models import Alert
from audit.alerts.selectors import alerts_in_scope
from audit.context import access_context
from audit.providers import find_officer
from core.access_guard import permit_statements
from core.acting import Acting, acting
from tests.people import Cast, make_cast
from tests.row_policies.test_raw_sql import WHO_SEES, seen

pytestmark = pytest.mark.django_db

# Worker and patient of each alert; who was asked in it; who decided it.
ALERTS: dict[str, tuple[str, str, bool, str]] = {
    "asked": ("cal", "nora", True, ""),
    "not asked": ("pete", "nora", False, ""),
    "decided unasked": ("amira", "nora", False, "igor"),
    "elsewhere": ("sol", "sam", True, ""),
    "lent": ("cal", "sam", False, ""),
    "about an officer": ("ivy", "nora", False, ""),
    "nobody known": ("", "nora", False, "igor"),
    "refusals": ("cal", "", False, ""),
    "decided refusals": ("dev", "", False, "ivy"),
}
READ_BY: dict[str, set[str]] = {
    # Of North's trust: its staff, and the people of its team; never about herself.
    "ivy": set(ALERTS) - {"elsewhere", "about an officer"},
    # Of North's police: the people of its team, and its staff.
    "igor": {"asked", "not asked", "decided unasked", "about an officer", "nobody known"},
    "iris": {"elsewhere", "lent"},
    # A worker reads where they were asked.
    "cal": {"asked"},
    "sol": {"elsewhere"},
}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def raised(cast: Cast) -> dict[str, Alert]:
    found = {}
    for name, (worker, patient, _, _) in ALERTS.items():
        with access_context(route="tests", is_system=True):
            found[name] = raise_alert(
                kind=AlertKind.UNEXPLAINED_CHANGE if name != "lent" else AlertKind.SAME_SURNAME,
                worker=cast[worker] if worker else None,
                patient=getattr(cast, patient).pk if patient else None,
                explanation=name,
                entries=[(1, cast["cal"].date_joined)],
            )
    for name, (worker, _, is_asked, decided_by) in ALERTS.items():
        officer = decided_by or ("iris" if worker == "sol" else "ivy")
        with access_context(route="tests", actor=cast[officer]):
            if is_asked:
                ask_worker(by=cast[officer], alert=found[name], question="Why Nora Quill?")
            if decided_by:
                decide_alert(by=cast[officer], alert=found[name], outcome="appropriate", words="Nora Quill")
    return found


@pytest.mark.parametrize("name", WHO_SEES)
def test_a_query_without_any_filter_finds_the_alerts_that_the_person_may_read(
    cast: Cast, raised: dict[str, Alert], name: str
) -> None:
    wanted = READ_BY.get(name, set())
    keys = {raised[alert].pk for alert in wanted}
    assert seen(cast[name], "audit_alert", "explanation") == wanted
    assert seen(cast[name], "audit_alertentry", "alert_id") == keys
    with_steps = {alert for alert in wanted if ALERTS[alert][2] or ALERTS[alert][3]}
    assert seen(cast[name], "audit_alertstep", "alert_id") == {raised[alert].pk for alert in with_steps}


def test_the_lock_and_the_code_agree_about_officers(cast: Cast, raised: dict[str, Alert]) -> None:
    """The code's own filter alone, with the policies aside, finds the same."""
    for name in ("ivy", "igor", "iris", "lena", "odd"):
        with access_context(route="tests", is_system=True):
            found = {alert.explanation for alert in alerts_in_scope(find_officer(cast[name]))}
        assert found == (READ_BY.get(name, set()) if name != "lena" else set()), name


@pytest.mark.parametrize(
    "change",
    [
        {"role": Role.ADMINISTRATOR},
        {"ends_on": dt.date(2026, 1, 1)},
        {"starts_on": dt.date(2099, 1, 1)},
        {"ended_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "ended_by_id": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_officer_no_longer_reads_nothing(
    cast: Cast, raised: dict[str, Alert], change: dict[str, Any]
) -> None:
    with access_context(route="tests", is_system=True):
        membership = Membership.objects.get(user=cast["ivy"])
        for field, value in change.items():
            setattr(membership, field, cast["oona"].pk if field == "ended_by_id" else value)
        membership.save()
    assert seen(cast["ivy"], "audit_alert", "1") == set()
    assert seen(cast["ivy"], "audit_alertstep", "1") == set()


def test_who_left_the_house_reads_nothing(cast: Cast, raised: dict[str, Alert]) -> None:
    for name in ("ivy", "igor"):
        person = cast[name]
        with access_context(route="tests", is_system=True):
            person.is_active = False
            person.save()
        assert seen(person, "audit_alert", "1") == set()


STEP = """
INSERT INTO audit_alertstep (alert_id, patient_id, kind, by_id, at, text, outcome)
VALUES (%s, NULL, 'decided', %s, now(), 'Words', 'appropriate')
"""


def add(user: int, sql: str, values: list[Any]) -> None:
    with (
        transaction.atomic(),
        acting(Acting(user=user)),
        permit_statements(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)


@pytest.mark.parametrize(
    ("who", "by"), [("iris", "iris"), ("saul", "saul"), ("odd", "odd"), ("ivy", "iris"), ("igor", "igor")]
)
def test_a_step_is_ones_own_and_in_an_alert_one_reads(
    cast: Cast, raised: dict[str, Alert], who: str, by: str
) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        add(cast[who].pk, STEP, [raised["refusals"].pk, cast[by].pk])
    add(cast["ivy"].pk, STEP, [raised["refusals"].pk, cast["ivy"].pk])


def test_nobody_but_the_system_raises_an_alert_or_puts_an_entry_behind_it(
    cast: Cast, raised: dict[str, Alert]
) -> None:
    alert = """
        INSERT INTO audit_alert (id, kind, worker_id, patient_reference, day, number, explanation, raised_at)
        VALUES (gen_random_uuid(), 'refused in a burst', %s, '', '2026-01-01', 1, 'Words', now())
    """
    entry = "INSERT INTO audit_alertentry (alert_id, entry_id, at) VALUES (%s, 2, now())"
    for who in ("cal", "ivy"):
        for sql, value in ((alert, cast["cal"].pk), (entry, raised["asked"].pk)):
            with pytest.raises(ProgrammingError, match="row-level security"):
                add(cast[who].pk, sql, [value])


def test_what_a_worker_does_may_raise_an_alert_in_their_own_transaction_that_they_do_not_read(
    cast: Cast,
) -> None:
    for _ in range(2):  # the same again finds the alert that is open
        with access_context(route="tests", actor=cast["amira"]):
            raise_alert(
                kind=AlertKind.SAME_SURNAME, worker=cast["amira"], patient=cast.nora.pk, explanation="Words"
            )
            assert seen(cast["amira"], "audit_alert", "1") == set()
    assert len(seen(cast["ivy"], "audit_alert", "id")) == 1
