"""Password and second factor, locks against guessing, and what of it stands on the trail."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils.http import int_to_base36

from accounts.models import User
from audit.context import access_context
from audit.models import LogEntry
from tests.people import PASSWORD, Cast, make_cast
from tests.sessions import code_now, give_app, sign_in, sign_in_with_password_only, trail_entries

LOGIN = "/account/login/"
CODE = "/account/2fa/authenticate/"
PROFILE = "/account/profile/"
LOCKED = "Too many wrong attempts"


@pytest.fixture
def cast(db: None) -> Cast:
    cache.clear()
    return make_cast()


def give_password(client: Client, name: str, password: str = PASSWORD) -> Any:
    return client.post(LOGIN, {"login": name, "password": password})


def attempts(**conditions: object) -> list[LogEntry]:
    return trail_entries(action=LogEntry.Action.SIGN_IN, **conditions)


@pytest.mark.parametrize("name", ["amira", "amira@example.org", "AMIRA@example.org"])
def test_username_or_address_with_password_and_code_opens_a_session(
    client: Client, cast: Cast, name: str
) -> None:
    give_app(cast["amira"])
    assert give_password(client, name).headers["Location"] == CODE
    assert SESSION_KEY not in client.session
    client.post(CODE, {"code": code_now()})
    assert client.get(PROFILE).status_code == 200
    (entry,) = attempts()
    assert (entry.actor, entry.outcome) == (cast["amira"], LogEntry.Outcome.OK)


def test_page_asked_for_is_shown_after_signing_in(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    client.post(LOGIN, {"login": "amira", "password": PASSWORD, "next": PROFILE})
    assert client.post(CODE, {"code": code_now()}).headers["Location"] == PROFILE


def test_sign_in_leads_to_no_other_site(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    client.post(LOGIN, {"login": "amira", "password": PASSWORD, "next": "https://example.org/"})
    assert client.post(CODE, {"code": code_now()}).headers["Location"] == "/"


def test_signing_out_ends_the_session_and_is_on_the_trail(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    client.post("/account/logout/")
    assert client.get(PROFILE).status_code == 302
    (entry,) = trail_entries(action=LogEntry.Action.SIGN_OUT)
    assert entry.actor == cast["amira"]


@pytest.mark.parametrize(("name", "known"), [("amira", True), ("nobody-here", False)])
def test_wrong_password_and_unknown_name_read_the_same(
    client: Client, cast: Cast, name: str, known: bool
) -> None:
    page = give_password(client, name, "wrong password").content.decode()
    assert "The name or the password is wrong" in page
    (entry,) = attempts()
    assert (entry.actor, entry.outcome) == (cast["amira"] if known else None, LogEntry.Outcome.DENIED)
    # Somebody may have typed a password into the wrong box.
    assert "nobody-here" not in str(entry.additional_data)


def test_wrong_code_is_refused_and_on_the_trail(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    give_password(client, "amira")
    page = client.post(CODE, {"code": "000000"}).content.decode()
    assert "The code is wrong or was used before" in page
    assert client.get(PROFILE).status_code == 302
    (entry,) = attempts()
    assert (entry.actor, entry.outcome, entry.reason) == (
        cast["amira"],
        LogEntry.Outcome.DENIED,
        "Wrong second factor",
    )


def test_code_works_once(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    code = code_now()
    give_password(client, "amira")
    client.post(CODE, {"code": code})
    other = Client()
    give_password(other, "amira")
    other.post(CODE, {"code": code})
    assert other.get(PROFILE).status_code == 302


def test_fifth_wrong_password_closes_the_account_for_a_while_even_for_the_right_one(
    client: Client, cast: Cast
) -> None:
    give_app(cast["amira"])
    for _ in range(5):
        assert LOCKED not in give_password(client, "amira", "wrong password").content.decode()
    # From another browser as well: the count is the account's.
    page = give_password(Client(), "amira").content.decode()
    assert LOCKED in page
    assert "15 minutes" in page
    refused = attempts()[-1]
    assert refused.reason == "Closed after too many wrong attempts"
    assert refused.actor == cast["amira"]


def test_username_and_address_of_an_account_are_one_count(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    for name in ("amira", "AMIRA", "amira@example.org", "amira@example.org", "Amira@Example.org"):
        give_password(client, name, "wrong password")
    assert LOCKED in give_password(Client(), "amira").content.decode()
    assert LOCKED in give_password(Client(), "amira@example.org").content.decode()


def test_lock_of_one_account_leaves_the_others_open(client: Client, cast: Cast) -> None:
    for _ in range(6):
        give_password(client, "amira", "wrong password")
    give_app(cast["cal"])
    assert give_password(Client(), "cal").headers["Location"] == CODE


def test_lock_holds_with_redis_stopped(client: Client, cast: Cast, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://localhost:1/0"
    for _ in range(5):
        give_password(client, "amira", "wrong password")
    assert LOCKED in give_password(client, "amira").content.decode()


def test_fifth_wrong_code_closes_the_second_step(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    give_password(client, "amira")
    for _ in range(5):
        client.post(CODE, {"code": "000000"})
    assert LOCKED in client.post(CODE, {"code": code_now()}).content.decode()


def test_password_alone_reaches_nothing_but_setting_up_a_second_factor(client: Client, cast: Cast) -> None:
    give_password(client, "amira")
    for path in (PROFILE, f"/patients/{cast.nora.pk}/", "/", "/people/"):
        assert client.get(path).headers["Location"] == "/account/2fa/totp/activate/"
    assert client.get("/account/2fa/totp/activate/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_second_factor_is_set_up_and_counts_for_this_session(client: Client, cast: Cast) -> None:
    give_password(client, "amira")
    page = client.get("/account/2fa/totp/activate/")
    assert page.status_code == 200
    secret = client.session["mfa.totp.secret"]
    code = code_now(secret=secret)
    done = client.post("/account/2fa/totp/activate/", {"code": code})
    assert done.headers["Location"] == "/account/2fa/recovery-codes/"
    assert client.get("/account/2fa/recovery-codes/").status_code == 200
    assert client.get(PROFILE).status_code == 200
    stored = Authenticator.objects.get(user=cast["amira"], type="totp").data["secret"]
    assert secret not in stored


def test_session_opened_without_the_second_factor_that_exists_is_ended(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    sign_in_with_password_only(client, cast["amira"])
    assert client.get(PROFILE).headers["Location"] == f"{LOGIN}?next={PROFILE}"
    assert SESSION_KEY not in client.session


def test_autosave_without_a_second_factor_is_told_so(client: Client, cast: Cast) -> None:
    sign_in_with_password_only(client, cast["amira"])
    assert client.get(PROFILE, headers={"X-Autosave": "1"}).status_code == 401


def test_records_of_another_user_in_the_session_do_not_count(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    session = client.session
    session["account_authentication_methods_user"] = str(cast["cal"].pk)
    session.save()
    assert client.get(PROFILE).status_code == 302


def test_recovery_code_opens_a_session_once(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    with access_context(route="test", is_system=True):
        code = RecoveryCodes.activate(cast["amira"]).generate_codes()[0]
    for expected in (200, 302):
        browser = Client()
        give_password(browser, "amira")
        browser.post(CODE, {"code": code})
        assert browser.get(PROFILE).status_code == expected


def test_last_second_factor_cannot_be_removed(client: Client, cast: Cast) -> None:
    give_app(cast["amira"])
    sign_in(client, cast["amira"])
    page = client.post("/account/2fa/totp/deactivate/").content.decode()
    assert "Add another second factor first" in page
    assert Authenticator.objects.filter(user=cast["amira"]).exists()


def test_forgotten_password_is_set_by_mail_and_the_code_is_still_asked_for(
    client: Client, cast: Cast
) -> None:
    give_app(cast["amira"])
    client.post("/account/password/reset/", {"email": "amira@example.org"})
    (message,) = mail.outbox
    assert message.to == ["amira@example.org"]
    link = re.search(r"http://testserver(/account/password/reset/key/\S+)", message.body)
    assert link, message.body
    form = client.get(link[1]).headers["Location"]
    new = "three random words"
    done = client.post(form, {"password1": new, "password2": new})
    assert done.status_code == 302
    assert client.get(PROFILE).status_code == 302
    assert give_password(client, "amira", new).headers["Location"] == CODE


def reset_link() -> str:
    found = re.search(r"http://testserver(/account/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def test_link_for_a_new_password_works_for_an_hour_and_once(client: Client, cast: Cast) -> None:
    with time_machine.travel("2026-11-25 09:00:00Z", tick=False) as clock:
        client.post("/account/password/reset/", {"email": "amira@example.org"})
        link = reset_link()
        clock.shift(dt.timedelta(minutes=59))
        form = client.get(link).headers["Location"]
        clock.shift(dt.timedelta(minutes=2))
        assert "Location" not in Client().get(link).headers
        new = {"password1": "three random words", "password2": "three random words"}
        client.post("/account/password/reset/", {"email": "amira@example.org"})
        form = client.get(reset_link()).headers["Location"]
        assert client.post(form, new).status_code == 302
        assert "Location" not in Client().get(reset_link()).headers


def test_link_for_a_new_password_cannot_be_made_up_or_lent(client: Client, cast: Cast) -> None:
    client.post("/account/password/reset/", {"email": "amira@example.org"})
    link = reset_link()
    whose, key = re.findall(r"key/([0-9a-z]+)-(.+)/", link)[0]
    for spoiled in (
        link.replace(key, key[:-1] + ("0" if key[-1] != "0" else "1")),
        link.replace("-", "-0", 1),
    ):
        assert "Location" not in client.get(spoiled).headers
    somebody_else = int_to_base36(cast["cal"].pk)
    assert "Location" not in client.get(link.replace(f"{whose}-", f"{somebody_else}-", 1)).headers


def test_mail_for_a_new_password_is_in_our_words(client: Client, cast: Cast) -> None:
    client.post("/account/password/reset/", {"email": "amira@example.org"})
    (message,) = mail.outbox
    assert message.subject == "SIM Casework: set a new password"
    assert "somebody has asked for a new password for your account, amira." in message.body
    assert "&" not in message.body


def test_invited_account_is_not_opened_by_a_password_reset(client: Client, cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        User.objects.create_user("new", email="new@example.org", organisation=cast.north.trust)
    client.post("/account/password/reset/", {"email": "new@example.org"})
    assert not mail.outbox


def test_unknown_address_gets_the_same_answer(client: Client, cast: Cast) -> None:
    known = client.post("/account/password/reset/", {"email": "amira@example.org"})
    unknown = client.post("/account/password/reset/", {"email": "nobody@example.org"})
    assert (known.status_code, known.headers["Location"]) == (
        unknown.status_code,
        unknown.headers["Location"],
    )


def test_password_is_changed_and_this_session_goes_on(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    new = "three random words"
    client.post("/account/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert client.get(PROFILE).status_code == 200
    assert cast["amira"].check_password(new)


def test_weak_password_is_refused_in_words(client: Client, cast: Cast) -> None:
    sign_in(client, cast["amira"])
    page = client.post(
        "/account/password/change/", {"oldpassword": PASSWORD, "password1": "amira", "password2": "amira"}
    ).content.decode()
    assert "too short" in page
    assert cast["amira"].check_password(PASSWORD)


@pytest.mark.parametrize("path", ["/account/signup/", "/account/email/", "/account/login/code/"])
def test_nobody_signs_up_or_signs_in_by_mail(client: Client, cast: Cast, path: str) -> None:
    assert client.get(path).status_code == 404


def test_closed_account_does_not_sign_in(client: Client, cast: Cast) -> None:
    User.objects.filter(username="amira").update(is_active=False)
    give_password(client, "amira")
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("typed", ["a\x00b", "x" * 1_000_000, "‮evil", "<script>"])
def test_hostile_names_are_refused_quietly(client: Client, cast: Cast, typed: str) -> None:
    answer = give_password(client, typed, "wrong password")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
