"""The life of an alert: question, answer, outcome, end; by whom, in which order, and what the database itself refuses."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.line import is_in_line
from accounts.models import Membership
from accounts.roles import Role
from audit.alerts import life, raise_alert
from audit.alerts.kinds import AlertKind
from audit.alerts.life import answer_alert, ask_worker, close_alert, decide_alert
from audit.alerts.models import Alert, AlertEntry, AlertPutBefore, AlertStep
from audit.alerts.selectors import KindRecord, alert_in_scope, records_of_kinds
from audit.context import access_context
from audit.models import LogEntry
from audit.providers import find_officer
from core.access_guard import permit_statements, recorded_query
from core.errors import DomainError, NotAllowed, NotVisible
from reminders import ticks
from reminders.models import Notification, Reminder
from reminders.selectors import open_tasks
from tests.alerts import (
    answered_alert,
    asked_alert,
    closed_alert,
    decided_alert,
    entries_behind,
    raised_alert,
)
from tests.people import Cast, make_cast
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]
WORDS = {
    "ask": {"question": "What led to it?"},
    "answer": {"answer": "I was on duty that night."},
    "decide": {"outcome": "appropriate", "words": "On duty."},
    "close": {},
}
SERVICES: dict[str, Any] = {
    "ask": ask_worker,
    "answer": answer_alert,
    "decide": decide_alert,
    "close": close_alert,
}


def take(cast: Cast, who: str, step: str, alert: Alert, **words: str) -> AlertStep:
    with access_context(route="tests.alert", actor=cast[who]):
        taken: AlertStep = SERVICES[step](by=cast[who], alert=alert, **(WORDS[step] | words))
        return taken


def join(cast: Cast, who: str, role: Role, **fields: Any) -> None:
    """One more role in North's team."""
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast[who],
            role=role,
            team=cast.north,
            organisation=cast.north.trust,
            **({"starts_on": dt.date(2024, 1, 1)} | fields),
        )


# In order.


def test_an_alert_goes_from_question_to_end_with_everybodys_words(cast: Cast) -> None:
    alert = closed_alert(cast)
    with access_context(route="tests", is_system=True):
        steps = list(AlertStep.objects.filter(alert=alert).select_related("by").order_by("pk"))
    assert [(s.kind, s.by.username, s.outcome) for s in steps] == [
        ("asked", "ivy", ""),
        ("answered", "cal", ""),
        ("decided", "ivy", "appropriate"),
        ("closed", "ivy", ""),
    ]
    assert steps[0].answer_by == timezone.localdate() + dt.timedelta(days=7)


@pytest.mark.parametrize(
    ("made", "who", "step", "words"),
    [
        (asked_alert, "ivy", "ask", "asked already"),
        (decided_alert, "ivy", "ask", "asked already"),
        (answered_alert, "cal", "answer", "answered this already"),
        (decided_alert, "ivy", "decide", "decided already"),
        (raised_alert, "ivy", "close", "Record what it was"),
        (answered_alert, "ivy", "close", "Record what it was"),
        (closed_alert, "igor", "close", "closed already"),
    ],
)
def test_a_step_out_of_turn_is_refused_in_words(
    cast: Cast, made: Callable[[Cast], Alert], who: str, step: str, words: str
) -> None:
    alert = made(cast)
    with pytest.raises(DomainError, match=words):
        take(cast, who, step, alert)


@pytest.mark.parametrize(
    ("made", "who", "step"),
    [
        (raised_alert, "ivy", "ask"),
        (asked_alert, "cal", "answer"),
        (answered_alert, "ivy", "decide"),
        (decided_alert, "ivy", "close"),
    ],
)
def test_a_step_sent_twice_is_one_step(
    cast: Cast, made: Callable[[Cast], Alert], who: str, step: str
) -> None:
    """One click after the other, and two at the same moment, of which the second read the alert before the first's step."""
    alert = made(cast)
    reader = "question_to" if step == "answer" else "alert_in_scope"
    with access_context(route="tests", actor=cast[who]):
        asker = cast[who] if step == "answer" else find_officer(cast[who])
        as_it_was = getattr(life, reader)(asker, alert.pk)
    first = take(cast, who, step, alert)
    reminders = reminders_now()
    assert take(cast, who, step, alert) == first
    with (
        patch.object(life, reader, return_value=as_it_was),
        patch.object(life, "_sent_before", side_effect=[None, first]),
    ):
        assert take(cast, who, step, alert) == first
    assert reminders_now() == reminders


