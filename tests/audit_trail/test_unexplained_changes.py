"""Where the officer reads what the write backstop found: home, page, command; who else may not, and what stays withheld."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from io import StringIO

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.alerts.models import Alert, AlertEntry
from audit.context import access_context
from audit.models import LogEntry
from audit.reconciliation import compare_changes
from cases.models import Patient
from core.access_guard import recorded_query
from reminders import ticks
from tests.audit_trail.test_write_backstop import forget_setting_up
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

Entries = Callable[..., list[LogEntry]]


@pytest.fixture
def cast(transactional_db: None, superuser_connection: psycopg.Connection) -> Cast:
    made = make_cast()
    forget_setting_up(superuser_connection)
    return made


def hide(cast: Cast, *patients: Patient, by: str = "amira") -> None:
    """Changes of Amira's that leave no change entry, each in a transaction of its own."""
    for patient in patients:
        with access_context(route="patient_record", actor=cast[by]), recorded_query("tests"):
            Patient.objects.filter(pk=patient.pk).update(
                phone="07700 900123", address=f"12 Secret Lane {uuid.uuid4()}"
            )


def read(cast: Cast, name: str, route: str) -> str:
    answer = sign_in(Client(), cast[name]).get(reverse(route))
    assert answer.status_code == 200
    return answer.content.decode()


def reconcile(user: str = "ivy", **options: str) -> str:
    out = StringIO()
    call_command("trail_reconcile", **{"username": user, "reason": "Weekly look"} | options, stdout=out)
    return out.getvalue()


def test_home_says_that_nothing_was_found_since_when_and_until_when(cast: Cast) -> None:
    ticks.tick()
    page = read(cast, "ivy", "home")
    assert "Changes without an entry" in page
    assert f"0 since {timezone.localdate().day} {timezone.localdate():%B %Y}, compared until" in page
    assert "Stands still" not in page


def test_a_tick_finds_it_and_home_shows_it_to_officers_alone(cast: Cast) -> None:
    hide(cast, cast.nora)
    ticks.tick()
    assert "1 change does not match the trail" in read(cast, "ivy", "home")
    for name in ("amira", "lena", "tess", "oona"):
        assert "Changes without an entry" not in read(cast, name, "home")


