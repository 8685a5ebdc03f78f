"""Session over while typing, without JavaScript: the text is kept encrypted and given back to its writer alone."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from django.test import Client, override_settings

from accounts.models import HeldSubmission, Membership, User
from accounts.roles import Role
from accounts.services.held_submissions import newest_held
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from tests.people import Cast, make_cast
from tests.sessions import sign_in, sign_in_with_password_only, trail_entries

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
KEPT = "/account/kept-text/"
# A form of this app with text fields; the mechanism is the same for every form.
FORM = "/people/invite/"
TYPED = {
    "first_name": "Wilma",
    "last_name": "O’Neil-Ōta 🙂 <script>alert(1)</script>",
    "username": "wilma",
    "email": "wilma@example.org",
    "role": "team administrator",
}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def typing(cast: Cast) -> Client:
    """Tess has opened the form at noon; tokens are checked as in a browser."""
    client = Client(enforce_csrf_checks=True)
    with at():
        sign_in(client, cast["tess"])
        client.get(FORM)
    return client


def at(**later: float) -> Any:
    return time_machine.travel(NOON + dt.timedelta(**later), tick=False)


def token(client: Client, path: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).content.decode())
    assert found
    return found[1]


def send_late(client: Client, path: str = FORM, **extra: str) -> Any:
    """POST twenty minutes on, with the token that the page had been given."""
    with at(minutes=1):
        before = token(client, FORM)
    with at(minutes=21):
        return client.post(path, TYPED | extra | {"csrfmiddlewaretoken": before})


def test_text_sent_after_the_end_comes_back_after_sign_in(typing: Client, cast: Cast) -> None:
    answer = send_late(typing)
    assert answer.headers["Location"] == f"/account/login/?next={KEPT}"
    with at(minutes=22):
        sign_in(typing, cast["tess"])
        page = typing.get(KEPT).content.decode()
        assert "You were signed out. Your text is still here" in page
        assert f'action="{FORM}"' in page
        assert "O’Neil-Ōta 🙂 &lt;script&gt;" in page
        fields = dict(
            re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split(f'action="{FORM}"')[1])
        )
        assert fields["username"] == "wilma"


def test_kept_text_is_sent_again_with_a_fresh_token_and_then_deleted(typing: Client, cast: Cast) -> None:
    send_late(typing)
    with at(minutes=22):
        sign_in(typing, cast["tess"])
        held = newest_held(cast["tess"])
        assert held is not None
        north = cast.north
        again = dict(held.fields) | {
            "organisation": str(north.trust_id),
            "team": str(north.pk),
            "starts_on_day": "23",
            "starts_on_month": "11",
            "starts_on_year": "2026",
            "held_submission": str(held.key),
            "csrfmiddlewaretoken": token(typing, KEPT),
        }
        answer = typing.post(held.path, again)
        assert answer.status_code == 302, answer.content.decode()
        assert not HeldSubmission.objects.exists()
        assert "No text is kept for you" in typing.get(KEPT).content.decode()


def test_kept_text_stays_while_the_form_still_has_errors(typing: Client, cast: Cast) -> None:
    send_late(typing)
    with at(minutes=22):
        sign_in(typing, cast["tess"])
        held = newest_held(cast["tess"])
        assert held is not None
        fields = dict(held.fields) | {
            "held_submission": str(held.key),
            "csrfmiddlewaretoken": token(typing, KEPT),
        }
        assert typing.post(held.path, fields).status_code == 200
        assert newest_held(cast["tess"]) == held


def test_kept_text_is_given_to_nobody_else(typing: Client, cast: Cast) -> None:
    send_late(typing)
    with at(minutes=22):
        sign_in(typing, cast["stan"])  # the same browser, another person
        page = typing.get(KEPT).content.decode()
    assert "No text is kept for you" in page
    assert "wilma" not in page
    assert newest_held(cast["tess"]) is not None


def test_nobody_else_discards_it(typing: Client, cast: Cast, client: Client) -> None:
    send_late(typing)
    sign_in(client, cast["stan"])
    key = HeldSubmission.objects.get().pk
    assert client.post(KEPT, {"held": str(key)}).status_code == 404
    client.post("/account/sessions/end-others/", {"held_submission": str(key)})
    assert HeldSubmission.objects.filter(pk=key).exists()


def test_writer_discards_it(typing: Client, cast: Cast, client: Client) -> None:
    send_late(typing)
    sign_in(client, cast["tess"])
    answer = client.post(KEPT, {"held": str(HeldSubmission.objects.get().pk)}, follow=True)
    assert "The text was deleted." in answer.content.decode()
    assert not HeldSubmission.objects.exists()


def test_text_is_kept_when_the_page_itself_had_noticed_the_end_first(typing: Client, cast: Cast) -> None:
    with at(minutes=1):
        before = token(typing, FORM)
    with at(minutes=20):
        assert typing.get("/account/session/").status_code == 401
    with at(minutes=21):
        typing.post(FORM, TYPED | {"csrfmiddlewaretoken": before})
    assert newest_held(cast["tess"]) is not None


def test_kept_text_cannot_be_read_in_the_database(typing: Client, cast: Cast) -> None:
    send_late(typing)
    row = HeldSubmission.objects.get()
    assert b"wilma" not in bytes(row.ciphertext)
    assert row.user == cast["tess"]


def test_row_moved_to_another_name_is_unreadable(typing: Client, cast: Cast) -> None:
    send_late(typing)
    HeldSubmission.objects.update(user=cast["stan"])
    assert newest_held(cast["stan"]) is None


def test_changed_key_with_the_old_one_as_fallback_still_reads(typing: Client, cast: Cast) -> None:
    send_late(typing)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["only-for-tests"]):
        assert newest_held(cast["tess"]) is not None
    with override_settings(SECRET_KEY="new"):
        assert newest_held(cast["tess"]) is None


def test_passwords_and_tokens_are_not_kept(typing: Client, cast: Cast) -> None:
    send_late(typing, oldpassword="correct horse battery", password1="x", note="kept")
    held = newest_held(cast["tess"])
    assert held is not None
    names = {name for name, _ in held.fields}
    assert "note" in names
    assert not names & {"csrfmiddlewaretoken", "oldpassword", "password1"}


def test_forged_form_is_refused_and_not_kept(typing: Client, cast: Cast) -> None:
    with at(minutes=21):
        assert typing.post(FORM, TYPED).status_code == 403
    assert not HeldSubmission.objects.exists()


def test_text_of_an_account_that_has_been_closed_is_not_kept(typing: Client, cast: Cast) -> None:
    with at(minutes=1):
        before = token(typing, FORM)
    with at(minutes=20):
        typing.get("/account/session/")
    User.objects.filter(username="tess").update(is_active=False)
    with at(minutes=21):
        answer = typing.post(FORM, TYPED | {"csrfmiddlewaretoken": before})
    assert answer.headers["Location"] == f"/account/login/?next={FORM}"
    assert not HeldSubmission.objects.exists()


def test_late_form_about_a_patient_is_on_the_trail_as_a_denied_attempt(cast: Cast) -> None:
    client = Client()
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=20):
        client.post(f"/patients/{cast.nora.pk}/", {"note": "seen today"})
    (entry,) = trail_entries(outcome=LogEntry.Outcome.DENIED)
    assert entry.actor is None
    assert newest_held(cast["amira"]) is not None


def test_oldest_texts_go_when_there_are_too_many(typing: Client, cast: Cast) -> None:
    for _ in range(20):
        HeldSubmission.objects.create(user=cast["tess"], path="/", ciphertext=b"old")
    send_late(typing)
    assert HeldSubmission.objects.count() == 20
    assert newest_held(cast["tess"]) is not None


TEXT = "She said that the nights are worst"


def patient_text_kept_for_amira(cast: Cast, name: str = "account") -> Client:
    """Amira, signed in again after she had sent a form about Nora too late."""
    client = Client()
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=20):
        client.post(f"/patients/{cast.nora.pk}/contacts/new/", {name: TEXT})
    return client


def look(client: Client, cast: Cast) -> str:
    with at(minutes=21):
        sign_in(client, cast["amira"])
        return client.get(KEPT).content.decode()


def about_whom(method: str) -> list[tuple[Any, str]]:
    """The subjects of the last entry of the page, as (patient, relationship)."""
    entry = [
        e
        for e in trail_entries(route="accounts:held_submission")
        if (e.additional_data or {}).get("method") == method
    ][-1]
    with access_context(route="tests.looking", is_system=True):
        return [(s.patient_id, s.relationship) for s in EntrySubject.objects.filter(entry_id=entry.pk)]


def test_text_about_a_patient_is_shown_with_the_patient_on_the_entry(cast: Cast) -> None:
    client = patient_text_kept_for_amira(cast)
    assert TEXT in look(client, cast)
    assert about_whom("GET") == [(cast.nora.pk, "case team")]


def test_deleting_text_about_a_patient_puts_the_patient_on_the_entry(cast: Cast) -> None:
    client = patient_text_kept_for_amira(cast)
    with at(minutes=21):
        sign_in(client, cast["amira"])
        client.post(KEPT, {"held": str(HeldSubmission.objects.get().pk)})
    assert about_whom("POST") == [(cast.nora.pk, "case team")]
    assert not HeldSubmission.objects.exists()


def test_text_about_a_patient_whom_one_may_not_see_any_more_is_not_shown(cast: Cast) -> None:
    client = patient_text_kept_for_amira(cast)
    Membership.objects.filter(user=cast["amira"]).update(ends_on=dt.date(2026, 11, 22))
    page = look(client, cast)
    assert "You can no longer read this text" in page
    assert TEXT not in page
    assert str(cast.nora.pk) not in page
    assert about_whom("GET") == [(cast.nora.pk, "none")]
    with at(minutes=22):
        client.post(KEPT, {"held": str(HeldSubmission.objects.get().pk)})
    assert about_whom("POST") == [(cast.nora.pk, "none")]
    assert not HeldSubmission.objects.exists()


def make_police(cast: Cast) -> None:
    Membership.objects.filter(user=cast["amira"]).update(
        role=Role.POLICE_MENTOR, organisation=cast.north.force
    )


def test_text_typed_in_a_clinical_role_is_not_shown_once_the_role_is_gone(cast: Cast) -> None:
    client = patient_text_kept_for_amira(cast)
    make_police(cast)
    assert TEXT not in look(client, cast)
    assert about_whom("GET") == [(cast.nora.pk, "case team")]


def test_clinical_text_that_came_after_the_role_was_gone_is_not_shown(cast: Cast) -> None:
    client = Client()
    with at():
        sign_in(client, cast["amira"])
    make_police(cast)
    with at(minutes=20):
        client.post(f"/patients/{cast.nora.pk}/contacts/new/", {"clinical_text": TEXT})
    assert TEXT not in look(client, cast)


def test_text_of_a_police_role_is_shown_to_it(cast: Cast) -> None:
    make_police(cast)
    assert TEXT in look(patient_text_kept_for_amira(cast), cast)


def test_text_sent_from_another_tab_after_signing_out_is_kept(typing: Client, cast: Cast) -> None:
    with at(minutes=1):
        before = token(typing, FORM)
        typing.post("/account/logout/", {"csrfmiddlewaretoken": before})
        answer = typing.post(FORM, TYPED | {"csrfmiddlewaretoken": before})
    assert answer.headers["Location"] == f"/account/login/?next={KEPT}"
    assert newest_held(cast["tess"]) is not None


def test_signing_out_after_a_password_alone_keeps_nothing(cast: Cast, client: Client) -> None:
    sign_in_with_password_only(client, cast["tess"])
    client.post("/account/logout/")
    client.post(FORM, TYPED)
    assert not HeldSubmission.objects.exists()


@pytest.mark.parametrize(("hours", "is_kept"), [(23, True), (25, False)])
def test_text_sent_after_the_session_was_ended_elsewhere_is_kept_for_a_day(
    typing: Client, cast: Cast, hours: int, is_kept: bool
) -> None:
    with at(minutes=1):
        before = token(typing, FORM)
        laptop = sign_in(Client(), cast["tess"])
        laptop.post("/account/sessions/end-others/")
    with at(hours=hours):
        answer = typing.post(FORM, TYPED | {"csrfmiddlewaretoken": before})
        assert answer.status_code == 302
        assert typing.get(FORM).status_code == 302
    assert (newest_held(cast["tess"]) is not None) == is_kept