def reminders_now() -> set[tuple[str, int, bool]]:
    with access_context(route="tests", is_system=True):
        return {(r.kind, r.recipient_id, r.settled_at is None) for r in Reminder.objects.all()}


def test_who_was_not_asked_finds_no_question(cast: Cast) -> None:
    alert = raised_alert(cast)
    for who in ("cal", "amira", "ivy"):
        with pytest.raises(NotVisible):
            take(cast, who, "answer", alert)


def test_who_was_not_asked_finds_no_page_of_a_question(cast: Cast) -> None:
    """Neither a colleague, nor the officer who asked, nor the worker before they are asked; as if there were no alert."""
    unasked, asked = raised_alert(cast), asked_alert(cast, kind="own record")
    for who, key in (("cal", unasked.pk), ("amira", asked.pk), ("ivy", asked.pk), ("cal", uuid.uuid4())):
        client = sign_in(Client(), cast[who])
        address = reverse("audit:alert_answer", args=[key])
        assert [client.get(address).status_code, client.post(address, {"answer": "Mine"}).status_code] == [
            404,
            404,
        ], who
    assert not AlertStep.objects.filter(kind="answered").exists()


@pytest.mark.parametrize("outcome", ["inappropriate", "training", "referred"])
def test_nothing_is_held_against_somebody_who_was_not_heard(cast: Cast, outcome: str) -> None:
    unasked, asked = raised_alert(cast), asked_alert(cast, kind="own record")
    for alert in (unasked, asked):
        with pytest.raises(DomainError, match="Ask the worker first"):
            take(cast, "ivy", "decide", alert, outcome=outcome)
    with time_machine.travel(timezone.now() + dt.timedelta(days=8)):
        assert take(cast, "ivy", "decide", asked, outcome=outcome).outcome == outcome
        with pytest.raises(DomainError, match="Ask the worker first"):
            take(cast, "ivy", "decide", unasked, outcome=outcome)


def test_an_answer_after_the_decision_is_too_late(cast: Cast) -> None:
    alert = asked_alert(cast)
    take(cast, "ivy", "decide", alert)
    with pytest.raises(DomainError, match="decided in the meantime"):
        take(cast, "cal", "answer", alert)


@pytest.mark.parametrize(("step", "field"), [("ask", "question"), ("decide", "words")])
def test_each_step_is_taken_in_words(cast: Cast, step: str, field: str) -> None:
    with pytest.raises(DomainError, match="in words") as refusal:
        take(cast, "ivy", step, raised_alert(cast), **{field: "  \n"})
    assert refusal.value.field == field


