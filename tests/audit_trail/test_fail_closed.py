"""Nothing leaves unrecorded: if the entry cannot be written, the answer is 503 without a byte of the record (S37)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError, OperationalError, connection
from django.test import Client

from audit import writing
from audit.models import LogEntry
from cases.models import Case, Patient
from sim_casework.pages.errors import service_unavailable
from tests.people import Cast
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]

pytestmark = pytest.mark.urls("tests.audit_trail.probe_urls")


@pytest.fixture
def amira(cast: Cast) -> Client:
    client = sign_in(Client(), cast["amira"])
    client.raise_request_exception = False
    return client


def probe(cast: Cast, name: str) -> str:
    return f"/probe/patients/{cast.nora.pk}/{name}/"


def assert_withheld(response: Any) -> None:
    assert response.status_code == 503
    assert response.content == service_unavailable().content
    assert b"Quill" not in response.content
    assert not response.streaming


class BreakOnce:
    """Makes the writing of entries fail the first time it is tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, always: bool = False) -> None:
        self.insert, self.calls, self.always = writing._insert, 0, always
        monkeypatch.setattr(writing, "_insert", self)

    def __call__(self, rows: Any, subjects: Any) -> None:
        self.calls += 1
        if self.always or self.calls == 1:
            raise DatabaseError("no room left")
        self.insert(rows, subjects)


def test_a_record_is_shown_and_recorded_when_all_is_well(amira: Client, cast: Cast, entries: Entries) -> None:
    assert amira.get(probe(cast, "show")).content == b"family name Quill"
    (entry,) = entries()[-1:]
    assert (entry.route, entry.outcome) == ("show", "ok")
    assert [s.patient_id for s in entry.subjects] == [cast.nora.pk]


