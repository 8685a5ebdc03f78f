"""What no page offers and anybody can send: it is refused in words or ignored, and is never a fault."""

from __future__ import annotations

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from tests.alerts import closed_alert
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
ENDS_OF_THE_CALENDAR = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.mark.parametrize("moment", ENDS_OF_THE_CALENDAR)
def test_a_cursor_at_the_end_of_the_calendar_starts_at_the_top(
    cast: Cast, client: Client, moment: str
) -> None:
    sign_in(client, cast["lena"])
    timeline = reverse("cases:patient_timeline", args=[cast.nora.pk])
    for address in (timeline, "/notifications/", "/tasks/", "/tasks/team/"):
        for name in ("before", "after"):
            assert client.get(address, {name: f"{moment}_{uuid.uuid4()}"}).status_code == 200
    sign_in(client, cast["ivy"])
    for address in ("/trail/entries/", "/trail/refusals/", f"/trail/patients/{cast.nora.pk}/"):
        for name in ("before", "after"):
            assert client.get(address, {name: f"{moment}_5"}).status_code == 200


@pytest.mark.parametrize("part", ["day", "month", "year"])
def test_a_date_of_five_thousand_digits_is_no_date(cast: Cast, client: Client, part: str) -> None:
    sign_in(client, cast["amira"])
    born = {"day": "1", "month": "1", "year": "1990"} | {part: "9" * 5000}
    fields = {"terms": "Nora"} | {f"date_of_birth_{name}": value for name, value in born.items()}
    answer = client.post("/find/", fields)
    assert (answer.status_code, b"must have a" in answer.content) == (200, True)


@pytest.mark.parametrize("name", ["given_name", "family_name", "nhs_number"])
def test_a_nul_in_a_name_is_refused_at_its_field(cast: Cast, client: Client, name: str) -> None:
    sign_in(client, cast["amira"])
    address = reverse("cases:patient_edit", args=[cast.nora.pk])
    fields = {"given_name": "N", "family_name": "", "nhs_number": "", "version": "1"}
    fields |= {"date_of_birth_day": "1", "date_of_birth_month": "1", "date_of_birth_year": "1990"}
    answer = client.post(address, fields | {name: "a\x00b"})
    assert (answer.status_code, b"cannot be stored" in answer.content) == (200, True)


def test_a_draft_about_nul_is_refused_in_words(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    address = reverse("cases:draft_keep", args=[cast.nora.pk, "contact-log"])
    answer = client.post(address, {"account": "typed", "draft_about": "\x00"}, headers={"X-Autosave": "1"})
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_the_number_of_a_kept_form_may_be_anything(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    assert client.post("/account/kept-text/", {"held": "9" * 5000}).status_code == 302
    assert client.post("/notifications/read/", {"held_submission": "9" * 5000}).status_code == 302


def test_what_stands_in_the_address_is_no_part_of_the_form(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    answer = client.post("/find/?terms=Quill", {"terms": ""})
    assert b"Quill" not in answer.content
    answer = client.post("/find/?terms=Teal", {"terms": "Quill"})
    assert b"Quill" in answer.content


def test_of_a_field_sent_twice_one_is_taken_and_nothing_breaks(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    answer = client.post("/find/", {"terms": ["Teal", "Quill"]})
    assert answer.status_code == 200
    assert b"Quill" in answer.content


@pytest.mark.parametrize("who", ["amira", None])
def test_no_page_takes_a_file(cast: Cast, client: Client, who: str | None) -> None:
    if who:
        sign_in(client, cast[who])
    for address in ("/find/", "/account/login/", reverse("cases:contact_log", args=[cast.nora.pk])):
        answer = client.post(address, {"account": SimpleUploadedFile("notes.txt", b"text")})
        # Without a session the form is not even read.
        assert answer.status_code == 400 or (who is None and answer.status_code == 302)


@pytest.mark.parametrize(("who", "words"), [("ivy", b"The alert is closed."), ("igor", b"closed already")])
def test_closing_an_alert_twice_is_told_in_words(cast: Cast, client: Client, who: str, words: bytes) -> None:
    """To whoever clicked twice it is closed; a colleague hears that somebody was before them."""
    alert = closed_alert(cast)
    sign_in(client, cast[who])
    answer = client.post(reverse("audit:alert_close", args=[alert.pk]), follow=True)
    assert (answer.status_code, words in answer.content) == (200, True)


@pytest.mark.parametrize("credential", ["9" * 5000, "[" * 100_000, "{", "null", '{"id": 1}'])
def test_a_passkey_that_is_none_is_refused_at_its_form(client: Client, cast: Cast, credential: str) -> None:
    addresses = ["/account/2fa/webauthn/login/", "/account/2fa/webauthn/add/"]
    for address in addresses:
        sign_in(client, cast["amira"])
        if address == addresses[0]:
            client.logout()
        assert client.post(address, {"credential": credential}).status_code < 500, address
