"""Entries as they are written: one statement, numbers without gaps, MACs that cover them, words that cannot break them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership
from audit import writing
from audit.context import AccessContext, PendingEntry, access_context
from audit.middleware import trusted_address
from audit.models import LogEntry
from audit.writing import UnexplainedAccess, _Writer, keyed_digest, session_reference, stored_row_mac
from cases.models import Case, Patient
from core.errors import NotAllowed, NotVisible
from tests.audit_trail.probe_urls import second_lock_open
from tests.people import Cast

Entries = Callable[..., list[LogEntry]]


def test_entries_of_a_request_are_written_by_one_statement(cast: Cast, entries: Entries) -> None:
    with CaptureQueriesContext(connection) as captured, access_context(route="x", actor=cast["amira"]):
        patient = Patient.objects.get(pk=cast.nora.pk)
        for number in range(25):
            patient.phone = f"01632 9600{number:02}"
            patient.save()
    inserts = [q for q in captured.captured_queries if "INSERT INTO audit_" in q["sql"]]
    assert len(inserts) == 1
    assert len(entries(route="x")) == 26


def test_all_of_an_entrys_fields(cast: Cast, entries: Entries) -> None:
    with access_context(
        route="x", actor=cast["pete"], on_behalf_of="lena", purpose="direct care", reason="Asked to"
    ) as context:
        Patient.objects.get(pk=cast.nora.pk)
        context.notes["draft"] = "kept"
    (entry,) = entries(route="x")
    told = {
        name: getattr(entry, name)
        for name in (
            "action",
            "actor_name",
            "on_behalf_of",
            "outcome",
            "role",
            "team",
            "organisation",
            "relationship",
            "purpose",
            "reason",
            "request_id",
            "additional_data",
        )
    }
    assert told == {
        "action": LogEntry.Action.ACCESS,
        "actor_name": "pete",
        "on_behalf_of": "lena",
        "outcome": "ok",
        "role": "police mentor",
        "team": "North team",
        "organisation": "Northmoor Police",
        "relationship": "case team",
        "purpose": "direct care",
        "reason": "Asked to",
        "request_id": context.request_id,
        "additional_data": {"draft": "kept", "seen": {"cases.Patient": 1}},
    }
    (subject,) = entry.subjects
    assert (subject.patient_reference, subject.is_opened) == (cast.nora.reference, False)


def test_a_change_tells_fields_and_keeps_narratives_and_identifiers_out(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"]):
        patient = Patient.objects.get(pk=cast.nora.pk)
        patient.access_needs, patient.family_name, patient.version = "Quiet room", "Quell", 2
        patient.save()
    (change,) = entries(route="x", action=LogEntry.Action.UPDATE)
    assert change.changes == {
        "access_needs": ["", "(text)"],
        "family_name": ["(text)", "(text)"],
        "version": ["1", "2"],
    }
    assert change.object_repr == cast.nora.reference
    assert [(s.patient_id, s.is_opened) for s in change.subjects] == [(cast.nora.pk, True)]


def test_auditlogs_reread_before_a_save_adds_nobody(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"]):
        Case.objects.get(patient=cast.nora).save()
    assert {s.patient_id for entry in entries(route="x") for s in entry.subjects} == {cast.nora.pk}


def test_row_mac_covers_the_row_and_its_subjects(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"], reason="ä \U0001f600 \x00") as context:
        context.remote_addr = "2001:db8::7"
        patient = Patient.objects.get(pk=cast.nora.pk)
        patient.phone = "01632 960111"
        patient.save()
    found = entries(route="x")
    assert len(found) == 2
    for entry in found:
        assert stored_row_mac(entry, entry.subjects) == entry.row_mac
        assert stored_row_mac(entry, []) != entry.row_mac
        entry.subjects[0].is_opened = not entry.subjects[0].is_opened
        assert stored_row_mac(entry, entry.subjects) != entry.row_mac
        entry.subjects[0].is_opened = not entry.subjects[0].is_opened
        for name, value in {
            "reason": "another",
            "outcome": "denied",
            "actor_id": None,
            "actor_name": "pete",
            "role": "police mentor",
            "relationship": "",
            "changes": {"x": ["1", "2"]},
            "additional_data": {"x": 1},
            "route": "y",
            "request_id": uuid.uuid4(),
            "writer_sequence": 0,
            "session_ref": "x",
            "purpose": "x",
            "remote_addr": "192.0.2.1",
        }.items():
            before = getattr(entry, name)
            setattr(entry, name, value)
            assert stored_row_mac(entry, entry.subjects) != entry.row_mac, name
            setattr(entry, name, before)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reason=st.text(),
    note=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_no_text_makes_an_entry_fail_or_its_mac_untrue(
    cast: Cast, entries: Entries, reason: str, note: Any
) -> None:
    with access_context(route="x", actor=cast["amira"], reason=reason) as context:
        context.notes["note"] = note
        Patient.objects.get(pk=cast.nora.pk)
    entry = entries(route="x", request_id=context.request_id)[0]
    assert entry.reason == reason.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    assert stored_row_mac(entry, entry.subjects) == entry.row_mac


def test_numbers_of_a_process_have_no_gap_after_failures(
    cast: Cast, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_writer", _Writer())
    amira = cast["amira"]

    def work(*, breaks: bool = False) -> None:
        with access_context(route="x", actor=amira):
            patient = Patient.objects.get(pk=cast.nora.pk)
            patient.phone = f"0163296{breaks:05}"
            patient.save()
            if breaks:
                raise IntegrityError

    insert = writing._insert
    work()
    with pytest.raises(IntegrityError):
        work(breaks=True)

    def broken(*args: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(writing, "_insert", broken)
    with pytest.raises(DatabaseError):
        work()
    monkeypatch.setattr(writing, "_insert", insert)
    work()
    numbers = sorted(entry.writer_sequence for entry in entries(route="x"))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({entry.writer for entry in entries(route="x")}) == 1


def test_a_commit_that_may_have_come_through_leaves_its_gap(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number used twice would hide what a gap shows."""
    writer = _Writer()
    monkeypatch.setattr(writing, "_writer", writer)
    context = AccessContext()

    def work() -> None:
        with writing.recorded_transaction(context):
            context.numbers.append(writer.next_number())
            raise OperationalError("server closed the connection unexpectedly")

    with pytest.raises(OperationalError):
        work()
    assert writer.next_number()[1] == 2


