"""S14: what a police mentor writes keeps fact, observation and opinion apart, on the form, in the row and on every page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from cases.models import Contact
from core.errors import DomainError
from tests.contact_log import logged, looking, posted
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

WORDS = {
    "account": "The door was open at ten.",
    "observation": "I saw two cups on the table.",
    "opinion": "I think she had slept little.",
}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_s14_police_form_asks_for_the_three_apart(cast: Cast, client: Client) -> None:
    url = reverse("cases:contact_log", args=[cast.nora.pk])
    page = sign_in(client, cast["pete"]).get(url).content.decode()
    assert "Facts: what was said and done" in page
    assert 'name="observation"' in page
    assert 'name="opinion"' in page
    client.post(url, posted(**WORDS))
    with looking():
        contact = Contact.objects.get()
    assert contact.is_police_authored
    assert contact.regime == "Part 3"
    assert {name: getattr(contact, name) for name in WORDS} == WORDS


def test_s14_clinicians_form_does_not(cast: Cast, client: Client) -> None:
    url = reverse("cases:contact_log", args=[cast.nora.pk])
    page = sign_in(client, cast["amira"]).get(url).content.decode()
    assert 'name="observation"' not in page
    assert 'name="opinion"' not in page
    with pytest.raises(DomainError):
        logged(cast["amira"], cast.nora, opinion="I think")


@pytest.mark.parametrize("name", ["contact", "patient_timeline", "contact_sign", "contact_change"])
@pytest.mark.parametrize("reader", ["pete", "amira"])
def test_s14_pages_name_each_part(cast: Cast, client: Client, name: str, reader: str) -> None:
    contact = logged(cast["pete"], cast.nora, purpose="safety", is_planned=False, **WORDS)
    key = [] if name == "patient_timeline" else [contact.pk]
    answer = sign_in(client, cast[reader]).get(
        reverse(f"cases:{name}", args=[cast.nora.pk, *key]), follow=True
    )
    page = answer.content.decode()
    places = [
        page.index(words)
        for pair in (
            ("Facts: what was said and done", WORDS["account"]),
            ("Observation", WORDS["observation"]),
            ("Opinion", WORDS["opinion"]),
        )
        for words in pair
    ]
    assert places == sorted(places)


def test_s14_an_author_with_both_roles_writes_as_police(cast: Cast) -> None:
    with looking():
        membership = cast["cal"].memberships.get()
        membership.pk, membership.role = None, "police mentor"
        membership.save(force_insert=True)
    assert logged(cast["cal"], cast.nora, **WORDS).is_police_authored
