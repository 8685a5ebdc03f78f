"""Story 4 in a browser: a mentor drafts and submits, the lead approves, an edit makes a new draft beside the plan."""

from __future__ import annotations

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from audit.context import access_context
from crisis_plans.selectors import current_plan
from tests.browser.entering import enter
from tests.people import Cast, make_cast
from tests.plans import approved

pytestmark = pytest.mark.django_db(transaction=True)

FIXED = "This plan never limits emergency care. Assess the person on what is happening today."


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def plan_address(cast: Cast) -> str:
    return reverse("crisis_plans:plan", args=[cast.nora.pk])


def write_plan(page: Page) -> None:
    page.get_by_label("What helps me").fill("Speak slowly.\nLet me smoke outside.")
    page.get_by_label("The person’s own words").check()
    page.get_by_label("What to do").fill("Sit with me\nOffer tea")
    page.get_by_label("What makes it worse").fill("Being surrounded.")
    page.get_by_label("Who (1)").fill("Jo, my sister")
    page.get_by_label("Phone (1)").fill("07700 900123")
    page.get_by_label("Ambulance").fill("Ring the team on the way.")
    page.get_by_label("What a crisis looks like and what leads to it").fill("I stop answering my phone.")
    page.get_by_label("They took part").check()
    review_on = timezone.localdate() + dt.timedelta(days=60)
    review = page.get_by_role("group", name="Review date")
    for part, value in (("Day", review_on.day), ("Month", review_on.month), ("Year", review_on.year)):
        review.get_by_label(part).fill(str(value))


def test_plan_is_drafted_submitted_approved_and_changed(cast: Cast, phone: Page, laptop: Page) -> None:
    enter(phone, cast["amira"])
    phone.goto(plan_address(cast))
    expect(phone.get_by_text("There is no approved plan yet")).to_be_visible()
    phone.get_by_role("link", name="Write a plan").click()
    phone.get_by_role("button", name="Begin").click()
    write_plan(phone)
    phone.get_by_role("button", name="Save and go on to submit").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Submit version 1 for approval")
    phone.get_by_role("button", name="Submit for approval").click()
    expect(phone.get_by_text("Submitted. The clinical lead has been told.")).to_be_visible()

    enter(laptop, cast["lena"])
    laptop.goto(reverse("home"))
    laptop.get_by_role("link", name="Crisis response plan, version 1").click()
    expect(laptop.get_by_text("This is exactly what you approve.")).to_be_visible()
    expect(laptop.get_by_text("Being surrounded.")).to_be_visible()
    laptop.get_by_label("Approve this version").check()
    laptop.get_by_role("button", name="Save decision").click()
    expect(laptop.get_by_text("Version 1 is approved and is the plan now.")).to_be_visible()
    expect(laptop.get_by_text("approved by Lena Lund, clinical lead, NMC 99A0002E")).to_be_visible()

    phone.goto(plan_address(cast))
    phone.get_by_role("link", name="Change the plan").click()
    phone.get_by_role("button", name="Begin a new version").click()
    phone.get_by_label("What to do").fill("Sit with me\nOffer squash")
    phone.get_by_role("button", name="Save", exact=True).click()
    phone.get_by_role("link", name="What changed").click()
    expect(phone.get_by_role("deletion")).to_contain_text(["Offer tea"])
    expect(phone.get_by_role("insertion")).to_contain_text(["Offer squash"])
    phone.goto(plan_address(cast))
    expect(phone.get_by_text("Offer tea")).to_be_visible()
    expect(phone.get_by_text("the plan above stays as it is until the new one is approved")).to_be_visible()
    with access_context(route="tests.browser", is_system=True):
        current = current_plan(cast["amira"], cast.nora)
        assert current is not None
        assert current.number == 1


def test_what_is_typed_is_kept_on_the_server_and_found_again(cast: Cast, phone: Page, laptop: Page) -> None:
    enter(phone, cast["amira"])
    phone.goto(reverse("crisis_plans:plan_start", args=[cast.nora.pk]))
    phone.get_by_role("button", name="Begin").click()
    phone.get_by_label("About me").fill("I paint, and I look after")
    expect(phone.get_by_text("Draft saved")).to_be_visible(timeout=15_000)
    address = phone.url
    enter(laptop, cast["amira"])
    laptop.goto(address)
    expect(laptop.get_by_label("About me")).to_have_value("I paint, and I look after")


def test_plan_fits_the_first_screens_of_a_phone(cast: Cast, phone: Page) -> None:
    with access_context(route="tests.browser", is_system=True):
        approved(cast)
    enter(phone, cast["pete"])
    phone.goto(plan_address(cast))
    fixed = phone.get_by_text(FIXED).bounding_box()
    helps = phone.get_by_text("Speak slowly.").bounding_box()
    call = phone.get_by_role("link", name="07700 900123").bounding_box()
    assert fixed is not None
    assert helps is not None
    assert call is not None
    # What helps stands on the first screen, whom to call on the second at the latest.
    assert fixed["y"] < helps["y"] < 844
    assert call["y"] < 2 * 844
    assert call["height"] >= 24


def test_print_shows_the_plan_without_navigation_or_addresses(cast: Cast, laptop: Page) -> None:
    with access_context(route="tests.browser", is_system=True):
        approved(cast, disagreement="I do not want my mother to be rung.")
    enter(laptop, cast["amira"])
    laptop.goto(plan_address(cast))
    laptop.get_by_role("link", name="Print").click()
    laptop.emulate_media(media="print")
    for words in (FIXED, "Speak slowly.", "I do not want my mother to be rung.", "Nora Quill"):
        expect(laptop.get_by_text(words).first).to_be_visible()
    for hidden in ("Caseload", "Sign out", "Print this page with your browser"):
        expect(laptop.get_by_text(hidden).first).to_be_hidden()
    after = "Array.from(document.querySelectorAll('main a'), a => getComputedStyle(a, '::after').content)"
    assert set(laptop.evaluate(after)) == {"none"}
    colour = laptop.evaluate("getComputedStyle(document.querySelector('.app-emergency')).color")
    assert colour == "rgb(0, 0, 0)"
