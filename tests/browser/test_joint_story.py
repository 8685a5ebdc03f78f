"""The main job, told on a phone: a joint team mentors Nora, and her record answers for who has looked at it."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from audit.context import access_context
from crisis_plans.selectors import current_plan
from crisis_plans.services import announce_review
from reminders import ticks
from tests.browser.entering import enter
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)

CLINICAL = "Sertraline raised to 100 mg, sleeps better"
BY_AMIRA = "Nora showed me the allotment. We talked about the bus home."
BY_PETE = "Nora was waiting outside with the dog and wanted to talk."
REVIEW = "Review the crisis response plan of"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def test_a_joint_team_does_its_main_job_and_the_trail_tells_it(cast: Cast, phone: Page) -> None:
    record = f"/patients/{cast.nora.pk}/"
    amira_logs_a_contact(cast, phone)
    contact = phone.url
    pete_logs_one_too_and_meets_no_clinical_text(cast, phone, record, contact)
    amira_writes_a_plan_and_submits_it(cast, phone, record)
    lena_approves_it(cast, phone)
    the_review_reminds_mentor_and_lead_once(cast, phone)
    sol_of_the_other_team_learns_nothing(cast, phone, record)
    ivy_reads_all_of_it_on_the_trail(cast, phone)


def amira_logs_a_contact(cast: Cast, phone: Page) -> None:
    enter(phone, cast["amira"])
    phone.get_by_role("button", name="Caseload").click()
    row = phone.get_by_role("main")
    expect(row).to_contain_text(cast.nora.reference)
    phone.get_by_role("link", name="Nora Quill").click()
    expect(phone.get_by_role("main")).to_contain_text("No contacts yet")

    phone.get_by_role("button", name="Log a contact").click()
    phone.get_by_label("Met the person").check()
    phone.get_by_label("What was said and done").fill(BY_AMIRA)
    phone.get_by_text("Add a clinical-only note").click()
    phone.get_by_label("Clinical-only note").fill(CLINICAL)
    phone.get_by_role("button", name="Save contact").click()
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    expect(phone.get_by_role("main")).to_contain_text(CLINICAL)
    contact = phone.url

    phone.get_by_role("link", name="Nora Quill").click()
    told = phone.get_by_role("list", name=re.compile("newest first"))
    expect(told).to_contain_text(BY_AMIRA)
    phone.goto(contact)


def pete_logs_one_too_and_meets_no_clinical_text(cast: Cast, phone: Page, record: str, contact: str) -> None:
    enter(phone, cast["pete"], record)
    phone.get_by_role("button", name="Log a contact").click()
    expect(phone.get_by_label("Clinical-only note")).to_have_count(0)
    phone.get_by_label("Met the person").check()
    phone.get_by_label("Facts: what was said and done").fill(BY_PETE)
    phone.get_by_role("button", name="Save contact").click()
    expect(phone.get_by_role("main")).to_contain_text("Contact saved.")
    own = phone.url

    pages = [record, f"{record}timeline/", contact, f"{contact}change/", f"{contact}addendum/", own]
    for address in [*pages, f"{own}change/", f"{record}plan/", "/caseload/", "/drafts/", "/"]:
        phone.goto(address)
        assert "Sertraline" not in phone.content(), address
    phone.goto(f"{record}timeline/")
    told = phone.get_by_role("main")
    expect(told).to_contain_text(BY_AMIRA)
    expect(told).to_contain_text(BY_PETE)


def amira_writes_a_plan_and_submits_it(cast: Cast, phone: Page, record: str) -> None:
    enter(phone, cast["amira"], record)
    phone.get_by_role("link", name="Crisis response plan").click()
    phone.get_by_role("link", name="Write a plan").click()
    phone.get_by_role("main").get_by_role("button").first.click()
    phone.get_by_label("What helps me").fill("Speak slowly.\nLet me sit by the door.")
    phone.get_by_label("The person’s own words").check()
    phone.get_by_label("What to do").fill("Offer tea\nSit down as well")
    phone.get_by_label("What makes it worse").fill("Being surrounded.")
    phone.get_by_label("Who (1)").fill("Jo, my sister")
    phone.get_by_label("Phone (1)").fill("07700 900123")
    phone.get_by_label("Ambulance").fill("Ring the team on the way.")
    phone.get_by_label("What a crisis looks like and what leads to it").fill("I stop answering my phone.")
    phone.get_by_label("About me").fill("I paint and I look after two rabbits.")
    phone.get_by_label("They took part").first.check()
    review = timezone.localdate() + dt.timedelta(days=60)
    group = phone.get_by_role("group", name="Review date")
    for part, value in {"Day": review.day, "Month": review.month, "Year": review.year}.items():
        group.get_by_label(part).fill(str(value))
    phone.get_by_role("button", name="Save and go on to submit").click()
    phone.get_by_role("button", name="Submit for approval").click()
    expect(phone.get_by_role("main")).to_contain_text("Submitted. The clinical lead has been told.")


def lena_approves_it(cast: Cast, phone: Page) -> None:
    ticks.tick("worker")
    enter(phone, cast["lena"], "/notifications/")
    phone.get_by_role("link", name=re.compile("crisis response plan")).first.click()
    expect(phone.get_by_role("main")).to_contain_text("This is exactly what you approve.")
    expect(phone.get_by_role("main")).to_contain_text("Let me sit by the door.")
    phone.get_by_label("Approve this version").check()
    phone.get_by_role("button", name="Save decision").click()
    expect(phone.get_by_role("main")).to_contain_text("Let me sit by the door.")
    expect(phone.get_by_role("main")).to_contain_text("review by")


def the_review_reminds_mentor_and_lead_once(cast: Cast, phone: Page) -> None:
    with access_context(route="tests", is_system=True):
        version = current_plan(cast["lena"], cast.nora)
        assert version is not None
        announce_review(version=version, at=timezone.now())
    for _doorbell_rings_again in range(2):
        ticks.tick("worker")
    for name in ("amira", "lena"):
        enter(phone, cast[name], "/notifications/")
        told = phone.get_by_role("listitem").filter(has_text=REVIEW)
        expect(told).to_have_count(1)
        expect(told).to_contain_text(cast.nora.reference)


def sol_of_the_other_team_learns_nothing(cast: Cast, phone: Page, record: str) -> None:
    enter(phone, cast["sol"], record)
    expect(phone.get_by_role("heading", level=1)).to_have_text("Page not found")
    hers = phone.request.get(record)
    nobodys = phone.request.get(f"/patients/{uuid.uuid4()}/")
    assert (hers.status, hers.body()) == (404, nobodys.body())
    assert nobodys.status == 404


def ivy_reads_all_of_it_on_the_trail(cast: Cast, phone: Page) -> None:
    enter(phone, cast["ivy"])
    phone.get_by_role("link", name="Find a person’s trail").click()
    phone.get_by_label("Why you are looking").fill("Complaint 2026/118")
    phone.get_by_label("Patient reference").fill(cast.nora.reference)
    phone.get_by_role("button", name="Find", exact=True).click()
    expect(phone.get_by_role("list", name="Entries, newest first")).to_be_visible()
    first_page = phone.url
    trail = whole_trail(phone)
    told = {(entry[0], entry[1]) for entry in trail}
    assert told >= {
        ("Listed only", "Amira Adeyemi looked at the caseload"),
        ("Opened", "Amira Adeyemi opened the patient record"),
        ("Changed", "Amira Adeyemi added a contact"),
        ("Changed", "Pete Parr added a contact"),
        ("Opened", "Pete Parr opened the patient's timeline"),
        ("Opened", "Amira Adeyemi sent the plan for approval"),
        ("Opened", "Lena Lund opened the plan to decide on it"),
        ("Changed", "Lena Lund added a step of the plan's sign-off"),
        ("Listed only", "The system sent a reminder"),
        ("Listed only", "Amira Adeyemi looked at their notifications"),
        ("Refused", "Sol Sorrel tried to open the patient record; was answered that there is no such page"),
        ("Searched", "Ivy Inch searched for a person's trail"),
    }
    explained = {entry[1]: " ".join(entry[2:]) for entry in trail}
    assert "works in the team that supports the patient" in explained["Pete Parr added a contact"]
    assert "police mentor, North team, Northmoor Police" in explained["Pete Parr added a contact"]
    assert "no relationship with this patient" in next(
        words for line, words in explained.items() if line.startswith("Sol Sorrel")
    )
    assert "Complaint 2026/118" in explained["Ivy Inch searched for a person's trail"]

    # Reading is on the trail as well, and no clinical word is.
    phone.goto(first_page)
    newest = phone.get_by_role("list", name="Entries, newest first")
    expect(newest).to_contain_text("Ivy Inch read the trail of this patient")
    text = " ".join(" ".join(entry) for entry in trail)
    for private in (CLINICAL, BY_AMIRA, BY_PETE, "sit by the door"):
        assert private not in text


def whole_trail(phone: Page) -> list[list[str]]:
    """The lines of each entry on all pages: its kind, what happened, and who and why."""
    entries: list[list[str]] = []
    while True:
        items = phone.get_by_role("list", name="Entries, newest first").locator("> li")
        entries += [[line for line in text.splitlines() if line.strip()] for text in items.all_inner_texts()]
        older = phone.get_by_role("link", name="Older")
        if not older.count():
            return entries
        older.click()
