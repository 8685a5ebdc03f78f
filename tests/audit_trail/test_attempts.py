"""Attempts that led nowhere are on the trail all the same, with the patient they were about."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from audit.models import LogEntry
from tests.people import Cast
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]

pytestmark = pytest.mark.urls("tests.audit_trail.probe_urls")


def only(found: list[LogEntry]) -> LogEntry:
    assert len(found) == 1, found
    return found[0]


def subjects(entry: LogEntry) -> list[tuple[uuid.UUID, bool, str]]:
    return [(s.patient_id, s.is_opened, s.relationship) for s in entry.subjects]


@pytest.mark.parametrize("method", ["get", "head", "options", "post", "put"])
def test_outsider_asking_for_a_patient_is_recorded_with_the_patient_meant(
    cast: Cast, entries: Entries, method: str
) -> None:
    sol = sign_in(Client(), cast["sol"])
    assert getattr(sol, method)(f"/patients/{cast.nora.pk}/").status_code in (403, 404, 405)
    entry = only(entries(actor_name="sol"))
    assert entry.outcome in ("not found", "denied")
    assert entry.additional_data["method"] == method.upper()
    assert subjects(entry) == [(cast.nora.pk, False, "none")]
    assert (entry.role, entry.team, entry.organisation) == ("clinical mentor", "South team", "Southbay Trust")


def test_patient_who_does_not_exist_is_recorded_without_a_subject(cast: Cast, entries: Entries) -> None:
    sol = sign_in(Client(), cast["sol"])
    assert sol.get(f"/patients/{uuid.uuid4()}/").status_code == 404
    entry = only(entries(actor_name="sol"))
    assert (entry.outcome, entry.subjects) == ("not found", [])


def test_address_below_a_patient_that_no_page_answers_is_recorded(cast: Cast, entries: Entries) -> None:
    sol = sign_in(Client(), cast["sol"])
    assert sol.get(f"/patients/{cast.nora.pk}/no/such/page/").status_code == 404
    entry = only(entries(actor_name="sol"))
    assert (entry.outcome, entry.route) == ("not found", "")
    assert subjects(entry) == [(cast.nora.pk, False, "none")]


def test_address_without_its_last_slash_is_recorded_although_it_is_sent_on(
    cast: Cast, entries: Entries
) -> None:
    sol = sign_in(Client(), cast["sol"])
    assert sol.get(f"/patients/{cast.nora.pk}").status_code == 301
    assert subjects(only(entries(actor_name="sol"))) == [(cast.nora.pk, False, "none")]


def test_somebody_not_signed_in_is_recorded(cast: Cast, entries: Entries) -> None:
    response = Client(REMOTE_ADDR="198.51.100.7").get(f"/probe/patients/{cast.nora.pk}/show/")
    assert response.status_code == 302
    entry = only(entries(route="show"))
    assert (entry.outcome, entry.actor, entry.actor_name) == ("denied", None, "")
    assert entry.remote_addr == "198.51.100.7"
    assert subjects(entry) == [(cast.nora.pk, False, "none")]


def test_somebody_not_signed_in_asking_for_other_pages_leaves_no_entry(cast: Cast, entries: Entries) -> None:
    before = len(entries())
    Client().get("/help/")
    Client().get("/nowhere/")
    assert len(entries()) == before


@pytest.mark.parametrize("who", ["amira", None])
def test_form_that_cannot_be_trusted_is_recorded_with_the_patient(
    cast: Cast, entries: Entries, who: str | None
) -> None:
    client = Client(enforce_csrf_checks=True)
    if who:
        sign_in(client, cast[who])
    assert client.post(f"/probe/patients/{cast.nora.pk}/show/").status_code == 403
    entry = only(entries(route="show"))
    assert (entry.outcome, entry.actor_name) == ("denied", who or "")
    assert subjects(entry) == [(cast.nora.pk, False, "case team" if who else "none")]


def test_method_that_is_not_allowed_is_recorded(cast: Cast, entries: Entries) -> None:
    amira = sign_in(Client(), cast["amira"])
    assert amira.get(f"/probe/patients/{cast.nora.pk}/post/").status_code == 405
    entry = only(entries(route="post_only"))
    assert entry.outcome == "denied"
    assert subjects(entry) == [(cast.nora.pk, False, "case team")]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "NONSENSE"])
def test_method_that_no_page_knows_is_refused_and_recorded(cast: Cast, entries: Entries, method: str) -> None:
    amira = sign_in(Client(), cast["amira"])
    answer = amira.generic(method, f"/probe/patients/{cast.nora.pk}/show/")
    assert (answer.status_code, answer.content) == (405, b"")
    entry = only(entries(route="show"))
    assert entry.outcome == "denied"
    assert subjects(entry) == [(cast.nora.pk, False, "case team")]


def test_denial_keeps_the_relationship_that_did_not_suffice(cast: Cast, entries: Entries) -> None:
    amira = sign_in(Client(), cast["amira"])
    assert amira.get(f"/probe/patients/{cast.nora.pk}/deny/").status_code == 403
    entry = only(entries(route="deny"))
    assert (entry.outcome, entry.relationship) == ("denied", "case team")
    assert (entry.role, entry.team) == ("clinical mentor", "North team")


def test_attempt_of_half_a_sign_in_is_recorded(cast: Cast, entries: Entries) -> None:
    from tests.sessions import sign_in_with_password_only

    client = sign_in_with_password_only(Client(), cast["amira"])
    assert client.get(f"/probe/patients/{cast.nora.pk}/show/").status_code in (302, 401)
    found = entries(route="show")
    assert found
    assert b"Quill" not in client.get(f"/probe/patients/{cast.nora.pk}/show/").content
