"""An alert's life in a browser: an IG officer asks, the worker answers on a phone, the officer decides and closes."""

from __future__ import annotations

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from audit.alerts.detection import detect
from audit.context import access_context
from tests.alerts import decided_alert
from tests.browser.entering import enter
from tests.people import Cast, make_cast, make_patient
from tests.sessions import code_now, give_app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Cal opens the record of a namesake."""
    made = make_cast()
    give_app(made["ivy"])
    detect()
    return made


def test_an_officer_asks_the_worker_answers_on_a_phone_and_the_officer_closes(
    cast: Cast, phone: Page, laptop: Page
) -> None:
    with access_context(route="tests", is_system=True):
        namesake = make_patient(
            cast.north, cast["cal"], cast["pete"], given_name="Mary", family_name="Carrow"
        )
    enter(phone, cast["cal"])
    phone.goto(reverse("patient_record", args=[namesake.pk]))
    expect(phone.get_by_role("heading", level=1)).to_be_visible()
    detect()

    enter(laptop, cast["ivy"])
    laptop.get_by_role("link", name="Same surname: Cal Carrow").click()
    expect(laptop.get_by_text("A surname on it is theirs.")).to_be_visible()
    expect(laptop.get_by_text("Cal Carrow opened the patient record")).to_be_visible()
    laptop.get_by_role("button", name="Ask the worker").click()
    laptop.get_by_label("Your question").fill("Is this person a relative of yours?")
    laptop.get_by_role("button", name="Send the question").click()
    expect(laptop.get_by_text("Cal Carrow has been asked.")).to_be_visible()
    expect(laptop.get_by_text("Waiting for an answer")).to_be_visible()

    phone.goto(reverse("home"))
    phone.get_by_role("link", name="You have been asked about a record you opened on").click()
    expect(phone.get_by_text("Is this person a relative of yours?")).to_be_visible()
    expect(phone.get_by_text(f"It is about {namesake.reference}.")).to_be_visible()
    phone.get_by_role("button", name="Send my answer").click()
    expect(phone.get_by_text("Write your answer").first).to_be_visible()
    phone.get_by_label("Your answer").fill("No. Carrow is a common name here; I am her mentor.")
    phone.get_by_role("button", name="Send my answer").click()
    expect(phone.get_by_text("Thank you. Your answer has been handed on.")).to_be_visible()
    phone.goto(reverse("home"))
    expect(phone.get_by_text("You have been asked about")).to_have_count(0)

    laptop.goto(reverse("home"))
    laptop.get_by_role("link", name="Same surname: Cal Carrow").click()
    expect(laptop.get_by_text("I am her mentor.")).to_be_visible()
    laptop.get_by_role("button", name="Record what it was").click()
    laptop.get_by_label("Appropriate", exact=True).check()
    laptop.get_by_label("Why, and what follows").fill("Not related; on her case team.")
    laptop.get_by_role("button", name="Record it").click()
    laptop.get_by_role("button", name="Close the alert").click()
    laptop.get_by_role("button", name="Close the alert").click()
    expect(laptop.get_by_text("The alert is closed.")).to_be_visible()
    laptop.goto(reverse("audit:alerts"))
    expect(laptop.get_by_text("No alert fits these filters.")).to_be_visible()
    expect(laptop.get_by_text("0 of 1 (0%)")).to_be_visible()


def test_closing_asks_for_the_second_factor_again_and_goes_on_where_it_was(cast: Cast, laptop: Page) -> None:
    alert = decided_alert(cast)
    enter(laptop, cast["ivy"], reverse("audit:alert", args=[alert.pk]), minutes_ago=10)
    laptop.get_by_role("button", name="Close the alert").click()
    expect(laptop.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    laptop.locator('main [name="code"]').fill(code_now())
    laptop.get_by_role("button", name="Continue").click()
    laptop.get_by_role("button", name="Close the alert").click()
    expect(laptop.get_by_text("The alert is closed.")).to_be_visible()
