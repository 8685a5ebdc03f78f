"""The server ends sessions in time, tells pages when, and ends at once those of people who left."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import Session, User
from accounts.session_store import SessionStore
from audit.context import access_context
from audit.models import LogEntry
from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
PROFILE = "/account/profile/"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def at(**later: float) -> Any:
    return time_machine.travel(NOON + dt.timedelta(**later), tick=False)


def ends_at(client: Client) -> str:
    return str(client.get("/account/session/").json()["ends_at"])


def test_session_poll_tells_the_end_without_extending_it(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
        first = client.get("/account/session/").json()
    with at(minutes=10):
        again = client.get("/account/session/").json()
    assert first["ends_at"] == again["ends_at"] == "2026-11-23T12:15:00+00:00"
    assert again["now"] == "2026-11-23T12:10:00+00:00"
    assert again["user"] == str(cast["amira"].pk)
    assert again["csrf_token"]


def test_posting_to_the_session_extends_it(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=10):
        assert client.post("/account/session/").json()["ends_at"] == "2026-11-23T12:25:00+00:00"


def test_opening_a_page_extends_the_session_and_autosave_does_not(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=5):
        client.get(PROFILE)
    with at(minutes=8):
        client.get(PROFILE, headers={"X-Autosave": "1"})
        assert ends_at(client) == "2026-11-23T12:20:00+00:00"


def test_last_seen_is_written_at_most_once_a_minute(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(seconds=40):
        client.get(PROFILE)
        assert ends_at(client) == "2026-11-23T12:15:00+00:00"
    with at(seconds=60):
        client.get(PROFILE)
        assert ends_at(client) == "2026-11-23T12:16:00+00:00"


@pytest.mark.parametrize(("minutes", "status"), [(14.9, 200), (15, 302)])
def test_session_is_over_after_fifteen_idle_minutes(
    client: Client, cast: Cast, minutes: float, status: int
) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=minutes):
        assert client.get(PROFILE).status_code == status


def test_who_is_signed_out_comes_back_to_the_same_page(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=16):
        answer = client.get("/people/?left=yes")
    assert answer.headers["Location"] == "/account/login/?next=/people/%3Fleft%3Dyes"
    assert SESSION_KEY not in client.session


def test_session_is_over_after_thirteen_hours_however_busy(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    for minutes in range(10, 780, 10):
        with at(minutes=minutes):
            assert client.post("/account/session/").status_code == 200
    with at(hours=12, minutes=55):
        assert ends_at(client) == "2026-11-24T01:00:00+00:00"
    with at(hours=13):
        assert client.get(PROFILE).status_code == 302


def test_autosave_and_poll_are_told_in_their_own_language_that_the_session_is_over(
    client: Client, cast: Cast
) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=16):
        for answer in (
            client.get("/account/session/"),
            client.post(PROFILE, headers={"X-Autosave": "1"}),
            client.get(PROFILE, headers={"Accept": "application/json"}),
        ):
            assert answer.status_code == 401
            assert answer.json() == {"signed_out": True}


def test_htmx_is_sent_to_the_sign_in_page_as_a_whole(client: Client, cast: Cast) -> None:
    answer = client.get(PROFILE, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/account/login/")


def test_end_of_a_session_is_on_the_trail_with_its_reason(client: Client, cast: Cast) -> None:
    with at():
        sign_in(client, cast["amira"])
    with at(minutes=16):
        client.get(PROFILE)
    (entry,) = trail_entries(action=LogEntry.Action.SIGN_OUT)
    assert entry.actor == cast["amira"]
    assert entry.reason == "Nothing had been done for a while"
    assert entry.session_ref
    assert str(entry.remote_addr) == "127.0.0.1"


def test_session_ends_even_when_the_trail_cannot_be_told(
    client: Client, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("The trail is down")

    with at():
        sign_in(client, cast["amira"])
    with at(minutes=16):
        monkeypatch.setattr("audit.writing.write_entries", fail)
        client.get("/account/session/")
    assert SESSION_KEY not in client.session


def test_session_that_does_not_say_when_it_began_is_over(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    session = client.session
    del session["signed_in_at"]
    session.save()
    assert client.get(PROFILE).status_code == 302


def test_deactivated_user_is_nobody_on_the_next_request(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    assert client.get(PROFILE).status_code == 200
    user = cast["amira"]
    User.objects.filter(pk=user.pk).update(is_active=False, left_at=timezone.now())
    assert client.get(PROFILE).status_code == 302
    assert SESSION_KEY not in client.session


def test_changed_password_ends_the_sessions_elsewhere(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    user = cast["amira"]
    user.set_password("another long password")
    with access_context(route="test", is_system=True):
        user.save()
    assert client.get(PROFILE).status_code == 302


def two_browsers(cast: Cast) -> tuple[Client, Client]:
    phone, laptop = Client(), Client()
    phone.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605 Safari/604"
    sign_in(phone, cast["amira"])
    sign_in(laptop, cast["amira"])
    sessions = Session.objects.filter(user=cast["amira"]).order_by("signed_in_at")
    session = phone.session
    session["device"] = phone.defaults["HTTP_USER_AGENT"]
    session.save()
    assert len(sessions) == 2
    return phone, laptop


def other_session_of(client: Client) -> str:
    """How the page names the session that is not this one."""
    found = re.search(r'name="session" value="([0-9a-f]{16})"', client.get(PROFILE).content.decode())
    assert found
    return found[1]


def test_own_sessions_are_listed_with_device_and_time(cast: Cast) -> None:
    phone, _laptop = two_browsers(cast)
    page = phone.get(PROFILE).content.decode()
    assert "Safari on iPhone" in page
    assert "This one" in page
    assert "Unknown device" in page


def test_one_other_session_can_be_ended(cast: Cast) -> None:
    phone, laptop = two_browsers(cast)
    reference = other_session_of(phone)
    answer = phone.post("/account/sessions/end/", {"session": reference})
    assert answer.status_code == 302
    assert laptop.get(PROFILE).status_code == 302
    assert phone.get(PROFILE).status_code == 200


def test_session_that_has_ended_cannot_be_ended_again(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    answer = client.post("/account/sessions/end/", {"session": "0123456789abcdef"}, follow=True)
    assert "That session has already ended." in answer.content.decode()


def test_nobody_ends_a_session_of_somebody_else(cast: Cast, client: Client) -> None:
    phone, laptop = two_browsers(cast)
    reference = other_session_of(phone)
    sign_in(client, cast["sol"])
    client.post("/account/sessions/end/", {"session": reference})
    client.post("/account/sessions/end-others/")
    assert phone.get(PROFILE).status_code == 200
    assert laptop.get(PROFILE).status_code == 200


def test_all_other_sessions_end_together(cast: Cast) -> None:
    phone, laptop = two_browsers(cast)
    phone.post("/account/sessions/end-others/")
    assert laptop.get(PROFILE).status_code == 302
    assert phone.get(PROFILE).status_code == 200


def test_session_key_stands_on_no_page(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    key = client.session.session_key
    assert key is not None
    assert key not in client.get(PROFILE).content.decode()


def test_a_message_that_names_somebody_is_in_no_cookie_and_ends_with_the_session(
    client: Client, cast: Cast
) -> None:
    sign_in(client, cast["lena"])
    address = f"/patients/{cast.nora.pk}/case/mentors/"
    fields = {"version": "1", "clinical_mentor": cast["cal"].pk, "police_mentor": cast["pru"].pk}
    assert client.post(address, fields).status_code == 302
    assert "messages" not in client.cookies
    client.post("/account/logout/")
    assert cast.nora.reference not in client.get("/account/login/").content.decode()


def test_administrator_ends_every_session_of_a_colleague_whose_phone_was_stolen(cast: Cast) -> None:
    phone, laptop = two_browsers(cast)
    tess = sign_in(Client(), cast["tess"])
    page = tess.post(f"/people/{cast['amira'].pk}/sessions/end/", follow=True).content.decode()
    assert "Amira Adeyemi was signed out everywhere. They can sign in again." in page
    assert phone.get(PROFILE).status_code == laptop.get(PROFILE).status_code == 302
    (entry,) = trail_entries(action=LogEntry.Action.SIGN_OUT)
    assert (entry.actor, entry.reason) == (cast["amira"], "Every session was ended by tess")
    assert sign_in(phone, cast["amira"]).get(PROFILE).status_code == 200


@pytest.mark.parametrize("name", ["stan", "tess"])
def test_nobody_signs_out_people_of_another_team_or_themselves_this_way(cast: Cast, name: str) -> None:
    phone, _laptop = two_browsers(cast)
    admin = sign_in(Client(), cast[name])
    target = cast["amira"] if name == "stan" else cast["tess"]
    answer = admin.post(f"/people/{target.pk}/sessions/end/", follow=True)
    assert answer.status_code == (404 if name == "stan" else 200)
    assert phone.get(PROFILE).status_code == 200
    assert admin.get(PROFILE).status_code == 200


def test_own_second_factors_page_offers_to_end_the_other_sessions(cast: Cast) -> None:
    phone, laptop = two_browsers(cast)
    assert 'action="/account/sessions/end-others/"' in laptop.get("/account/2fa/").content.decode()
    laptop.post("/account/sessions/end-others/")
    assert phone.get(PROFILE).status_code == 302


@pytest.mark.django_db
def test_a_session_that_cannot_be_saved_is_not_taken_for_one_that_was_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ended elsewhere is answered with 400; a database that is away with 503."""
    store = SessionStore()
    store.create()

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("terminating connection due to administrator command")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "save", away)
        with pytest.raises(OperationalError):
            store.save()
    store.delete()
    with pytest.raises(UpdateError):
        store.save()
