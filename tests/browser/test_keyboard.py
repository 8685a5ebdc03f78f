"""The main job without touching a mouse, and always seeing where one is."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.browser.entering import enter, reload_near_the_end
from tests.people import PASSWORD, Cast, make_cast
from tests.sessions import code_now, give_app

pytestmark = pytest.mark.django_db(transaction=True)

# What is drawn around or under the part that has the focus: an outline, a shadow or a change of background.
RING = """() => {
  const style = getComputedStyle(document.activeElement);
  return {
    name: document.activeElement.outerHTML.slice(0, 80),
    isSeen: document.activeElement.matches(":focus-visible"),
    isDrawn: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
  };
}"""


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cache.clear()
    return make_cast()


def focused(page: Page) -> str:
    """What a screen reader would say of the part that has the focus."""
    return str(
        page.evaluate(
            """() => {
              const part = document.activeElement;
              const label = part.labels && part.labels[0];
              return (label ? label.innerText : part.innerText || part.value || "").trim();
            }"""
        )
    )


def tab_to(page: Page, words: str, *, limit: int = 60) -> None:
    """Press Tab until the part with these words has the focus; a person gives up some time."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if words in focused(page):
            ring = page.evaluate(RING)
            assert ring["isSeen"] and ring["isDrawn"], (
                f"one cannot see that this has the focus: {ring['name']}"
            )
            return
    pytest.fail(f"Tab does not lead to {words!r} on {page.url}")


def test_sign_in_find_open_log_and_save_by_keyboard_alone(cast: Cast, laptop: Page) -> None:
    give_app(cast["amira"])
    laptop.goto("/account/login/")
    tab_to(laptop, "Username or e-mail address")
    laptop.keyboard.type("amira")
    tab_to(laptop, "Password")
    laptop.keyboard.type(PASSWORD)
    laptop.keyboard.press("Enter")
    laptop.wait_for_url("**/2fa/**")
    tab_to(laptop, "Code from your authenticator app")
    laptop.keyboard.type(code_now())
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_role("heading", level=1)).to_have_text("What waits for you")

    tab_to(laptop, "Find or register")
    laptop.keyboard.press("Enter")
    laptop.wait_for_url("**/find/")
    tab_to(laptop, "Name, reference or NHS number")
    laptop.keyboard.type("quill")
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_role("link", name="Nora Quill")).to_be_visible()
    tab_to(laptop, "Nora Quill")
    laptop.keyboard.press("Enter")
    laptop.wait_for_url("**/patients/*/")
    tab_to(laptop, "Log a contact")
    laptop.keyboard.press("Enter")
    laptop.wait_for_url("**/contacts/new/")

    tab_to(laptop, "Met the person")
    laptop.keyboard.press("Space")
    tab_to(laptop, "What was said and done")
    laptop.keyboard.type("We planted beans.")
    laptop.keyboard.press("Control+Enter")
    expect(laptop.get_by_role("main")).to_contain_text("Contact saved.")
    expect(laptop.get_by_role("main")).to_contain_text("We planted beans.")


def test_first_tab_offers_to_skip_to_the_content(cast: Cast, laptop: Page) -> None:
    enter(laptop, cast["amira"], "/caseload/")
    laptop.keyboard.press("Tab")
    skip = laptop.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_role("main")).to_be_focused()
    laptop.keyboard.press("Tab")
    assert laptop.evaluate("document.activeElement.closest('main') !== null")


def test_errors_take_the_focus_and_lead_to_their_fields(cast: Cast, laptop: Page) -> None:
    enter(laptop, cast["amira"], f"/patients/{cast.nora.pk}/contacts/new/")
    tab_to(laptop, "What was said and done")
    laptop.keyboard.press("Control+Enter")
    expect(laptop).to_have_title(re.compile("^Error: "))
    summary = laptop.locator(".nhsuk-error-summary")
    expect(summary).to_be_focused()
    laptop.keyboard.press("Tab")
    expect(laptop.get_by_role("link", name="Choose what came of it")).to_be_focused()
    laptop.keyboard.press("Tab")
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_label("What was said and done")).to_be_focused()


def test_everything_on_the_record_shows_when_it_has_the_focus(cast: Cast, laptop: Page) -> None:
    enter(laptop, cast["amira"], f"/patients/{cast.nora.pk}/")
    unseen, stops = [], 0
    while stops < 80:
        laptop.keyboard.press("Tab")
        if laptop.evaluate("document.activeElement === document.body"):
            break
        stops += 1
        ring = laptop.evaluate(RING)
        if not (ring["isSeen"] and ring["isDrawn"]):
            unseen.append(ring["name"])
    assert stops > 10
    assert not unseen


def test_dialog_before_the_end_of_the_session_holds_the_focus_and_escape_stays_signed_in(
    cast: Cast, laptop: Page
) -> None:
    enter(laptop, cast["amira"])
    reload_near_the_end(laptop)
    heading = laptop.get_by_role("heading", name="You are about to be signed out")
    expect(heading).to_be_focused()
    for _ in range(4):
        laptop.keyboard.press("Tab")
        assert laptop.evaluate(
            "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        )
    laptop.keyboard.press("Escape")
    expect(heading).to_be_hidden()
    laptop.reload()
    expect(laptop.get_by_role("heading", level=1)).to_have_text("What waits for you")
    expect(heading).to_be_hidden()
