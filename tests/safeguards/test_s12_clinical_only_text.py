"""S12: no clinical-only text of a contact reaches a police mentor, and no statement of their requests reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.writing import UnexplainedAccess
from cases.models import Contact, ContactAddendum, ContactClinicalNote, Draft
from cases.selectors.contacts import own_clinical_text, timeline
from cases.services.signed_contacts import add_addendum, sign_contact
from core.acting import Acting, acting
from core.errors import NotAllowed
from tests.contact_log import at_work, logged, looking, posted, signed
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

NOTE, ADDENDUM, DRAFT = "zopiclone-note-7731", "zopiclone-addendum-7732", "zopiclone-draft-7733"
SECRETS = (NOTE, ADDENDUM, DRAFT)
# What a statement must not name; a condition on is_clinical_only is how the rest is kept back.
CLINICAL_TABLE = re.compile(r"cases_contactclinicalnote")
ADDENDA = re.compile(r'FROM "cases_contactaddendum"')


@dataclass
class Told:
    """A record with clinical-only text in every place of the contact log that can hold some."""

    cast: Cast
    signed: Contact
    own: Contact


@pytest.fixture
def told(db: None) -> Told:
    cast = make_cast()
    amira, pete = cast["amira"], cast["pete"]
    contact = signed(amira, cast.nora, participants=[amira], clinical_text=NOTE)
    with at_work(amira):
        add_addendum(by=amira, contact=contact, reason="More", text=ADDENDUM, is_clinical_only=True)
        add_addendum(by=amira, contact=contact, reason="More", text="An addendum for everybody")
    client = sign_in(Client(), amira)
    url = reverse("cases:draft_keep", args=[cast.nora.pk, "contact-log"])
    assert client.post(url, posted(clinical_text=DRAFT, draft_about="")).status_code == 200
    own = logged(
        pete,
        cast.nora,
        participants=[pete],
        account="Facts of Pete",
        agreed_to_police="yes",
        offered_without_police="yes",
        purpose="safety",
        is_planned=False,
    )
    return Told(cast, contact, own)


def pages(told: Told) -> dict[str, str]:
    """Every page of the contact log that a police mentor can ask for."""
    found = {
        name: reverse(f"cases:{name}", args=[told.cast.nora.pk])
        for name in ("patient_timeline", "contact_log")
    }
    for whose, contact in (("signed", told.signed), ("own", told.own)):
        for name in ("contact", "contact_change", "contact_sign", "contact_addendum", "contact_strike_out"):
            found[f"{whose} {name}"] = reverse(f"cases:{name}", args=[contact.patient_id, contact.pk])
    return found | {"to_sign": reverse("cases:to_sign"), "drafts": reverse("cases:drafts")}


PAGES = [
    "patient_timeline",
    "contact_log",
    *(
        f"{whose} {name}"
        for whose in ("signed", "own")
        for name in ("contact", "contact_change", "contact_sign", "contact_addendum", "contact_strike_out")
    ),
    "to_sign",
    "drafts",
]


def assert_nothing_clinical(answer: HttpResponse, statements: CaptureQueriesContext) -> None:
    page = answer.content.decode()
    for secret in SECRETS:
        assert secret not in page
    assert "clinical_text" not in page
    for statement in statements:
        assert not CLINICAL_TABLE.search(statement["sql"])
        if ADDENDA.search(statement["sql"]):
            assert 'NOT "cases_contactaddendum"."is_clinical_only"' in statement["sql"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["pete", "pru"])
def test_s12_police_mentors_pages_hold_none_and_read_none(
    told: Told, client: Client, page: str, name: str
) -> None:
    sign_in(client, told.cast[name])
    with CaptureQueriesContext(connection) as statements:
        answer = client.get(pages(told)[page])
    assert answer.status_code in {200, 302, 404}
    assert len(statements) > 0
    assert_nothing_clinical(answer, statements)


def test_s12_the_same_pages_show_it_to_a_clinician(told: Told, client: Client) -> None:
    sign_in(client, told.cast["cal"])
    page = client.get(pages(told)["patient_timeline"]).content.decode()
    assert NOTE in page
    assert ADDENDUM in page
    page = client.get(pages(told)["signed contact"]).content.decode()
    assert NOTE in page
    assert ADDENDUM in page
    assert 'name="clinical_text"' in client.get(pages(told)["contact_log"]).content.decode()


def test_s12_the_statement_test_would_notice(told: Told, client: Client) -> None:
    sign_in(client, told.cast["cal"])
    with CaptureQueriesContext(connection) as statements:
        answer = client.get(pages(told)["patient_timeline"])
    with pytest.raises(AssertionError):
        assert_nothing_clinical(answer, statements)
    assert any(CLINICAL_TABLE.search(statement["sql"]) for statement in statements)


WRITES: dict[str, Callable[[Told], tuple[str, dict[str, object]]]] = {
    "log": lambda told: (
        pages(told)["contact_log"],
        posted(account="Facts", clinical_text="smuggled-9914"),
    ),
    "change": lambda told: (
        pages(told)["own contact_change"],
        posted(account="Facts, changed", version=1, clinical_text="smuggled-9914"),
    ),
    "addendum": lambda told: (
        pages(told)["signed contact_addendum"],
        {"reason": "More", "text": "smuggled-9914", "is_clinical_only": "on"},
    ),
}


@pytest.mark.parametrize("what", WRITES)
def test_s12_a_police_mentor_writes_none_either(told: Told, client: Client, what: str) -> None:
    url, fields = WRITES[what](told)
    sign_in(client, told.cast["pete"])
    with CaptureQueriesContext(connection) as statements:
        assert client.post(url, fields).status_code == 302
    assert not any(CLINICAL_TABLE.search(statement["sql"]) for statement in statements)
    with looking():
        assert [note.text for note in ContactClinicalNote.objects.all()] == [NOTE]
        assert not ContactAddendum.objects.filter(text="smuggled-9914", is_clinical_only=True).exists()


def test_s12_services_refuse_clinical_text_of_police(told: Told) -> None:
    pete = told.cast["pete"]
    with pytest.raises(NotAllowed):
        logged(pete, told.cast.nora, clinical_text="x")
    with at_work(pete), pytest.raises(NotAllowed):
        add_addendum(by=pete, contact=told.signed, reason="x", text="y", is_clinical_only=True)


def test_s12_selectors_load_none_for_police(told: Told) -> None:
    pete = told.cast["pete"]
    with at_work(pete), CaptureQueriesContext(connection) as statements:
        entries = [entry for entry in timeline(pete, told.cast.nora) if isinstance(entry, Contact)]
        assert [row.text for entry in entries for row in entry.addenda.all()] == ["An addendum for everybody"]
        assert own_clinical_text(pete, told.own) == ""
    assert not any(CLINICAL_TABLE.search(statement["sql"]) for statement in statements)


def test_s12_draft_of_a_clinician_is_nobody_elses(told: Told, client: Client) -> None:
    with looking():
        draft = Draft.objects.get()
    assert draft.is_clinical_only
    sign_in(client, told.cast["pete"])
    assert client.get(reverse("cases:draft_discard", args=[draft.pk])).status_code == 404


def test_s12_who_is_no_longer_clinical_reads_none_of_their_own(told: Told, client: Client) -> None:
    amira = told.cast["amira"]
    with looking():
        membership = amira.memberships.get()
        membership.role = "police mentor"
        membership.save()
    sign_in(client, told.cast["amira"])
    for url in pages(told).values():
        with CaptureQueriesContext(connection) as statements:
            answer = client.get(url)
        assert_nothing_clinical(answer, statements)


def test_s12_loading_a_note_for_police_withholds_the_answer(told: Told) -> None:
    pete = told.cast["pete"]
    with at_work(pete):
        assert not ContactClinicalNote.objects.exists()  # the row policies' doing
    with pytest.raises(UnexplainedAccess), at_work(pete), acting(Acting(is_system=True)):
        assert ContactClinicalNote.objects.get().text == NOTE


def test_s12_search_for_the_words_finds_nothing(told: Told, client: Client) -> None:
    answer = sign_in(client, told.cast["pete"]).post(reverse("cases:find"), {"name": NOTE, "query": NOTE})
    page = answer.content.decode().replace(f'value="{NOTE}"', "")
    assert NOTE not in page
    assert told.cast.nora.reference not in page


def test_s12_signing_by_police_touches_no_note(told: Told) -> None:
    pete = told.cast["pete"]
    with at_work(pete), CaptureQueriesContext(connection) as statements:
        signature = sign_contact(by=pete, contact=told.own, version=1)
    assert signature.signed_at <= timezone.now()
    assert not any(CLINICAL_TABLE.search(statement["sql"]) for statement in statements)
