"""S13: every signed contact states purpose, planned or not, who was there, and whether the person agreed to police."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from cases.models import Contact, ContactSignature
from cases.services.signed_contacts import gaps, sign_contact
from core.errors import DomainError
from tests.contact_log import at_work, logged, looking, posted
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.mark.parametrize("answer", ["yes", "no", "unknown"])
def test_s13_both_questions_are_asked_and_not_known_is_an_answer(
    cast: Cast, client: Client, answer: str
) -> None:
    url = reverse("cases:contact_log", args=[cast.nora.pk])
    sign_in(client, cast["amira"])
    page = client.get(url).content.decode()
    assert "Did the person agree to police being there?" in page
    assert "Were they offered a contact without police?" in page
    assert "Not known" in page
    client.post(
        url,
        posted(
            present=["police"],
            officers=[str(cast["pete"].pk)],
            agreed_to_police=answer,
            offered_without_police=answer,
            purpose="safety",
            is_planned="no",
        ),
    )
    with looking():
        contact = Contact.objects.get()
    assert (contact.agreed_to_police, contact.offered_without_police) == (answer, answer)
    assert gaps(contact) == []


def test_s13_saving_comes_first_and_signing_asks(cast: Cast) -> None:
    amira = cast["amira"]
    contact = logged(amira, cast.nora, participants=[amira, cast["pete"]])
    asked = ["is_planned", "purpose", "agreed_to_police", "offered_without_police"]
    assert [gap.field for gap in gaps(contact)] == asked
    with at_work(amira):
        with pytest.raises(DomainError, match="Before you sign"):
            sign_contact(by=amira, contact=contact, version=1)
        assert not ContactSignature.objects.exists()


@pytest.mark.parametrize("left_out", ["is_planned", "purpose", "agreed_to_police", "offered_without_police"])
def test_s13_each_gap_holds_the_signature_up(cast: Cast, left_out: str) -> None:
    amira = cast["amira"]
    contact = logged(amira, cast.nora, participants=[amira, cast["pete"]])
    answers: dict[str, object] = {
        "is_planned": False,
        "purpose": "safety",
        "agreed_to_police": "unknown",
        "offered_without_police": "unknown",
    }
    for nothing in (None, "", "nonsense"):
        with at_work(amira), pytest.raises(DomainError) as refused:
            sign_contact(by=amira, contact=contact, version=1, answers=answers | {left_out: nothing})
        assert refused.value.field == left_out
    with looking():
        assert not ContactSignature.objects.exists()
    with at_work(amira):
        assert sign_contact(by=amira, contact=contact, version=1, answers=answers)


def test_s13_without_police_the_questions_do_not_arise(cast: Cast) -> None:
    contact = logged(cast["amira"], cast.nora, agreed_to_police="yes", offered_without_police="no")
    assert (contact.agreed_to_police, contact.offered_without_police) == ("", "")
    assert [gap.field for gap in gaps(contact)] == ["is_planned", "purpose"]


def test_s13_database_holds_answers_only_with_police(cast: Cast) -> None:
    contact = logged(cast["amira"], cast.nora)
    with looking():
        contact.agreed_to_police = "yes"
        with pytest.raises(IntegrityError, match="police_questions_only_with_police"), transaction.atomic():
            contact.save()


def test_s13_who_was_there_is_named_with_police_marked(cast: Cast, client: Client) -> None:
    contact = logged(
        cast["amira"], cast.nora, participants=[cast["amira"], cast["pete"]], others_present="Her sister"
    )
    page = sign_in(client, cast["cal"]).get(reverse("cases:contact", args=[cast.nora.pk, contact.pk]))
    assert "Amira Adeyemi, Pete Parr (police), Her sister" in page.content.decode()