def test_where_nobody_is_known_to_have_done_it_nobody_is_asked(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        alert = raise_alert(
            kind=AlertKind.UNEXPLAINED_CHANGE, patient=cast.nora.pk, explanation="A row was changed."
        )
    with pytest.raises(DomainError, match="Nobody is known"):
        take(cast, "ivy", "ask", alert)
    assert take(cast, "ivy", "decide", alert, outcome="referred").outcome == "referred"


# By whom.


def test_nobody_looks_into_an_alert_about_themselves(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        alert = raise_alert(
            kind=AlertKind.OWN_RECORD, worker=cast["ivy"], patient=cast.nora.pk, explanation="Their own."
        )
    for step in ("ask", "decide", "close"):
        with pytest.raises(NotVisible):
            take(cast, "ivy", step, alert)
    client = sign_in(Client(), cast["ivy"])
    assert client.get(reverse("audit:alert", args=[alert.pk])).status_code == 404
    assert str(alert.pk) not in client.get(reverse("audit:alerts")).content.decode()
    # Another officer of whoever takes part in the team can.
    assert take(cast, "igor", "ask", alert).by == cast["igor"]


@pytest.mark.parametrize(
    ("worker", "role"),
    [
        ("cal", Role.CLINICAL_LEAD),
        ("cal", Role.DEPUTY_LEAD),
        ("lena", Role.CLINICAL_MENTOR),
        ("dev", Role.CLINICAL_MENTOR),
        ("dev", Role.CLINICAL_LEAD),
        ("lena", Role.DEPUTY_LEAD),
    ],
)
def test_nobody_looks_into_what_their_own_line_did(cast: Cast, worker: str, role: Role) -> None:
    join(cast, "ivy", role)
    alert = raised_alert(cast, worker=worker)
    for step in ("ask", "decide", "close"):
        with pytest.raises(NotAllowed, match="of one line"):
            take(cast, "ivy", step, alert)
    client = sign_in(Client(), cast["ivy"])
    page = client.get(reverse("audit:alert", args=[alert.pk])).content.decode()
    assert "are of one line" in page
    assert "Ask the worker" not in page
    assert client.get(reverse("audit:alert_decide", args=[alert.pk])).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [{"ends_on": dt.date(2024, 6, 1)}, {"starts_on": dt.date(2099, 1, 1)}, {"role": "team administrator"}],
)
def test_a_line_that_is_over_or_to_come_or_no_line_hinders_nobody(cast: Cast, fields: dict[str, Any]) -> None:
    join(cast, "ivy", **({"role": Role.CLINICAL_LEAD} | fields))
    assert take(cast, "ivy", "ask", raised_alert(cast)).kind == "asked"


def test_the_database_knows_the_same_line(cast: Cast) -> None:
    join(cast, "ivy", Role.DEPUTY_LEAD, ends_on=dt.date(2025, 3, 1))
    join(cast, "odd", Role.CLINICAL_LEAD, ended_at=timezone.now(), ended_by=cast["tess"])
    people = [cast[name] for name in cast.people]
    in_line = 0
    for since in (dt.date(2025, 3, 1), dt.date(2025, 3, 2), timezone.localdate()):
        for one, other in itertools.product(people, people):
            with connection.cursor() as cursor:
                cursor.execute("SELECT accounts_in_line(%s, %s, %s)", [one.pk, other.pk, since])
                (told,) = cursor.fetchone()
            assert told == is_in_line(one, other, since), (one, other, since)
            in_line += told
    assert in_line > 3 * len(people)


@pytest.mark.parametrize("who", ["amira", "cal", "lena", "tess", "oona", "rhea", "odd"])
def test_only_officers_look_into_alerts(cast: Cast, who: str) -> None:
    alert = raised_alert(cast)
    with pytest.raises(NotAllowed):
        take(cast, who, "decide", alert)


def test_an_officer_of_neither_worker_nor_patient_finds_no_alert(cast: Cast) -> None:
    alert = raised_alert(cast)
    with pytest.raises(NotVisible):
        take(cast, "iris", "ask", alert)


def test_a_step_that_somebody_else_made_impossible_meanwhile_is_refused_in_words(cast: Cast) -> None:
    alert = raised_alert(cast)
    with access_context(route="tests", actor=cast["igor"]):
        as_it_was = alert_in_scope(find_officer(cast["igor"]), alert.pk)
        list(as_it_was.steps.all())
    take(cast, "ivy", "decide", alert)
    for step in ("ask", "decide"):
        with (
            patch.object(life, "alert_in_scope", return_value=as_it_was),
            pytest.raises(DomainError, match="just taken a step"),
        ):
            take(cast, "igor", step, alert)


def test_whatever_else_the_database_refuses_is_a_fault_and_no_colleague(cast: Cast) -> None:
    alert = raised_alert(cast)
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast["lena"],
            role=Role.IG_OFFICER,
            organisation=cast.north.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    with (
        patch.object(life, "is_in_line", return_value=False),
        pytest.raises(IntegrityError, match="their own line"),
    ):
        take(cast, "lena", "ask", alert)


# What the database refuses, past the services.


def insert(cast: Cast, alert: Alert, kind: str, who: str = "ivy", **fields: Any) -> AlertStep:
    with access_context(route="tests", is_system=True), transaction.atomic():
        return AlertStep.objects.create(
            **{
                "alert": alert,
                "patient_id": alert.patient_id,
                "kind": kind,
                "by": cast[who],
                "text": "Words",
                "answer_by": timezone.localdate() if kind == "asked" else None,
                "outcome": "appropriate" if kind == "decided" else "",
            }
            | fields
        )


@pytest.mark.parametrize(
    ("made", "kind", "fields", "words"),
    [
        (asked_alert, "asked", {}, "alert_step_once"),
        (decided_alert, "decided", {}, "alert_step_once"),
        (closed_alert, "closed", {}, "alert_step_once"),
        (raised_alert, "answered", {"who": "cal"}, "An answer follows a question"),
        (asked_alert, "answered", {"who": "ivy"}, "The worker answers"),
        (raised_alert, "asked", {"who": "cal"}, "The worker answers"),
        (raised_alert, "decided", {"who": "cal"}, "The worker answers"),
        (decided_alert, "closed", {"who": "cal"}, "The worker answers"),
        (raised_alert, "closed", {}, "decided before it is closed"),
        (answered_alert, "closed", {}, "decided before it is closed"),
        (raised_alert, "decided", {"outcome": "training"}, "heard first"),
        (asked_alert, "decided", {"outcome": "inappropriate"}, "heard first"),
        (raised_alert, "asked", {"patient_id": None}, "the patient of its alert"),
        (raised_alert, "asked", {"who": "lena"}, "their own line"),
        (raised_alert, "decided", {"who": "dev"}, "their own line"),
        (raised_alert, "asked", {"text": " "}, "alert_step_in_words"),
        (raised_alert, "asked", {"answer_by": None}, "alert_answer_by_with_question"),
        (answered_alert, "decided", {"outcome": ""}, "alert_outcome_with_decision"),
        (answered_alert, "decided", {"outcome": "fine"}, "alert_outcome_with_decision"),
        (raised_alert, "asked", {"outcome": "training"}, "alert_outcome_with_decision"),
        (raised_alert, "noticed", {}, "alert_step_kind_known"),
    ],
)
def test_the_database_refuses_a_step_that_is_wrong(
    cast: Cast, made: Callable[[Cast], Alert], kind: str, fields: dict[str, Any], words: str
) -> None:
    alert = made(cast)
    with pytest.raises(IntegrityError, match=words):
        insert(cast, alert, kind, **fields)


def test_the_database_asks_nobody_after_a_decision(cast: Cast) -> None:
    alert = raised_alert(cast)
    take(cast, "ivy", "decide", alert)
    with pytest.raises(IntegrityError, match="was decided"):
        insert(cast, alert, "asked")


def about(cast: Cast, **fields: Any) -> Alert:
    with access_context(route="tests", is_system=True), transaction.atomic():
        return Alert.objects.create(
            **{
                "kind": "same surname",
                "worker": cast["cal"],
                "patient_id": cast.nora.pk,
                "patient_reference": cast.nora.reference,
                "day": timezone.localdate(),
                "explanation": "Words",
            }
            | fields
        )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "alert_once_a_day"),
        ({"number": 2}, "follows one that was closed"),
        ({"number": 0}, "alert_number_from_one"),
        ({"kind": ""}, "alert_says_what_and_why"),
        ({"kind": "other", "explanation": " "}, "alert_says_what_and_why"),
        ({"patient_reference": ""}, "alert_patient_with_reference"),
        ({"worker": None, "patient_id": None, "patient_reference": ""}, "alert_about_somebody"),
    ],
)
def test_the_database_refuses_an_alert_that_is_wrong(cast: Cast, fields: dict[str, Any], words: str) -> None:
    about(cast)
    with pytest.raises(IntegrityError, match=words):
        about(cast, **fields)


