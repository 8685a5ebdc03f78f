"""Giving the second factor again as somebody does it: with a code, with a passkey, late, twice, and going back."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from accounts.models import HeldSubmission, Membership
from tests.browser.conftest import PHONE, PageAt
from tests.browser.entering import enter, give_second_factor_earlier
from tests.browser.test_sign_in import plug_in_key
from tests.people import Cast, make_cast
from tests.sessions import code_now, give_app

pytestmark = pytest.mark.django_db(transaction=True)

EXPORT = re.compile(r":\d+/trail/export/$")
HEADING = "Confirm that it is you"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cache.clear()
    return make_cast()


def give_code(page: Page, code: str = "") -> None:
    expect(page.get_by_role("heading", name=HEADING)).to_be_visible()
    page.get_by_label("Code from your authenticator app").fill(code or code_now())
    page.get_by_role("button", name="Continue", exact=True).click()


def fill_in_export(page: Page) -> None:
    for end, day in (("since", "1"), ("until", "2")):
        for part, value in (("day", day), ("month", "11"), ("year", "2026")):
            page.locator(f'[name="{end}_{part}"]').fill(value)
    page.locator('[name="reason"]').fill("Complaint 7, asked by the board")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_code_leads_on_to_the_page_that_was_asked_for(
    page_at: PageAt, cast: Cast, width: int, scripts: bool
) -> None:
    give_app(cast["ivy"])
    page = page_at(width, scripts=scripts)
    enter(page, cast["ivy"], "/trail/", minutes_ago=10)
    page.get_by_role("link", name="Export").first.click()
    give_code(page, "000000")
    expect(page.locator(".nhsuk-error-message")).to_contain_text("The code is wrong or was used before")
    give_code(page)
    expect(page).to_have_url(EXPORT)
    expect(page.get_by_role("button", name="Download the file")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_passkey_leads_on_to_the_page_that_was_asked_for(page_at: PageAt, cast: Cast, width: int) -> None:
    page = page_at(width)
    plug_in_key(page)
    enter(page, cast["ivy"], "/account/2fa/webauthn/add/")
    with page.expect_navigation():
        page.get_by_role("button", name="Add this key").click()
    give_second_factor_earlier(page, minutes=10)
    page.goto("/trail/export/")
    expect(page.get_by_role("heading", name=HEADING)).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(EXPORT)


def test_passkey_of_somebody_else_is_refused_on_the_same_page(phone: Page, cast: Cast) -> None:
    """The browser finds none that fits and says so; the page stays, and a code still works."""
    plug_in_key(phone)
    enter(phone, cast["ivy"], "/account/2fa/webauthn/add/")
    with phone.expect_navigation():
        phone.get_by_role("button", name="Add this key").click()
    give_second_factor_earlier(phone, minutes=10)
    phone.goto("/trail/export/")
    phone.evaluate("document.getElementById('id_credential').value = '{}'")
    with phone.expect_navigation():
        phone.evaluate("document.getElementById('id_credential').form.submit()")
    expect(phone.get_by_text("The passkey was not accepted")).to_be_visible()
    phone.get_by_role("button", name="Use a passkey").click()
    expect(phone).to_have_url(EXPORT)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_text_sent_too_late_is_sent_after_confirming(page_at: PageAt, cast: Cast, scripts: bool) -> None:
    give_app(cast["ivy"])
    page = page_at(PHONE, scripts=scripts)
    enter(page, cast["ivy"], "/trail/export/")
    fill_in_export(page)
    give_second_factor_earlier(page, minutes=10)
    page.get_by_role("button", name="Download the file").click()
    expect(page.get_by_text("Nothing has been done yet. What you typed is kept.")).to_be_visible()
    give_code(page)
    expect(page.get_by_role("heading", name="You were asked to confirm")).to_be_visible()
    expect(page.get_by_text("Complaint 7, asked by the board")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Send it now").click()
    assert download.value.suggested_filename.startswith("trail-")
    assert not HeldSubmission.objects.exists()


def test_double_click_and_going_back_do_no_harm(laptop: Page, cast: Cast) -> None:
    give_app(cast["tess"])
    membership = Membership.objects.get(user=cast["cal"])
    address = f"/people/{cast['cal'].pk}/roles/{membership.pk}/end/"
    enter(laptop, cast["tess"], f"/people/{cast['cal'].pk}/", minutes_ago=10)
    laptop.goto(address)
    laptop.get_by_label("Code from your authenticator app").fill(code_now())
    laptop.get_by_role("button", name="Continue", exact=True).dblclick()
    expect(laptop).to_have_url(re.compile(f"{address}$"))
    laptop.go_back()
    expect(laptop.get_by_text("The code is wrong")).not_to_be_visible()
    laptop.goto(address)
    expect(laptop.get_by_role("heading", name=HEADING)).not_to_be_visible()
    membership.refresh_from_db()
    assert membership.ended_at is None