def test_a_forked_process_writes_under_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = _Writer()
    name, number = writer.next_number()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    other, first = writer.next_number()
    assert (number, first) == (1, 1)
    assert name != other
    writer.take_back([(name, 1)])
    assert writer.next_number()[1] == 2


def test_a_patient_without_a_relationship_stops_the_work(cast: Cast, entries: Entries) -> None:
    sol = cast["sol"]
    with pytest.raises(UnexplainedAccess), access_context(route="x", actor=sol), second_lock_open():
        Patient.objects.get(pk=cast.nora.pk)
    (entry,) = entries(route="x")
    assert (entry.outcome, entry.relationship) == ("error", "none")
    assert [s.patient_id for s in entry.subjects] == [cast.nora.pk]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(NotAllowed("No."), "denied"), (NotVisible("No."), "not found"), (ValueError(), "error")],
)
def test_failed_attempt_of_a_command_is_recorded(
    cast: Cast, entries: Entries, error: Exception, outcome: str
) -> None:
    def work() -> None:
        with access_context(route="x", actor=cast["amira"], reason="r"):
            Patient.objects.get(pk=cast.nora.pk)
            raise error

    with pytest.raises(type(error)):
        work()
    (entry,) = entries(route="x")
    assert (entry.outcome, entry.reason, entry.relationship) == (outcome, "r", "case team")


def test_work_of_the_system_names_itself_and_its_subjects(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", is_system=True):
        list(Patient.objects.all())
    (entry,) = entries(route="x")
    assert (entry.actor, entry.actor_name, entry.relationship) == (None, "system", "system")
    assert {s.patient_id for s in entry.subjects} == {cast.nora.pk, cast.sam.pk}


def test_failed_work_of_the_system_is_told_with_whom_it_was_about(cast: Cast, entries: Entries) -> None:
    def work(*, sees: bool) -> None:
        with access_context(route="x", is_system=True):
            if sees:
                Patient.objects.get(pk=cast.nora.pk)
            raise ValueError

    for sees in (False, True):
        with pytest.raises(ValueError):  # noqa: PT011
            work(sees=sees)
    (entry,) = entries(route="x")
    assert (entry.outcome, entry.relationship) == ("error", "system")


def test_work_of_the_system_that_saw_nothing_leaves_no_entry(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", is_system=True):
        pass
    assert entries(route="x") == []


def test_noted_entries_stand_beside_the_works_own(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"]) as context:
        context.note(PendingEntry(action=LogEntry.Action.SEARCH, additional_data={"results": 0}))
    assert [entry.action for entry in entries(route="x")] == [LogEntry.Action.ACCESS, LogEntry.Action.SEARCH]


def test_a_membership_that_ended_explains_nothing(cast: Cast) -> None:
    amira = cast["amira"]
    membership = Membership.objects.get(user=amira)
    with access_context(route="t", is_system=True):
        membership.ended_at, membership.ended_by = membership.user.date_joined, cast["tess"]
        membership.save()
    with pytest.raises(UnexplainedAccess), access_context(route="x", actor=amira), second_lock_open():
        Patient.objects.get(pk=cast.nora.pk)


def test_terms_are_told_apart_but_not_read_back() -> None:
    assert keyed_digest(" Nora  QUILL") == keyed_digest("nora quill") != keyed_digest("nora quell")
    assert "nora" not in keyed_digest("nora quill")


def test_a_session_is_named_without_giving_its_key_away() -> None:
    assert session_reference(None) == ""
    assert len(session_reference("abc")) == 16
    assert session_reference("abc") == session_reference("abc") != session_reference("abd")


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1, 203.0.113.9, 198.51.100.2", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", None),
        (1, "<script>", None),
    ],
)
def test_only_hops_of_our_own_proxies_are_believed(
    settings: Any, proxies: int, header: str, address: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get("/", headers={"x-forwarded-for": header}, REMOTE_ADDR="192.0.2.1")
    assert trusted_address(request) == address


def test_undone_changes_of_nested_savepoints_are_told_apart(cast: Cast, entries: Entries) -> None:
    with access_context(route="x", actor=cast["amira"]):
        patient = Patient.objects.get(pk=cast.nora.pk)
        for phone, is_kept in (("1", True), ("2", False), ("3", True)):
            with suppress(IntegrityError), transaction.atomic():
                with transaction.atomic():
                    patient.phone = phone
                    patient.save()
                if not is_kept:
                    raise IntegrityError
    assert [e.outcome for e in entries(route="x", action=LogEntry.Action.UPDATE)] == ["ok", "error", "ok"]
