"""Whatever happens while somebody writes – the session, the signal, the finger, a colleague – the text survives, once."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from cases.models import Contact, Patient
from tests.browser.conftest import LAPTOP, PHONE, PageAt
from tests.browser.entering import end_session, enter, enter_by_password
from tests.contact_log import looking
from tests.people import Cast, make_cast
from tests.sessions import give_app

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "She rang from the bus. We agreed to meet on Friday, at hers."
ACCOUNT = "What was said and done"
SAVED = re.compile("Draft saved")


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    cache.clear()
    return make_cast()


def start_a_contact(page: Page, cast: Cast, text: str = TEXT) -> None:
    enter(page, cast["amira"], log_of(cast))
    page.get_by_label("Met the person").check()
    page.get_by_label(ACCOUNT).fill(text)


def log_of(cast: Cast) -> str:
    return f"/patients/{cast.nora.pk}/contacts/new/"


def save(page: Page) -> None:
    page.get_by_role("button", name="Save contact").click()


def accounts() -> list[str]:
    """What the contacts on record say."""
    with looking():
        return [contact.account for contact in Contact.objects.order_by("created_at")]


def test_session_over_without_scripts_keeps_the_text_for_its_writer(cast: Cast, page_at: PageAt) -> None:
    give_app(cast["amira"])
    phone = page_at(PHONE, scripts=False)
    start_a_contact(phone, cast)
    end_session(phone)
    save(phone)
    expect(phone.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert accounts() == []

    somebody = page_at(PHONE, scripts=False)
    enter(somebody, cast["cal"], "/account/kept-text/")
    assert TEXT not in somebody.content()

    enter_by_password(phone, cast["amira"])
    expect(phone.get_by_role("main")).to_contain_text("Your text is still here")
    expect(phone.get_by_role("main")).to_contain_text(TEXT)
    phone.get_by_role("button", name="Save it now").click()
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    assert accounts() == [TEXT]


def test_session_over_with_scripts_says_so_and_carries_on_after_sign_in(cast: Cast, phone: Page) -> None:
    start_a_contact(phone, cast)
    expect(phone.locator("[data-draft-status]")).to_have_text(SAVED, timeout=10_000)
    end_session(phone)
    phone.get_by_label(ACCOUNT).fill(f"{TEXT} And the dog.")
    expect(phone.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=10_000)
    expect(phone.locator("[data-draft-status]")).to_contain_text("You have been signed out")
    expect(phone.locator("[name=account]")).to_have_value(f"{TEXT} And the dog.")

    # The open page notices by itself, or asks when it is looked at again.
    enter(phone.context.new_page(), cast["amira"])
    phone.bring_to_front()
    expect(phone.get_by_role("heading", name="You have been signed out")).to_be_hidden()
    expect(phone.locator("[data-draft-status]")).to_have_text(SAVED, timeout=10_000)
    save(phone)
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    assert accounts() == [f"{TEXT} And the dog."]


def test_somebody_else_signing_in_does_not_get_the_open_page(cast: Cast, phone: Page) -> None:
    start_a_contact(phone, cast)
    end_session(phone)
    expect(phone.get_by_role("heading", name="You have been signed out")).to_be_visible(timeout=10_000)
    enter(phone.context.new_page(), cast["pete"])
    phone.bring_to_front()
    phone.get_by_role("button", name="I have signed in").click()
    expect(phone.get_by_text("Somebody else is signed in in this browser")).to_be_visible()
    expect(phone.get_by_role("heading", name="You have been signed out")).to_be_visible()
    assert accounts() == []


def test_draft_waits_for_who_comes_back(cast: Cast, phone: Page) -> None:
    start_a_contact(phone, cast)
    expect(phone.locator("[data-draft-status]")).to_have_text(SAVED, timeout=10_000)
    phone.goto("/drafts/")
    expect(phone.get_by_role("main")).to_contain_text(cast.nora.reference)
    phone.goto(log_of(cast))
    expect(phone.get_by_label(ACCOUNT)).to_have_value(TEXT)
    expect(phone.get_by_label("Met the person")).to_be_checked()
    save(phone)
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    phone.goto("/drafts/")
    assert cast.nora.reference not in phone.get_by_role("main").inner_text()
    assert accounts() == [TEXT]


def test_leaving_at_once_keeps_what_was_typed(cast: Cast, phone: Page) -> None:
    start_a_contact(phone, cast)
    phone.get_by_role("link", name="Cancel").click()
    phone.wait_for_url(f"**/patients/{cast.nora.pk}/")
    expect(phone.get_by_role("main")).to_be_visible()
    for _until_the_draft_has_arrived in range(20):
        phone.goto(log_of(cast))
        if phone.get_by_label(ACCOUNT).input_value():
            break
        phone.wait_for_timeout(250)
    expect(phone.get_by_label(ACCOUNT)).to_have_value(TEXT)


def test_draft_button_keeps_the_text_without_scripts(cast: Cast, page_at: PageAt) -> None:
    phone = page_at(PHONE, scripts=False)
    start_a_contact(phone, cast)
    phone.get_by_role("button", name="Save draft").click()
    expect(phone.get_by_role("main")).to_contain_text("Draft saved")
    phone.goto(log_of(cast))
    expect(phone.get_by_label(ACCOUNT)).to_have_value(TEXT)
    assert accounts() == []


def test_no_signal_says_so_keeps_the_page_and_saves_later(cast: Cast, phone: Page) -> None:
    enter(phone, cast["amira"], log_of(cast))
    phone.context.set_offline(True)
    phone.get_by_label("Met the person").check()
    phone.get_by_label(ACCOUNT).fill(TEXT)
    status = phone.locator("[data-draft-status]")
    expect(status).to_have_text("Not saved – no signal", timeout=10_000)
    save(phone)
    expect(status).to_contain_text("Keep this page open and try again")
    expect(phone.get_by_label(ACCOUNT)).to_have_value(TEXT)

    phone.context.set_offline(False)
    expect(status).to_have_text(SAVED, timeout=15_000)
    save(phone)
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    assert accounts() == [TEXT]


def test_leaving_without_signal_is_asked_about(cast: Cast, phone: Page) -> None:
    enter(phone, cast["amira"], log_of(cast))
    phone.context.set_offline(True)
    phone.get_by_label(ACCOUNT).press_sequentially("Half a")
    asked: list[str] = []
    phone.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    phone.get_by_role("link", name="Cancel").click(no_wait_after=True)
    expect(phone.get_by_label(ACCOUNT)).to_have_value("Half a")
    assert asked == ["beforeunload"]
    phone.context.set_offline(False)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_double_click_on_save_makes_one_contact(cast: Cast, page_at: PageAt, scripts: bool) -> None:
    phone = page_at(PHONE, scripts=scripts)
    start_a_contact(phone, cast)
    phone.get_by_role("button", name="Save contact").dblclick()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Met the person")
    assert accounts() == [TEXT]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_going_back_and_saving_again_makes_no_second_contact(
    cast: Cast, page_at: PageAt, scripts: bool
) -> None:
    phone = page_at(PHONE, scripts=scripts)
    start_a_contact(phone, cast)
    save(phone)
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    phone.go_back()
    save(phone)
    expect(phone.get_by_role("heading", level=1)).to_be_visible()
    assert accounts() == [TEXT]


def test_two_people_editing_one_person_see_both_texts(cast: Cast, page_at: PageAt) -> None:
    address = f"/patients/{cast.nora.pk}/edit/"
    amira, cal = page_at(PHONE), page_at(LAPTOP)
    enter(amira, cast["amira"], address)
    enter(cal, cast["cal"], address)
    amira.get_by_label("Access needs").fill("Rings the bell twice; wait for her.")
    amira.get_by_role("button", name="Save details").click()
    expect(amira.get_by_role("main")).to_contain_text("Details saved.")

    cal.get_by_label("Access needs").fill("Third floor, no lift.")
    cal.get_by_role("button", name="Save details").click()
    told = cal.get_by_role("main")
    expect(told).to_contain_text("Somebody else saved this while you were writing")
    expect(told).to_contain_text("Rings the bell twice; wait for her.")
    expect(told).to_contain_text("Third floor, no lift.")
    cal.get_by_label("Use what I typed").check()
    cal.get_by_role("button", name="Save my choices").click()
    expect(cal.get_by_role("main")).to_contain_text("Details saved.")
    with looking():
        assert Patient.objects.get(pk=cast.nora.pk).access_needs == "Third floor, no lift."


HOSTILE = (
    '<script>document.title = "taken"</script><img src="/x" onerror="document.title = \'taken\'">\n'
    "</textarea></main>{{ 7 * 7 }}{% raw %} &amp; \u202egnp.exe\u202c \U0001f469\u200d\U0001f4bb e\u0301 \u0645\u0631\u062d\u0628\u0627\n"
)


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE + "and on and on " * 7200], ids=["short", "100 kB"])
def test_hostile_text_is_stored_as_typed_and_shown_inert(cast: Cast, phone: Page, text: str) -> None:
    start_a_contact(phone, cast, text)
    save(phone)
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    contact = phone.url
    assert accounts() == [text]
    for address in (contact, f"/patients/{cast.nora.pk}/", f"{contact}change/"):
        phone.goto(address)
        assert "taken" not in phone.title()
        assert phone.locator("main img[src='/x'], main script").count() == 0
        if not address.endswith("change/"):
            expect(phone.get_by_role("main")).to_contain_text('<script>document.title = "taken"</script>')
            expect(phone.get_by_role("main")).to_contain_text("{{ 7 * 7 }}{% raw %} &amp;")
    expect(phone.get_by_label(ACCOUNT)).to_have_value(text)


STORED = """async () => ({
  local: {...localStorage},
  session: {...sessionStorage},
  databases: (await indexedDB.databases()).map((database) => database.name),
  caches: await caches.keys(),
  workers: (await navigator.serviceWorker.getRegistrations()).length,
  readableCookies: document.cookie,
})"""


def test_nothing_of_a_days_work_stays_in_the_browser(cast: Cast, phone: Page) -> None:
    start_a_contact(phone, cast)
    expect(phone.locator("[data-draft-status]")).to_have_text(SAVED, timeout=10_000)
    save(phone)
    record = f"/patients/{cast.nora.pk}/"
    for address in ("/caseload/?scope=team", record, f"{record}timeline/", f"{record}edit/", "/find/", "/"):
        phone.goto(address)
        answer = phone.request.get(address)
        assert "no-store" in answer.headers["cache-control"], address
    stored = phone.evaluate(STORED)
    assert stored == {
        "local": {},
        "session": {},
        "databases": [],
        "caches": [],
        "workers": 0,
        "readableCookies": "",
    }
