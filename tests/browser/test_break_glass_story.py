"""Break-glass in a browser, one hand at night: asked for, read under a banner, ended, reviewed; nothing leaves the origin."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from audit.context import access_context
from tests.browser.entering import enter
from tests.people import Cast, make_cast
from tests.plans import approved

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def ask_for(page: Page, cast: Cast, year: str) -> None:
    page.goto(reverse("cases:find"))
    page.get_by_role("link", name="Break-glass").click()
    page.get_by_label("By full name and date of birth").check()
    page.get_by_label("Full name", exact=True).fill("nora quill")
    born = page.get_by_role("group", name="Date of birth").last
    for part, value in (("Day", "3"), ("Month", "2"), ("Year", year)):
        born.get_by_label(part).fill(value)
    page.get_by_label("The person is in crisis and in contact with me now").check()
    page.get_by_label("Why do you need this record?").fill("The crisis line has put them through to me.")
    page.get_by_role("button", name="Open the record").click()


def test_a_clinician_of_another_team_reads_the_plan_at_night_and_the_lead_reviews_it(
    cast: Cast, phone: Page, laptop: Page
) -> None:
    with access_context(route="tests.browser", is_system=True):
        approved(cast)
    enter(phone, cast["sol"])
    ask_for(phone, cast, "1991")
    expect(phone.get_by_text("What you entered must match one record exactly")).to_be_visible()
    # What was typed is still there: only the year was wrong.
    phone.get_by_label("Year").last.fill("1990")
    phone.get_by_role("button", name="Open the record").click()

    banner = phone.get_by_role("region", name="Break-glass")
    expect(banner).to_contain_text("59 minutes left")
    expect(phone.get_by_text("Speak slowly.")).to_be_visible()
    expect(phone.get_by_role("link", name="Log a contact")).to_have_count(0)
    helps = phone.get_by_text("Speak slowly.").bounding_box()
    assert helps is not None and helps["y"] < 844, "what helps stands on the first screen, banner and all"
    phone.get_by_role("link", name="The whole crisis response plan").click()
    expect(banner).to_be_visible()
    record = reverse("patient_record", args=[cast.nora.pk])
    banner.get_by_role("button", name="End now").click()
    expect(phone.get_by_text("Break-glass ended. The record is closed.")).to_be_visible()
    assert phone.goto(record).status == 404  # type: ignore[union-attr]

    enter(laptop, cast["lena"])
    laptop.goto("/")
    laptop.get_by_role("link", name="Break-glass by Sol Sorrel").click()
    expect(laptop.get_by_text("The crisis line has put them through to me.")).to_be_visible()
    expect(laptop.get_by_text("Opened the crisis response plan")).to_be_visible()
    laptop.get_by_label("Appropriate", exact=True).check()
    laptop.get_by_label("What did you find, and what follows from it?").fill("It was needed.")
    laptop.get_by_role("button", name="Save the review").click()
    expect(laptop.get_by_text("No break-glass waits for a review.")).to_be_visible()


def test_when_the_time_is_over_the_record_leaves_the_screen(cast: Cast, phone: Page) -> None:
    enter(phone, cast["sol"])
    phone.clock.install(time=dt.datetime.now(dt.UTC))
    ask_for(phone, cast, "1990")
    banner = phone.get_by_role("region", name="Break-glass", exact=True)
    expect(banner).to_contain_text("59 minutes left")
    phone.clock.fast_forward("30:00")
    expect(banner).to_contain_text("29 minutes left")
    phone.clock.fast_forward("31:00")
    phone.wait_for_url("**/")
    expect(phone.get_by_role("heading", level=1)).to_have_text("What waits for you")
    expect(banner).to_have_count(0)
    # This telephone's clock is an hour fast: by the server's the record is open, and home leads back to it.
    expect(phone.get_by_role("heading", name="Open by break-glass")).to_be_visible()


def test_it_works_without_scripts(cast: Cast, page_at: object) -> None:
    page: Page = page_at(390, scripts=False)  # type: ignore[operator]
    enter(page, cast["sol"])
    ask_for(page, cast, "1990")
    expect(page.get_by_role("region", name="Break-glass")).to_contain_text("59 minutes left")
    page.get_by_role("button", name="End now").click()
    expect(page.get_by_text("Break-glass ended. The record is closed.")).to_be_visible()
