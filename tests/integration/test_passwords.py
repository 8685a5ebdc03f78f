"""How a password is asked for, taken, changed and refused, and what a sign-in does to the session."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from audit.context import access_context
from tests.people import PASSWORD, Cast, make_cast
from tests.sessions import code_now, give_app, sign_in

LOGIN = "/account/login/"
CODE = "/account/2fa/authenticate/"
CHANGE = "/account/password/change/"


@pytest.fixture
def cast(db: None) -> Cast:
    cache.clear()
    return make_cast()


def opens(name: str, password: str) -> bool:
    """Whether the password leads to the second step."""
    return Client().post(LOGIN, {"login": name, "password": password}).status_code == 302


def with_password(cast: Cast, password: str) -> User:
    user = cast["amira"]
    user.set_password(password)
    with access_context(route="tests.password", is_system=True):
        user.save(update_fields=["password"])
    give_app(user)
    return user


@pytest.mark.parametrize(
    "password", [" Spaces At Both Ends ", "ÄÖÜ ß ☂ regen im mai", "x" * 60 + " long enough"]
)
def test_password_is_taken_exactly_as_it_was_typed(cast: Cast, password: str) -> None:
    with_password(cast, password)
    assert opens("amira", password)
    for other in (password.strip(), password.swapcase(), password[:-1]):
        assert other == password or not opens("amira", other)


@pytest.mark.parametrize(("path", "number"), [(LOGIN, 1), (CHANGE, 3), ("/account/reauthenticate/", 1)])
def test_password_inputs_hide_what_is_typed_and_let_managers_fill_them(
    cast: Cast, client: Client, path: str, number: int
) -> None:
    if path != LOGIN:
        sign_in(client, cast["amira"])
    page = client.get(path).content.decode()
    inputs = [tag for tag in re.findall(r"<input[^>]*>", page) if "password" in tag]
    assert len(inputs) == number
    for tag in inputs:
        assert 'type="password"' in tag
        assert re.search(r'autocomplete="(current|new)-password"', tag)
        assert "maxlength" not in tag and "onpaste" not in tag


def test_new_password_needs_the_present_one(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    new = {"password1": "three random words", "password2": "three random words"}
    refused = client.post(CHANGE, new | {"oldpassword": "not the present one"})
    assert "error" in refused.content.decode().lower() and not opens("amira", new["password1"])
    assert client.post(CHANGE, new | {"oldpassword": PASSWORD}).status_code == 302
    assert opens("amira", new["password1"])


@pytest.mark.parametrize(
    "password", ["SIM-Casework-2026", "qwerty123456", "amira adeyemi", "short words", "123456789012"]
)
def test_guessable_password_is_refused_with_the_reason(cast: Cast, client: Client, password: str) -> None:
    sign_in(client, cast["amira"])
    page = client.post(CHANGE, {"oldpassword": PASSWORD, "password1": password, "password2": password})
    assert page.status_code == 200 and "nhsuk-error-message" in page.content.decode()
    assert not opens("amira", password)


def test_session_gets_a_new_random_key_at_sign_in(cast: Cast, client: Client) -> None:
    with_password(cast, PASSWORD)
    client.get("/account/invitation/some-token/")
    before = client.session.session_key
    client.post(LOGIN, {"login": "amira", "password": PASSWORD})
    client.post(CODE, {"code": code_now()})
    after = client.session.session_key
    assert before and after and before != after
    # 32 characters of 36: 165 bits.
    assert re.fullmatch(r"[a-z0-9]{32}", after)
    assert not client.session.exists(before)


@pytest.mark.parametrize(
    ("name", "path"), [("amira", "/"), ("amira", "/caseload/"), ("tess", "/people/"), ("ivy", "/trail/")]
)
def test_every_kind_of_page_offers_to_sign_out(cast: Cast, client: Client, name: str, path: str) -> None:
    page = sign_in(client, cast[name]).get(path).content.decode()
    assert re.search(r'<form[^>]+action="/account/logout/"[^>]*>', page)