def test_the_database_takes_an_alert_without_worker_or_patient_once_a_day_as_well(cast: Cast) -> None:
    for fields in ({"worker": None}, {"patient_id": None, "patient_reference": ""}):
        about(cast, **fields)
        with pytest.raises(IntegrityError, match="alert_once_a_day"):
            about(cast, **fields)


def test_the_database_adds_nothing_to_a_closed_alert(cast: Cast) -> None:
    alert = closed_alert(cast)
    with (
        access_context(route="tests", is_system=True),
        pytest.raises(IntegrityError, match="was closed"),
        transaction.atomic(),
    ):
        AlertEntry.objects.create(alert=alert, entry_id=1, at=timezone.now())


def test_the_database_holds_five_a_day_each_once(cast: Cast) -> None:
    alerts = [about(cast, kind=f"kind {number}") for number in range(7)]
    today = timezone.localdate()

    def put(alert: Alert, number: int, day: dt.date = today) -> None:
        with transaction.atomic():
            AlertPutBefore.objects.create(alert=alert, officer=cast["ivy"], day=day, number=number)

    for number, alert in enumerate(alerts[:5], start=1):
        put(alert, number)
    for alert, number, day, words in (
        (alerts[5], 6, today, "five_a_day"),
        (alerts[5], 5, today, "numbered_by_day"),
        (alerts[0], 1, today + dt.timedelta(days=1), "put_before_once"),
    ):
        with pytest.raises(IntegrityError, match=words):
            put(alert, number, day)


