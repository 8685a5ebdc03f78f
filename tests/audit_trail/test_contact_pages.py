"""Every page of contacts and visits leaves an entry that says who opened whose record, as whom, where and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import LogEntry
from cases.models import Contact, Visit
from cases.selectors.contacts import SHOWN_CONTACTS
from tests.contact_log import logged, planned, posted, signed
from tests.people import Cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

Entries = Callable[..., list[LogEntry]]


class Record:
    """One patient with something for every page."""

    def __init__(self, cast: Cast) -> None:
        amira, pete = cast["amira"], cast["pete"]
        self.patient = cast.nora
        self.visit: Visit = planned(amira, cast.nora)
        self.open: Contact = logged(amira, cast.nora, clinical_text="A note")
        self.signed: Contact = signed(amira, cast.nora)
        self.reviewed: Contact = logged(
            amira, cast.nora, participants=[amira, pete], purpose="therapeutic", is_planned=True
        )

    def address(self, route: str) -> str:
        keys = {
            "visit": [self.visit.pk],
            "visit_change": [self.visit.pk],
            "visit_outcome": [self.visit.pk],
            "contact": [self.open.pk],
            "contact_change": [self.open.pk],
            "contact_sign": [self.open.pk],
            "contact_strike_out": [self.open.pk],
            "contact_addendum": [self.signed.pk],
            "contact_review": [self.reviewed.pk],
        }.get(route, [])
        return reverse(f"cases:{route}", args=[self.patient.pk, *keys])


@pytest.fixture
def record(cast: Cast) -> Record:
    return Record(cast)


OPENED = [
    "patient_timeline",
    "contact_log",
    "contact",
    "contact_change",
    "contact_sign",
    "contact_addendum",
    "contact_strike_out",
    "visit_plan",
    "visit",
    "visit_change",
    "visit_outcome",
]


@pytest.mark.parametrize(
    ("route", "name", "role", "relationship"),
    [
        *((route, "amira", "clinical mentor", "case team") for route in OPENED),
        ("contact_review", "lena", "clinical lead", "supervision"),
    ],
)
def test_opening_a_page_is_recorded_with_everything(
    record: Record,
    cast: Cast,
    client: Client,
    entries: Entries,
    route: str,
    name: str,
    role: str,
    relationship: str,
) -> None:
    assert sign_in(client, cast[name]).get(record.address(route)).status_code == 200
    (entry,) = entries(route=f"cases:{route}")
    assert (entry.action_word, entry.outcome) == ("access", "ok")
    assert (entry.actor_name, entry.role, entry.team) == (name, role, "North team")
    assert entry.organisation == "Northmoor Trust"
    assert (entry.relationship, entry.purpose) == (relationship, "direct care")
    assert entry.request_id
    assert entry.session_ref
    (subject,) = entry.subjects  # type: ignore[attr-defined]
    assert (subject.patient_reference, subject.is_opened) == (cast.nora.reference, True)


@pytest.mark.parametrize("route", ["to_sign", "contact_reviews"])
def test_lists_record_whom_they_listed(
    record: Record, cast: Cast, client: Client, entries: Entries, route: str
) -> None:
    user = cast["lena" if route == "contact_reviews" else "amira"]
    assert sign_in(client, user).get(reverse(f"cases:{route}")).status_code == 200
    (entry,) = entries(route=f"cases:{route}")
    (subject,) = entry.subjects  # type: ignore[attr-defined]
    assert (subject.patient_reference, subject.is_opened) == (cast.nora.reference, False)


@pytest.mark.parametrize("route", OPENED)
def test_outsiders_attempt_is_recorded_with_whom_it_was_about(
    record: Record, cast: Cast, client: Client, entries: Entries, route: str
) -> None:
    assert sign_in(client, cast["sol"]).get(record.address(route)).status_code == 404
    (entry,) = entries(route=f"cases:{route}")
    assert (entry.outcome, entry.actor_name, entry.relationship) == ("not found", "sol", "none")
    (subject,) = entry.subjects  # type: ignore[attr-defined]
    assert (subject.patient_reference, subject.is_opened) == (cast.nora.reference, False)


def test_logging_records_each_new_row_beside_the_page(
    record: Record, cast: Cast, client: Client, entries: Entries
) -> None:
    sign_in(client, cast["amira"])
    client.post(
        record.address("contact_log"), posted(present=[str(cast["amira"].pk)], clinical_text="A note")
    )
    written = entries(route="cases:contact_log")
    assert sorted(entry.action_word for entry in written) == ["access", "create", "create", "create"]
    assert len({entry.request_id for entry in written}) == 1
    for entry in written:
        assert [row.patient_reference for row in entry.subjects] == [cast.nora.reference]  # type: ignore[attr-defined]


def test_second_send_records_no_second_creation(
    record: Record, cast: Cast, client: Client, entries: Entries
) -> None:
    fields = posted()
    sign_in(client, cast["amira"])
    client.post(record.address("contact_log"), fields)
    client.post(record.address("contact_log"), fields)
    assert [entry.action_word for entry in entries(route="cases:contact_log")].count("create") == 1


def test_refused_visit_records_no_creation(
    record: Record, cast: Cast, client: Client, entries: Entries
) -> None:
    sign_in(client, cast["amira"])
    client.post(record.address("visit_plan"), {"purpose": "therapeutic"})
    assert [entry.action_word for entry in entries(route="cases:visit_plan")] == ["access"]


def test_pages_name_whose_text_they_showed(
    record: Record, cast: Cast, client: Client, entries: Entries
) -> None:
    sign_in(client, cast["cal"])
    client.get(record.address("patient_timeline"))
    client.get(record.address("contact"))
    (shown,) = entries(route="cases:patient_timeline")
    keys = {str(contact.pk) for contact in (record.open, record.signed, record.reviewed)}
    assert set(shown.additional_data[SHOWN_CONTACTS]) == keys
    (shown,) = entries(route="cases:contact")
    assert shown.additional_data[SHOWN_CONTACTS] == [str(record.open.pk)]
