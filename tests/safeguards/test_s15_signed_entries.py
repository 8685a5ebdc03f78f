"""S15: a signed entry is never overwritten; a wrong-record entry is struck out, and who saw it is listed."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from cases.models import (
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    ContactSignature,
    ContactStrikeOut,
    Patient,
)
from cases.selectors.contacts import text_of, timeline
from cases.services.authorship import authorship
from cases.services.contacts import ContactFacts, change_contact
from cases.services.signed_contacts import add_addendum, sign_contact, strike_out_contact
from core.access_guard import recorded_query
from core.errors import DomainError, NotAllowed
from tests.contact_log import at_work, listed, logged, looking, signed
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

TEXT, NOTE, MORE = (
    "Words of the wrong person",
    "Clinical words of the wrong person",
    "More of the wrong person",
)


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def url(contact: Contact, name: str = "contact") -> str:
    return reverse(f"cases:{name}", args=[contact.patient_id, contact.pk])


def timeline_url(patient: Patient) -> str:
    return reverse("cases:patient_timeline", args=[patient.pk])


def wrong_entry(cast: Cast) -> Contact:
    amira = cast["amira"]
    contact = signed(
        amira,
        cast.nora,
        account=TEXT,
        clinical_text=NOTE,
        participants=[amira],
        others_present="A neighbour by name",
        place="Somebody's house",
    )
    with at_work(amira):
        add_addendum(by=amira, contact=contact, reason="More", text=MORE)
    return contact


def struck_out(cast: Cast, by: str = "amira") -> Contact:
    contact = wrong_entry(cast)
    with at_work(cast[by]):
        strike_out_contact(by=cast[by], contact=contact, reason="Mixed up two people")
    return contact


class TestSigned:
    def test_s15_service_and_page_refuse_to_change_it(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        contact = signed(amira, cast.nora)
        facts = ContactFacts(happened_at=contact.happened_at, outcome="met", account="Other words")
        with at_work(amira):
            with pytest.raises(DomainError, match="Write an addendum"):
                change_contact(by=amira, contact=contact, version=1, facts=facts)
            with pytest.raises(DomainError, match="is signed"):
                sign_contact(by=amira, contact=contact, version=1)
        assert sign_in(client, amira).get(url(contact, "contact_change"))["Location"] == url(contact)

    def test_s15_what_is_typed_into_a_page_that_was_signed_meanwhile_is_kept(
        self, cast: Cast, client: Client
    ) -> None:
        contact = signed(cast["amira"], cast.nora)
        fields = {"account": "Typed in the other tab", "outcome": "met", "version": 1}
        sign_in(client, cast["amira"]).post(url(contact, "contact_change"), fields)
        page = client.get(url(contact, "contact_addendum")).content.decode()
        assert "Typed in the other tab" in page

    @pytest.mark.parametrize(
        "change",
        [
            {"account": "x"},
            {"observation": "x"},
            {"opinion": "x"},
            {"place": "x"},
            {"outcome": "phone"},
            {"purpose": "crisis"},
            {"version": 9},
        ],
    )
    def test_s15_database_refuses_to_change_any_column(self, cast: Cast, change: dict[str, object]) -> None:
        contact = signed(cast["amira"], cast.nora)
        with looking(), recorded_query("test"):
            with pytest.raises(IntegrityError, match="signed contact stays"), transaction.atomic():
                Contact.objects.filter(pk=contact.pk).update(**change)
            with pytest.raises(IntegrityError, match="signed contact stays"), transaction.atomic():
                Contact.objects.filter(pk=contact.pk)._raw_delete("default")

    def test_s15_database_lets_an_unsigned_contact_change(self, cast: Cast) -> None:
        contact = logged(cast["amira"], cast.nora)
        with looking(), recorded_query("test"):
            assert Contact.objects.filter(pk=contact.pk).update(account="x") == 1

    def test_s15_database_refuses_to_change_its_note_or_people(self, cast: Cast) -> None:
        amira = cast["amira"]
        contact = signed(amira, cast.nora, clinical_text=NOTE, participants=[amira])
        bare = signed(amira, cast.nora)
        owned = {"patient_id": cast.nora.pk} | authorship(amira)
        with looking():
            note, participant = ContactClinicalNote.objects.get(), ContactParticipant.objects.get()
            note.text = "Other words"
            for change in (
                note.save,
                note.delete,
                participant.delete,
                lambda: ContactClinicalNote.objects.create(contact=bare, text="Late", **owned),
                lambda: ContactParticipant.objects.create(
                    contact=contact, user=cast["cal"], is_police=False, **owned
                ),
            ):
                with pytest.raises(IntegrityError, match="signed contact stays"), transaction.atomic():
                    change()

    @pytest.mark.parametrize("model", [ContactSignature, ContactAddendum, ContactStrikeOut])
    def test_s15_what_is_added_is_never_changed_or_removed(
        self, cast: Cast, model: type[ContactSignature | ContactAddendum | ContactStrikeOut]
    ) -> None:
        struck_out(cast)
        with looking():
            row = model.objects.get()
            for change in (row.save, row.delete):
                with pytest.raises(IntegrityError, match="added and never changed"), transaction.atomic():
                    change()

    def test_s15_addendum_leaves_the_original_readable(self, cast: Cast, client: Client) -> None:
        contact = wrong_entry(cast)
        page = sign_in(client, cast["cal"]).get(url(contact)).content.decode()
        assert page.index(TEXT) < page.index(MORE)


class TestStruckOut:
    @pytest.mark.parametrize("by", ["amira", "lena", "dev"])
    def test_s15_author_and_lead_strike_out_with_a_reason(self, cast: Cast, client: Client, by: str) -> None:
        contact = wrong_entry(cast)
        sign_in(client, cast[by])
        page = client.post(url(contact, "contact_strike_out"), {"reason": " "}).content.decode()
        assert "Say how it came into the wrong record" in page
        answer = client.post(url(contact, "contact_strike_out"), {"reason": "Mixed up"})
        assert answer["Location"] == url(contact)
        with looking():
            assert ContactStrikeOut.objects.get().created_by_id == cast[by].pk

    @pytest.mark.parametrize("by", ["cal", "pete"])
    def test_s15_nobody_else_does(self, cast: Cast, client: Client, by: str) -> None:
        contact = wrong_entry(cast)
        assert sign_in(client, cast[by]).get(url(contact, "contact_strike_out")).status_code == 404
        with at_work(cast[by]), pytest.raises(NotAllowed):
            strike_out_contact(by=cast[by], contact=contact, reason="x")

    def test_s15_once_only_and_with_a_reason(self, cast: Cast) -> None:
        contact = struck_out(cast)
        with at_work(cast["amira"]):
            with pytest.raises(DomainError, match="struck out already"):
                strike_out_contact(by=cast["amira"], contact=contact, reason="Again")
            with pytest.raises(DomainError, match="Say how"):
                strike_out_contact(by=cast["amira"], contact=contact, reason="\n")
            with pytest.raises(DomainError, match="struck out"):
                add_addendum(by=cast["amira"], contact=contact, reason="x", text="y")

    @pytest.mark.parametrize("name", ["cal", "pete"])
    def test_s15_a_stub_stays_without_a_word_of_it(self, cast: Cast, client: Client, name: str) -> None:
        contact = struck_out(cast)
        sign_in(client, cast[name])
        for address in (timeline_url(cast.nora), url(contact)):
            page = client.get(address).content.decode()
            assert "Struck-out entry" in page
            assert "wrong record" in page
            for words in (
                TEXT,
                NOTE,
                MORE,
                "A neighbour by name",
                "Somebody's house",
                "Somebody&#39;s house",
            ):
                assert words not in page
            assert "Mixed up two people" not in page

    @pytest.mark.parametrize("name", ["cal", "pete"])
    def test_s15_its_text_stays_in_the_database_for_others(self, cast: Cast, name: str) -> None:
        struck_out(cast)
        with at_work(cast[name]):
            (entry,) = timeline(cast[name], cast.nora)
            assert isinstance(entry, Contact)
            text = text_of(entry)
            assert (text.account, text.clinical, text.is_withheld) == ("", "", True)
            assert list(entry.addenda.all()) == []
            assert "account" in entry.get_deferred_fields()

    @pytest.mark.parametrize("name", ["amira", "lena", "dev"])
    def test_s15_author_and_lead_still_read_it(self, cast: Cast, client: Client, name: str) -> None:
        contact = struck_out(cast)
        page = sign_in(client, cast[name]).get(url(contact)).content.decode()
        for words in (TEXT, NOTE, MORE, "Mixed up two people", "Struck out"):
            assert words in page

    def test_s15_everybody_who_saw_its_text_is_listed(self, cast: Cast, client: Client) -> None:
        contact = wrong_entry(cast)
        sign_in(Client(), cast["cal"]).get(url(contact))
        pete = sign_in(Client(), cast["pete"])
        pete.get(timeline_url(cast.nora))
        pete.get(timeline_url(cast.nora))
        sign_in(Client(), cast["sol"]).get(url(contact))
        with at_work(cast["amira"]):
            strike_out_contact(by=cast["amira"], contact=contact, reason="Mixed up")
        sign_in(Client(), cast["pru"]).get(url(contact))
        page = sign_in(client, cast["lena"]).get(url(contact)).content.decode()
        listed = page[page.index("Who has seen its text") : page.index("From the trail")]
        assert "Cal Carrow, clinical mentor" in listed
        assert "Pete Parr, police mentor" in listed
        assert "2 times" in listed
        # Pru saw the stub, Sol nothing.
        assert "Pru Pell" not in listed
        assert "Sol Sorrel" not in listed

    def test_s15_who_reads_only_the_stub_is_not_shown_the_list(self, cast: Cast, client: Client) -> None:
        contact = struck_out(cast)
        assert "Who has seen" not in sign_in(client, cast["cal"]).get(url(contact)).content.decode()

    def test_s15_it_is_no_last_contact(self, cast: Cast) -> None:
        struck_out(cast)
        with at_work(cast["lena"]):
            (case,) = listed(cast["lena"])
            assert vars(case)["last_contact"] is None