TABLES = ["audit_alert", "audit_alertentry", "audit_alertstep", "audit_alertputbefore"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_may_add_and_nothing_else(cast: Cast, table: str, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        permit_statements(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_not_even_the_owner_changes_or_removes_a_row(
    transactional_db: None, owner_connection: Any, statement: str
) -> None:
    made = make_cast()
    alert = closed_alert(made)
    AlertPutBefore.objects.create(alert=alert, officer=made["ivy"], day=alert.day, number=1)
    for table in ("audit_alertputbefore", "audit_alertentry", "audit_alertstep", "audit_alert"):
        # Without the setting a policy leaves the owner no row to change; a superuser has no policy, but the trigger.
        as_system = "SELECT set_config('sim.system', 'on', false)"
        owner_connection.execute(as_system)
        with pytest.raises(Exception, match="are added and never changed"):
            owner_connection.execute(statement.format(table))


# Raising.


def test_the_same_again_after_the_end_is_a_new_alert(cast: Cast) -> None:
    first = closed_alert(cast)
    again = raised_alert(cast)
    assert (again.pk != first.pk, again.number) == (True, 2)
    assert raised_alert(cast).pk == again.pk
    assert (entries_behind(again), entries_behind(first)) == (2, 1)


@pytest.mark.parametrize(
    "wrong", [{"kind": "no such kind"}, {"patient": "00000000-0000-0000-0000-000000000000"}, {"worker": None}]
)
def test_raising_about_nobody_or_nothing_is_a_fault(cast: Cast, wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"kind": "same surname", "worker": cast["cal"], "explanation": "Words"} | wrong
    if fields.get("patient"):
        fields["patient"] = uuid.UUID(fields["patient"])
    with (
        access_context(route="tests", is_system=True),
        pytest.raises(ValueError, match=r"No such|about|valid"),
    ):
        raise_alert(**fields)


# Told.


def texts_of_tasks(cast: Cast, who: str) -> list[str]:
    with access_context(route="tests", actor=cast[who]):
        return [task.text for task in open_tasks(cast[who])]


def notified(cast: Cast, who: str) -> list[str]:
    ticks.send_due()
    with access_context(route="tests", is_system=True):
        rows = Notification.objects.filter(user=cast[who]).select_related("reminder").order_by("created_at")
        return [row.reminder.text for row in rows]


def test_the_worker_has_a_task_until_they_answer_and_the_officer_hears_of_it(cast: Cast) -> None:
    alert = asked_alert(cast)
    (text,) = texts_of_tasks(cast, "cal")
    assert text.startswith("You have been asked about a record you opened on ")
    assert cast.nora.reference not in text
    take(cast, "cal", "answer", alert)
    assert texts_of_tasks(cast, "cal") == []
    assert notified(cast, "ivy") == ["Cal Carrow has answered your question about an alert"]


def test_worker_and_officer_are_reminded_when_the_time_is_over(cast: Cast) -> None:
    asked_alert(cast)
    with time_machine.travel(timezone.now() + dt.timedelta(days=9)):
        due = due_texts()
    assert due["cal"] == ["You have been asked about"] * 2
    assert due["ivy"] == ["Cal Carrow has not answered your question about an alert"]


@pytest.mark.parametrize(
    ("worker", "reader"), [("cal", "lena"), ("cal", "dev"), ("lena", "dev"), ("dev", "lena")]
)
def test_a_question_is_the_workers_alone_also_after_its_last_day(
    cast: Cast, worker: str, reader: str
) -> None:
    alert = asked_alert(cast, worker=worker)
    with time_machine.travel(timezone.now() + dt.timedelta(days=9), tick=True):
        (own,) = texts_of_tasks(cast, worker)
        ticks.send_due()
        client = sign_in(Client(), cast[reader])
        for address in ("/", "/tasks/", "/tasks/team/", "/notifications/"):
            page = client.get(address).content.decode()
            assert own not in page
            assert str(alert.pk) not in page


def test_an_officer_who_is_none_any_more_reads_of_no_alert(cast: Cast) -> None:
    answered_alert(cast)
    assert notified(cast, "ivy") == ["Cal Carrow has answered your question about an alert"]
    assert "Cal Carrow" in sign_in(Client(), cast["ivy"]).get("/notifications/").content.decode()
    with access_context(route="tests", is_system=True):
        Membership.objects.filter(user=cast["ivy"]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    assert "Cal Carrow" not in sign_in(Client(), cast["ivy"]).get("/notifications/").content.decode()


def due_texts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with access_context(route="tests", is_system=True):
        for row in Reminder.objects.select_related("recipient").order_by("text"):
            assert row.due_at < timezone.now()
            assert row.patient_id is None
            found.setdefault(row.recipient.username, []).append(row.text.split(" a record")[0])
    return found


# Read.


def test_an_officer_of_the_workers_organisation_alone_does_not_learn_whom_it_was_about(
    cast: Cast, entries: Entries
) -> None:
    """Cal lends a hand in the South; his trust's officer looks into it, without knowing South's people."""
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast["cal"], role=Role.CLINICAL_MENTOR, team=cast.south, organisation=cast.south.trust
        )
    alert = raised_alert(cast, patient=cast.sam)
    client = sign_in(Client(), cast["ivy"])
    for route, arguments in (("audit:alerts", []), ("audit:alert", [alert.pk])):
        page = client.get(reverse(route, args=arguments)).content.decode()
        assert "a patient of another organisation" in page
        assert cast.sam.reference not in page
        assert str(cast.sam.pk) not in page
        (entry,) = entries(route=route)
        assert [(s.patient_reference, s.relationship) for s in entry.subjects] == [  # type: ignore[attr-defined]
            (cast.sam.reference, "alert review")
        ]
    assert take(cast, "ivy", "ask", alert).kind == "asked"


def test_a_worker_reads_the_reference_only_while_they_may_see_the_patient(
    cast: Cast, entries: Entries
) -> None:
    alert = asked_alert(cast)
    address = reverse("audit:alert_answer", args=[alert.pk])
    client = sign_in(Client(), cast["cal"])
    assert cast.nora.reference in client.get(address).content.decode()
    with access_context(route="tests", is_system=True):
        for membership in Membership.objects.filter(user=cast["cal"]):
            membership.ended_at, membership.ended_by = timezone.now(), cast["tess"]
            membership.save()
    page = client.get(address).content.decode()
    assert cast.nora.reference not in page
    assert "You have been asked about a record you opened on" in page
    told = [entry.subjects[0].relationship for entry in entries(route="audit:alert_answer")]  # type: ignore[attr-defined]
    assert told == ["case team", "alert question"]
    assert client.post(address, {"answer": "I had worked with her until then."}).status_code == 302


def test_a_wrong_form_keeps_what_was_typed(cast: Cast) -> None:
    alert = answered_alert(cast)
    client = sign_in(Client(), cast["ivy"])
    page = client.post(reverse("audit:alert_decide", args=[alert.pk]), {"words": "Half a thought"})
    assert "Half a thought" in page.content.decode()
    assert "Choose what it was" in page.content.decode()
    late = asked_alert(cast, kind="own record")
    take(cast, "ivy", "decide", late)
    worker = sign_in(Client(), cast["cal"])
    page = worker.post(reverse("audit:alert_answer", args=[late.pk]), {"answer": "My whole answer"})
    assert "My whole answer" in page.content.decode()
    assert "decided in the meantime" in page.content.decode()


def test_reading_an_alert_and_every_step_is_on_the_trail(cast: Cast, entries: Entries) -> None:
    """S38: whoever reads or changes an alert stands on the patient's trail, without what anybody wrote."""
    alert = answered_alert(cast, question="Secret question", answer="Secret answer")
    sign_in(Client(), cast["ivy"]).get(reverse("audit:alert", args=[alert.pk]))
    (read,) = entries(route="audit:alert")
    assert (read.actor_name, [s.patient_id for s in read.subjects]) == ("ivy", [cast.nora.pk])  # type: ignore[attr-defined]
    added = [e for e in entries(action=LogEntry.Action.CREATE) if e.changes and "alert" in e.changes]
    assert [e.actor_name for e in added] == ["ivy", "cal"]
    assert "Secret" not in str([e.changes for e in entries()])


def test_how_often_each_kind_was_right_is_counted_in_the_officers_scope(cast: Cast) -> None:
    decided_alert(cast, kind="same surname")
    decided_alert(cast, kind="same surname", worker="amira", outcome="training")
    decided_alert(cast, kind="own record", outcome="inappropriate")
    decided_alert(cast, kind="own record", worker="sol", patient=cast.sam, by="iris")
    raised_alert(cast, kind="next of kin")
    with access_context(route="tests", actor=cast["ivy"]):
        found = records_of_kinds(find_officer(cast["ivy"]))
    assert sorted(found, key=lambda record: record.kind) == [
        KindRecord("own record", 1, 1),
        KindRecord("same surname", 2, 1),
    ]


def test_the_list_takes_as_many_statements_for_twenty_alerts_as_for_one(cast: Cast) -> None:
    client = sign_in(Client(), cast["ivy"])
    address = reverse("audit:alerts")
    client.get(address)
    counts = []
    for more in (1, 19):
        for number in range(more):
            about(cast, kind=f"kind {more} {number}")
        with CaptureQueriesContext(connection) as statements:
            client.get(address)
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_page_holds_twenty_five_and_the_next_one_the_rest(cast: Cast) -> None:
    for number in range(30):
        about(cast, kind=f"kind {number}")
    client = sign_in(Client(), cast["ivy"])
    address, seen = reverse("audit:alerts") + "?order=oldest", []
    while address:
        page = client.get(address).content.decode()
        seen.append(sum(f"Kind {number}: Cal Carrow" in page for number in range(30)))
        more = [part.split('"')[0] for part in page.split('href="') if "after=" in part.split('"')[0]]
        address = more[0].replace("&amp;", "&") if more else ""
    assert len(seen) == 2
    for place in ("x", "2026-01-01T00:00:00+00:00_x", "_", "1_2"):
        assert client.get(reverse("audit:alerts"), {"after": place}).status_code == 200
    with access_context(route="tests", is_system=True), recorded_query("tests"):
        assert Alert.objects.count() == 30