def test_each_finding_raises_one_alert_about_the_worker_and_the_patient(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    hide(cast, cast.nora, cast.nora, by="cal")
    superuser_connection.execute(
        "UPDATE cases_patient SET phone = '01632 960001' WHERE id = %s", [cast.sam.pk]
    )
    superuser_connection.execute("UPDATE accounts_user SET phone = '1' WHERE username = 'cal'")
    for _ in range(2):
        ticks.tick()
    with access_context(route="tests", is_system=True):
        alerts = list(Alert.objects.filter(kind="unexplained change").order_by("raised_at"))
        behind = [entry.alert_id for entry in AlertEntry.objects.all()]
    assert [(alert.worker, alert.patient_id) for alert in alerts] == [
        (cast["cal"], cast.nora.pk),
        (None, cast.sam.pk),
    ]
    assert behind == [alerts[0].pk] * 2
    assert "database role postgres" in alerts[1].explanation
    # The fourth, of nobody's and about nobody's record, is shown all the same.
    assert "4 changes do not match the trail" in read(cast, "ivy", "home")


def test_home_says_when_the_comparison_stands_still(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    superuser_connection.execute(
        "UPDATE audit_comparison SET compared_until = compared_until - interval '2 hours'"
    )
    assert "Stands still" in read(cast, "ivy", "home")
    assert "The comparison stands still" in read(cast, "ivy", "audit:changes")


def test_the_page_tells_table_operation_time_transaction_and_who_was_at_work(
    cast: Cast, entries: Entries
) -> None:
    hide(cast, cast.nora)
    compare_changes(60)
    page = read(cast, "ivy", "audit:changes")
    beside = entries(route="patient_record")[-1]
    assert "Changed the patient&#39;s details" in page
    assert "No entry on the trail" in page
    assert cast.nora.reference in page
    assert f'<dd dir="auto">{beside.xid}</dd>' in page
    assert str(beside.request_id) in page
    assert "Amira Adeyemi opened the patient record" in page
    assert "the application" in page
    assert "Secret Lane" not in page and "900123" not in page
    # Whose it was is on the officer's own entry.
    (own,) = entries(route="audit:changes")
    assert [(s.patient_id, s.is_opened, s.relationship) for s in own.subjects] == [  # type: ignore[attr-defined]
        (cast.nora.pk, False, "IG review")
    ]


def test_of_a_patient_of_other_organisations_the_page_names_neither_reference_nor_key(cast: Cast) -> None:
    hide(cast, cast.nora)
    compare_changes(60)
    page = read(cast, "iris", "audit:changes")
    assert "a patient of another organisation" in page
    assert cast.nora.reference not in page
    assert str(cast.nora.pk) not in page
    assert "Amira" not in page


def test_maintenance_is_shown_but_not_called_unexplained(
    cast: Cast, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("TRUNCATE accounts_user_groups")
    ticks.tick()
    home = read(cast, "ivy", "home")
    assert "does not match" not in home
    assert "1 change by migration or maintenance" in home
    page = read(cast, "ivy", "audit:changes")
    assert "Migration or maintenance" in page
    assert "Removed every row of accounts_user_groups" in page


def test_the_page_is_cut_into_pages_and_asks_no_more_for_many_than_for_one(cast: Cast) -> None:
    client = sign_in(Client(), cast["ivy"])
    hide(cast, cast.nora)
    compare_changes(60)
    client.get(reverse("audit:changes"))  # the session's own writing is over
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(reverse("audit:changes"))
    for _ in range(59):
        hide(cast, cast.nora)
    compare_changes(60)
    with CaptureQueriesContext(connection) as many:
        first = client.get(reverse("audit:changes"))
    assert len(many) == len(few)
    assert first.content.decode().count("Changed the patient&#39;s details") == 50
    older = first.context["page"]["older_href"] if first.context else ""
    href = older or first.content.decode().split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = client.get(href.replace("&amp;", "&")).content.decode()
    assert second.count("Changed the patient&#39;s details") == 10
    assert 'rel="prev"' in second


# The command.


def test_the_command_says_that_all_is_explained(cast: Cast, entries: Entries) -> None:
    assert reconcile() == "without_entry=0 without_change=0 maintenance=0\n"
    (entry,) = entries(route="trail_reconcile")
    assert (entry.actor_name, entry.outcome, entry.reason) == ("ivy", "ok", "Weekly look")
    assert entry.additional_data["findings"] == {}


def test_the_command_prints_each_finding_and_ends_with_1(cast: Cast, entries: Entries) -> None:
    hide(cast, cast.nora, cast.nora)
    cast["amira"].groups.add(Group.objects.get(name="team South team"))
    out = StringIO()
    with pytest.raises(CommandError, match="do not match") as ended:
        call_command("trail_reconcile", username="ivy", reason="Weekly look", stdout=out)
    assert ended.value.returncode == 1
    lines = out.getvalue().splitlines()
    assert lines[-1] == "without_entry=3 without_change=0 maintenance=0"
    assert sum("cases_patient: changed the patient's details" in line for line in lines) == 2
    assert sum(cast.nora.reference in line for line in lines) == 2
    assert sum("accounts_user_groups" in line for line in lines) == 1
    assert "Secret Lane" not in out.getvalue()
    (entry,) = entries(route="trail_reconcile")
    assert entry.additional_data["findings"] == {"no entry": 3}


def test_the_command_looks_from_a_day_on(cast: Cast) -> None:
    hide(cast, cast.nora)
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    assert "without_entry=0" in reconcile(since=tomorrow.isoformat())
    with pytest.raises(CommandError, match="do not match"):
        reconcile(since=timezone.localdate().isoformat())


def test_the_command_finds_what_a_moved_bookmark_would_hide(
    cast: Cast, superuser_connection: psycopg.Connection
) -> None:
    hide(cast, cast.nora)
    superuser_connection.execute("UPDATE audit_comparison SET xid = pg_current_xact_id()::text::bigint + 1")
    compare_changes(60)
    assert "0 since" in read(cast, "ivy", "home")
    with pytest.raises(CommandError, match="do not match"):
        reconcile()


@pytest.mark.parametrize("user", ["amira", "lena", "oona", "odd"])
def test_nobody_but_an_officer_runs_it_and_the_attempt_is_recorded(
    cast: Cast, entries: Entries, user: str
) -> None:
    hide(cast, cast.nora)
    with pytest.raises(CommandError, match="may not read the trail"):
        reconcile(user)
    (entry,) = entries(route="trail_reconcile")
    assert (entry.actor_name, entry.outcome) == (user, "denied")


def test_nobody_known_is_refused_and_recorded_and_a_reason_is_needed(cast: Cast, entries: Entries) -> None:
    with pytest.raises(CommandError, match="no active user"):
        reconcile("nobody.here")
    (entry,) = entries(route="trail_reconcile")
    assert (entry.actor_name, entry.outcome) == ("nobody.here", "denied")
    with pytest.raises(CommandError, match="Say why"):
        reconcile(reason="  ")
