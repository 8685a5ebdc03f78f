"""Every page of the product leaves one entry that says who did what, as whom, about whom, where and why (pages.txt)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from audit.middleware import patient_in
from audit.models import LogEntry
from audit.writing import session_reference, stored_row_mac
from core.access_guard import UnrecordedAccess
from sim_casework.proving.addresses import every_route, parameters_of
from tests.permissions.everything import Everything, make_everything
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]

# As the trail names them: role, team, organisation.
STANDINGS = {
    "amira": ("clinical mentor", "North team", "Northmoor Trust"),
    "cal": ("clinical mentor", "North team", "Northmoor Trust"),
    "pete": ("police mentor", "North team", "Northmoor Police"),
    "lena": ("clinical lead", "North team", "Northmoor Trust"),
    "tess": ("team administrator", "North team", "Northmoor Trust"),
    "oona": ("administrator", "", "Northmoor Trust"),
    "ivy": ("IG officer", "", "Northmoor Trust"),
}
PURPOSES = {
    "pages": "direct care",
    "cases": "direct care",
    "cases:break_glass_reviews": "information governance",
    "cases:break_glass_review": "information governance",
    "crisis_plans": "direct care",
    "reminders": "direct care",
    "accounts": "administration",
    "audit": "information governance",
    "account": "",
}


@dataclass(frozen=True)
class Row:
    section: str
    route: str
    method: str
    who: str
    action: str
    relationship: str
    opened: frozenset[str]
    listed: frozenset[str]

    @property
    def purpose(self) -> str:
        return PURPOSES.get(self.route, PURPOSES[self.section])


def read_rows() -> list[Row]:
    rows, section = [], ""
    for line in Path(__file__).with_name("pages.txt").read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if not cells or cells[0] == "#":
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        route, method, who, action, relationship, *subjects = cells
        named = {"opened": frozenset[str](), "listed": frozenset[str]()}
        for subject in subjects:
            kind, _, names = subject.partition("=")
            named[kind] = frozenset(names.split(","))
        rows.append(
            Row(
                section,
                route,
                method,
                who,
                action.replace("_", " "),
                "" if relationship == "-" else relationship.replace("_", " "),
                **named,
            )
        )
    return rows


ROWS = read_rows()
SECTIONS = sorted({row.section for row in ROWS})
# They show nothing about anybody. Nobody has to be signed in for them, or the page itself asks for them in the background.
WITHOUT_ENTRY = {"healthz", "help", "accounts:session"}
WITHOUT_RECORDER = [name for name in settings.MIDDLEWARE if name != "audit.middleware.TrailMiddleware"]


def test_every_page_has_a_row_and_no_row_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    told = [row.route for row in ROWS]
    assert len(told) == len(set(told)), "a page stands twice"
    wanted = set(every_route()) - WITHOUT_ENTRY
    assert not wanted - set(told), f"pages without a row in pages.txt: {sorted(wanted - set(told))}"
    assert not set(told) - wanted, f"rows of pages.txt without a page: {sorted(set(told) - wanted)}"
    assert set(every_route()) >= WITHOUT_ENTRY, "an exemption is stale"
    with capsys.disabled():
        sys.stdout.write(f"\npages on the trail: {len(ROWS)}\n")


@pytest.fixture
def everything(db: None) -> Everything:
    return make_everything()


def ask(row: Row, everything: Everything, who: str | None = None) -> tuple[Any, Client]:
    client = sign_in(Client(REMOTE_ADDR="198.51.100.7"), everything.cast[who or row.who])
    address = everything.address(row.route)
    return (client.post(address, {}) if row.method == "POST" else client.get(address)), client


def names_of(everything: Everything, entry: LogEntry, *, is_opened: bool) -> frozenset[str]:
    known = {
        everything.cast.nora.pk: "nora",
        everything.wren.pk: "wren",
        everything.cast.sam.pk: "sam",
    }
    return frozenset(known[s.patient_id] for s in entry.subjects if s.is_opened == is_opened)  # type: ignore[attr-defined]


def check(row: Row, everything: Everything, entries: Entries) -> None:
    """Ask for the page and hold its entry to the row, field by field."""
    before = {entry.pk for entry in entries()}
    response, client = ask(row, everything)
    assert response.status_code in (200, 302, 409), f"{row.route}: {response.status_code}"
    found = [entry for entry in entries(route=row.route) if entry.pk not in before]
    assert found, f"{row.route} left no entry"
    # The request's own entry comes first; its changes follow under the same request id.
    entry = found[0]
    assert len({each.request_id for each in found}) == 1
    role, team, organisation = STANDINGS[row.who]
    told = {
        "actor": entry.actor.username if entry.actor else None,
        "actor_name": entry.actor_name,
        "role": entry.role,
        "team": entry.team,
        "organisation": entry.organisation,
        "action": entry.action_word,
        "outcome": entry.outcome,
        "opened": names_of(everything, entry, is_opened=True),
        "listed": names_of(everything, entry, is_opened=False),
        "relationship": entry.relationship,
        "purpose": entry.purpose,
        "remote_addr": entry.remote_addr,
        "method": entry.additional_data["method"],
    }
    assert told == {
        "actor": row.who,
        "actor_name": row.who,
        "role": role,
        "team": team,
        "organisation": organisation,
        "action": row.action,
        "outcome": "ok",
        "opened": row.opened,
        "listed": row.listed,
        "relationship": row.relationship,
        "purpose": row.purpose,
        "remote_addr": "198.51.100.7",
        "method": row.method,
    }, row.route
    assert {subject.relationship for subject in entry.subjects} == ({row.relationship} - {""})  # type: ignore[attr-defined]
    if row.route not in ("account_logout", "accounts:session_end"):
        assert entry.session_ref == session_reference(client.session.session_key), row.route
    assert entry.request_id
    assert entry.writer
    assert entry.writer_sequence > 0
    assert stored_row_mac(entry, entry.subjects) == entry.row_mac  # type: ignore[attr-defined]


@pytest.mark.parametrize("section", SECTIONS)
def test_each_pages_entry_has_every_field(everything: Everything, entries: Entries, section: str) -> None:
    for row in ROWS:
        if row.section == section:
            with transaction.atomic():
                check(row, everything, entries)
                transaction.set_rollback(True)


@pytest.mark.parametrize("section", SECTIONS)
def test_each_of_these_checks_fails_without_the_recorder(
    everything: Everything, entries: Entries, section: str, settings: Any
) -> None:
    settings.MIDDLEWARE = WITHOUT_RECORDER
    for row in ROWS:
        if row.section != section:
            continue
        with transaction.atomic():
            with pytest.raises((AssertionError, UnrecordedAccess, LookupError)):
                check(row, everything, entries)
            transaction.set_rollback(True)


@pytest.mark.parametrize("route", sorted(WITHOUT_ENTRY))
def test_pages_about_nobody_leave_no_entry(everything: Everything, entries: Entries, route: str) -> None:
    before = len(entries())
    sign_in(Client(), everything.cast["amira"]).get(everything.address(route))
    assert len(entries()) == before


ABOUT_A_PATIENT = [row for row in ROWS if row.opened]


def test_each_attempt_of_an_outsider_is_recorded_with_whom_it_was_about(
    everything: Everything, entries: Entries
) -> None:
    """Sol of the other team, on every page that opens a record."""
    for row in ABOUT_A_PATIENT:
        with transaction.atomic():
            before = {entry.pk for entry in entries()}
            response, _ = ask(row, everything, who="sol")
            assert response.status_code in (403, 404), row.route
            (entry,) = [each for each in entries() if each.pk not in before]
            assert (entry.actor_name, entry.route) == ("sol", row.route)
            assert entry.outcome == {403: "denied", 404: "not found"}[response.status_code]
            assert (entry.role, entry.team, entry.organisation) == (
                "clinical mentor",
                "South team",
                "Southbay Trust",
            )
            assert names_of(everything, entry, is_opened=True) == frozenset()
            assert names_of(everything, entry, is_opened=False) == row.opened
            assert {subject.relationship for subject in entry.subjects} == {"none"}  # type: ignore[attr-defined]
            transaction.set_rollback(True)


def test_nobodys_attempt_is_recorded_with_whom_it_was_about(everything: Everything, entries: Entries) -> None:
    for row in ABOUT_A_PATIENT:
        with transaction.atomic():
            before = {entry.pk for entry in entries()}
            address = everything.address(row.route)
            client = Client(REMOTE_ADDR="203.0.113.9")
            response = client.post(address) if row.method == "POST" else client.get(address)
            assert response.status_code == 302, row.route
            (entry,) = [each for each in entries() if each.pk not in before]
            assert (entry.actor, entry.outcome, entry.remote_addr) == (None, "denied", "203.0.113.9")
            assert names_of(everything, entry, is_opened=False) == row.opened
            transaction.set_rollback(True)


@pytest.mark.django_db
def test_every_address_with_a_patients_key_says_whom_it_asks_for() -> None:
    """The middleware reads it from the path, before a page is found: also a refused method is about somebody."""
    everything = make_everything()
    asked = {route: everything.keys(route) for route in every_route() if "patient_id" in parameters_of(route)}
    assert len(asked) > 20
    for route, keys in asked.items():
        assert patient_in(reverse(route, kwargs=keys)) == keys["patient_id"], route
