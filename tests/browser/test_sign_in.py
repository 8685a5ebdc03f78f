"""Signing in as somebody does it: password and code, first set-up, a passkey alone, and text over a lost session."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import HeldSubmission, Session
from tests.browser.conftest import PageAt
from tests.browser.entering import end_session, enter, enter_by_password
from tests.people import PASSWORD, Cast, make_cast
from tests.sessions import code_now, give_app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cache.clear()
    return make_cast()


def give_password(page: Page, name: str) -> None:
    page.goto("/account/login/")
    page.get_by_label("Username or e-mail address").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def plug_in_key(page: Page) -> None:
    """Chromium's virtual authenticator: a phone that knows its owner."""
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    browser.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_password_and_code_lead_home(page_at: PageAt, cast: Cast, width: int) -> None:
    give_app(cast["amira"])
    page = page_at(width)
    page.goto("/account/login/")
    enter_by_password(page, cast["amira"])
    expect(page).to_have_url(re.compile(r":\d+/$"))


def test_wrong_code_is_told_at_the_field(phone: Page, cast: Cast) -> None:
    give_app(cast["amira"])
    give_password(phone, "amira")
    phone.get_by_label("Code from your authenticator app").fill("000000")
    phone.get_by_role("button", name="Sign in", exact=True).click()
    expect(phone.locator(".nhsuk-error-message")).to_contain_text("The code is wrong or was used before")


def test_first_sign_in_sets_up_an_app_and_shows_recovery_codes(phone: Page, cast: Cast) -> None:
    give_password(phone, "amira")
    expect(phone.get_by_role("heading", name="Set up your authenticator app")).to_be_visible()
    key = phone.locator(".app-secret").inner_text()
    assert Session.objects.filter(user=cast["amira"]).exists()
    phone.get_by_label("Code from your authenticator app").fill(code_now(secret=key))
    phone.get_by_role("button", name="Turn it on").click()
    expect(phone).to_have_url(re.compile("/account/2fa/recovery-codes/$"))
    phone.goto("/account/profile/")
    expect(phone.get_by_role("heading", name="Your account")).to_be_visible()


def test_passkey_is_added_and_then_signs_in_alone(phone: Page, cast: Cast) -> None:
    plug_in_key(phone)
    give_password(phone, "amira")
    phone.get_by_role("link", name="Use a passkey or security key instead").click()
    phone.get_by_label("Let this key sign me in without a password").check()
    phone.get_by_role("button", name="Add this key").click()
    expect(phone).to_have_url(re.compile("/account/2fa/recovery-codes/$"))
    phone.goto("/account/profile/")
    phone.get_by_role("button", name="Sign out").first.click()
    phone.goto("/account/login/")
    phone.get_by_role("button", name="Sign in with a passkey").click()
    expect(phone).to_have_url(re.compile(r":\d+/$"))
    phone.goto("/account/profile/")
    expect(phone.get_by_text("amira@example.org")).to_be_visible()


def test_text_sent_after_the_end_of_the_session_is_saved_after_signing_in_without_javascript(
    browser: Browser, live_server: LiveServer, cast: Cast
) -> None:
    give_app(cast["oona"])
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    enter(page, cast["oona"], "/organisations/add/")
    page.get_by_label("Name").fill("Eastfen Mental Health Trust")
    page.get_by_label("NHS trust").check()
    end_session(page)
    page.get_by_role("button", name="Add the organisation").click()
    enter_by_password(page, cast["oona"])
    expect(page.get_by_role("heading", name="Your text is still here")).to_be_visible()
    expect(page.get_by_text("Eastfen Mental Health Trust")).to_be_visible()
    page.get_by_role("button", name="Save it now").click()
    expect(page.get_by_text("Eastfen Mental Health Trust was added.")).to_be_visible()
    assert not HeldSubmission.objects.exists()
    context.close()
