"""How a browser test gets in: a session made beforehand, its end, and the real way with password and code."""

from __future__ import annotations

import time
from datetime import timedelta
from importlib import import_module

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.test import Client, override_settings
from playwright.sync_api import Page, expect

from accounts import session_clock
from accounts.models import User
from tests.people import PASSWORD
from tests.sessions import code_now, sign_in


def enter(page: Page, user: User, path: str = "/", *, minutes_ago: float = 0) -> Page:
    """The page, signed in as ``user`` and gone to ``path``; whoever was signed in before is not any more.

    ``minutes_ago``: when they gave their second factor; see tests.sessions.sign_in.
    """
    session = sign_in(Client(), user, minutes_ago=minutes_ago).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.clear_cookies()
    # Cookies know hosts, not ports; the live server is always this one.
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "localhost", "path": "/"}
    page.context.add_cookies([cookie | {"httpOnly": True}])
    page.goto(path)
    return page


def end_session(page: Page) -> None:
    """Nothing was done for too long: the server's record of this browser's session says so from now on."""
    session = _session_of(page)
    session[session_clock.LAST_SEEN_AT] = time.time() - settings.SESSION_IDLE_LIMIT.total_seconds() - 1
    session.save()


def give_second_factor_earlier(page: Page, *, minutes: float) -> None:
    """Time went by since this browser's user gave their second factor: the server's record says so from now on."""
    session = _session_of(page)
    for record in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        record["at"] -= minutes * 60
    session.save()


def reload_near_the_end(page: Page) -> None:
    """The page that is open again, in a session that has less than two minutes to go: it warns."""
    # The page asks the server before it warns, so the limit has to last until then.
    with override_settings(SESSION_IDLE_LIMIT=timedelta(seconds=100)):
        page.reload()
        expect(page.get_by_role("heading", name="You are about to be signed out")).to_be_visible()


def enter_by_password(page: Page, user: User) -> None:
    """What a person does on the sign-in page that is open. Their app must hold tests.sessions.SECRET."""
    page.get_by_label("Username or e-mail address").fill(user.username)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Code from your authenticator app").fill(code_now())
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Sign out").first).to_be_attached()


def _session_of(page: Page) -> session_clock.SessionBase:
    (key,) = [
        cookie["value"] for cookie in page.context.cookies() if cookie["name"] == settings.SESSION_COOKIE_NAME
    ]
    store = import_module(settings.SESSION_ENGINE).SessionStore(key)
    assert store.exists(key)
    return store