@pytest.mark.parametrize("method", ["get", "head", "post", "options", "put", "delete"])
def test_entry_that_cannot_be_written_withholds_the_answer(
    amira: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    BreakOnce(monkeypatch, always=True)
    response = getattr(amira, method)(probe(cast, "show"))
    assert response.status_code == 503
    assert b"Quill" not in response.content


def test_the_failed_attempt_is_recorded_if_the_trail_works_again(
    amira: Client, cast: Cast, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    BreakOnce(monkeypatch)
    assert_withheld(amira.get(probe(cast, "show")))
    (entry,) = entries(outcome="error")
    assert entry.actor_name == "amira"
    assert [(s.patient_id, s.is_opened) for s in entry.subjects] == [(cast.nora.pk, False)]


def test_what_the_request_wrote_is_rolled_back_with_its_entry(
    amira: Client, cast: Cast, unrecorded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    BreakOnce(monkeypatch)
    assert_withheld(amira.get(probe(cast, "undo")))
    assert Patient.objects.get(pk=cast.nora.pk).phone == ""


@pytest.mark.parametrize(("how", "status"), [("forbidden", 403), ("unknown", 404), ("broken", 500)])
def test_what_a_view_wrote_before_it_refused_or_broke_does_not_stay(
    amira: Client, cast: Cast, unrecorded: None, how: str, status: int
) -> None:
    assert amira.get(probe(cast, "refuse"), {"how": how}).status_code == status
    assert Patient.objects.get(pk=cast.nora.pk).phone == ""


def test_a_database_that_goes_away_in_the_middle_of_a_view_is_answered_with_503(
    amira: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(Case, "from_db", gone)
    assert_withheld(amira.get(probe(cast, "close")))


@pytest.mark.django_db(transaction=True)
def test_commit_that_fails_withholds_the_answer(
    amira: Client, cast: Cast, entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, calls = connection._commit, []

    def broken() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the disk is gone")
        commit()

    monkeypatch.setattr(connection, "_commit", broken)
    assert_withheld(amira.get(probe(cast, "show")))
    assert calls
    assert [entry.outcome for entry in entries(actor_name="amira")] == ["error"]


@pytest.mark.django_db(transaction=True)
def test_a_deferred_constraint_that_fails_at_commit_withholds_the_answer(
    amira: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch, superuser_connection: Any
) -> None:
    """As it really happens: PostgreSQL itself refuses the commit."""
    superuser_connection.execute(
        "CREATE FUNCTION refuse_entry() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no room left'; END $$"
    )
    superuser_connection.execute(
        "CREATE CONSTRAINT TRIGGER refuse_entry AFTER INSERT ON audit_entrysubject"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_entry()"
    )
    superuser_connection.commit()
    try:
        assert_withheld(amira.get(probe(cast, "show")))
    finally:
        superuser_connection.execute("DROP FUNCTION refuse_entry() CASCADE")
        superuser_connection.commit()


def test_view_that_breaks_after_loading_shows_nothing_and_is_recorded(
    amira: Client, cast: Cast, entries: Entries
) -> None:
    response = amira.get(probe(cast, "break"))
    assert response.status_code == 500
    assert b"Quill" not in response.content
    (entry,) = entries(outcome="error")
    assert entry.route == "break"
    assert [(s.patient_id, s.is_opened) for s in entry.subjects] == [(cast.nora.pk, False)]


def test_streamed_answer_is_withheld(amira: Client, cast: Cast, entries: Entries) -> None:
    assert_withheld(amira.get(probe(cast, "stream")))
    (entry,) = entries(outcome="error")
    assert [s.patient_id for s in entry.subjects] == [cast.nora.pk]


def test_what_a_template_loads_is_recorded_like_what_a_view_loads(
    amira: Client, cast: Cast, entries: Entries
) -> None:
    assert amira.get(probe(cast, "lazily")).content == b"Quill"
    (entry,) = entries(route="lazily")
    assert [(s.patient_id, s.is_opened) for s in entry.subjects] == [(cast.nora.pk, True)]


def test_what_a_template_loads_is_withheld_when_the_entry_fails(
    amira: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    BreakOnce(monkeypatch, always=True)
    assert_withheld(amira.get(probe(cast, "lazily")))


def test_answer_that_refuses_to_save_but_shows_the_record_is_an_access(
    amira: Client, cast: Cast, entries: Entries
) -> None:
    assert amira.get(probe(cast, "clash")).content == b"family name Quill"
    (entry,) = entries(route="clash")
    assert entry.outcome == "ok"
    assert [(s.patient_id, s.is_opened) for s in entry.subjects] == [(cast.nora.pk, True)]


def test_people_whom_no_relationship_covers_are_withheld_even_if_a_view_forgets_to_ask(
    amira: Client, cast: Cast, entries: Entries
) -> None:
    assert amira.get("/probe/everybody/").content == b"Quill"  # the row policies' doing
    assert_withheld(amira.get("/probe/everybody/", {"unlocked": "1"}))
    _, entry = entries(route="everybody")
    assert entry.outcome == "error"
    assert {(s.patient_id, s.relationship) for s in entry.subjects} == {
        (cast.nora.pk, "case team"),
        (cast.sam.pk, "none"),
    }


def test_rows_that_matching_did_not_need_are_withheld(cast: Cast, entries: Entries) -> None:
    """``concerns`` is for matching somebody; it is no way to show them."""
    sol = sign_in(Client(), cast["sol"])
    address = f"/probe/match/{cast.nora.pk}/"
    assert sol.get(address).status_code == 200
    (entry,) = entries(route="match")
    assert [(s.patient_id, s.is_opened, s.relationship) for s in entry.subjects] == [
        (cast.nora.pk, False, "duplicate check")
    ]
    assert_withheld(sol.get(address, {"load": "1"}))


def test_a_relationship_that_exists_explains_better_than_a_match(
    amira: Client, cast: Cast, entries: Entries
) -> None:
    assert amira.get(f"/probe/match/{cast.nora.pk}/", {"load": "1"}).status_code == 200
    (entry,) = entries(route="match")
    assert [s.relationship for s in entry.subjects] == ["case team"]


def test_a_change_that_was_undone_is_told_as_failed(
    amira: Client, cast: Cast, entries: Entries, unrecorded: None
) -> None:
    assert amira.get(probe(cast, "undo")).status_code == 200
    changes = entries(route="undo", action=LogEntry.Action.UPDATE)
    assert [(sorted(entry.changes), entry.outcome) for entry in changes] == [
        (["phone"], "ok"),
        (["address"], "error"),
    ]
    assert Patient.objects.get(pk=cast.nora.pk).address == ""


def test_a_registration_that_was_undone_is_about_nobody(amira: Client, cast: Cast, entries: Entries) -> None:
    assert amira.get("/probe/register/").content == b"undone"
    (entry,) = entries(route="register", action=LogEntry.Action.CREATE)
    assert (entry.outcome, entry.subjects) == ("error", [])


def test_a_request_that_ends_its_own_relationship_is_still_explained(
    amira: Client, cast: Cast, entries: Entries, unrecorded: None
) -> None:
    with_hand = amira.get(probe(cast, "close"))
    assert with_hand.content == b"closed"
    assert not Case.objects.get(patient=cast.nora).is_open
    relationships = {s.relationship for entry in entries(route="close") for s in entry.subjects}
    assert relationships == {"closed case"}


def test_guarded_count_inside_a_page_is_refused(amira: Client, cast: Cast) -> None:
    assert amira.get(probe(cast, "count")).content == b"refused"


def test_sign_in_whose_entry_fails_opens_no_session(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    BreakOnce(monkeypatch, always=True)
    client = Client(raise_request_exception=False)
    response = client.post("/account/login/", {"login": "amira", "password": "correct horse battery"})
    assert response.status_code == 503
    monkeypatch.undo()
    assert client.get(probe(cast, "show")).status_code == 302


def test_session_is_not_saved_from_an_answer_that_was_withheld(
    amira: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []
    amira.get(probe(cast, "show"))
    BreakOnce(monkeypatch, always=True)
    monkeypatch.setattr(SessionBase, "save", lambda self, must_create=False: saved.append("saved"))
    assert_withheld(amira.get(probe(cast, "show")))
    assert saved == []
