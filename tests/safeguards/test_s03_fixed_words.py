"""S03: every rendering of a plan begins with the fixed words, which nobody can change."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, reverse

from audit.context import access_context
from crisis_plans.urls import urlpatterns
from crisis_plans.wording import EMERGENCY_TEXT
from sim_casework.jinja2_env import environment
from tests.people import Cast, make_cast
from tests.plans import approved, drafted, submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

ROOT: Path = settings.BASE_DIR
FIXED = "This plan never limits emergency care. Assess the person on what is happening today."


class MainText(HTMLParser):
    """The words of <main>, in order, as a reader or a screen reader meets them."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.depth += tag == "main"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "main"

    def handle_data(self, data: str) -> None:
        if self.depth and data.strip():
            self.words.append(" ".join(data.split()))


def main_text(html: str) -> list[str]:
    parser = MainText()
    parser.feed(html)
    assert parser.words, "The page has no main content."
    return parser.words


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def pages_of(cast: Cast, number: int) -> list[str]:
    """The address of every plan page, from the URL configuration itself: a new page is asserted by itself."""
    addresses = []
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        takes_number = "number" in pattern.pattern.converters
        args = [cast.nora.pk, number] if takes_number else [cast.nora.pk]
        addresses.append(reverse(f"crisis_plans:{pattern.name}", args=args))
    return addresses


def test_s03_words_are_these() -> None:
    assert EMERGENCY_TEXT == FIXED


@pytest.mark.parametrize("state", ["none", "draft", "submitted", "approved"])
def test_s03_every_plan_page_begins_with_the_fixed_words(cast: Cast, client: Client, state: str) -> None:
    number = 1
    with access_context(route="tests.s03", is_system=True):
        if state == "draft":
            drafted(cast)
        elif state == "submitted":
            approved(cast)
            number = submitted(cast, about_me="I swim.").number
        elif state == "approved":
            approved(cast)
    sign_in(client, cast["lena"])
    shown = 0
    for address in pages_of(cast, number):
        answer = client.get(address, follow=True)
        if answer.status_code == 404:
            assert state == "none"
            continue
        assert answer.status_code == 200
        assert main_text(answer.content.decode())[0] == FIXED, address
        shown += 1
    assert shown >= (4 if state == "none" else len(urlpatterns))


def test_s03_fixed_words_stand_before_errors_and_messages(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s03", is_system=True):
        version = submitted(cast)
    sign_in(client, cast["lena"])
    page = client.post(reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number]), {})
    words = main_text(page.content.decode())
    assert words[0] == FIXED
    assert "There is a problem" in words
    sent = {"decision": "approve", "revision": version.revision}
    address = reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number])
    page = client.post(address, sent, follow=True)
    words = main_text(page.content.decode())
    assert words[0] == FIXED
    assert "Version 1 is approved and is the plan now." in words


def test_s03_part_of_the_plan_on_the_record_begins_with_them_too(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s03", is_system=True):
        approved(cast)
    sign_in(client, cast["amira"])
    words = main_text(client.get(reverse("patient_record", args=[cast.nora.pk])).content.decode())
    assert words.index(FIXED) < words.index("Speak slowly.")


def test_s03_shared_component_takes_its_words_from_nowhere_else() -> None:
    source = (ROOT / "templates/components/plan.jinja").read_text()
    assert "never limits" not in source
    assert re.search(r"macro emergency_text\(\)", source), "The fixed words take no argument."
    assert environment().globals["plan_emergency_text"] == FIXED


def test_s03_words_stand_in_one_place_of_the_code() -> None:
    found = [
        str(path.relative_to(ROOT))
        for folder in (
            "core",
            "cases",
            "crisis_plans",
            "reminders",
            "sim_casework",
            "templates",
            "accounts",
            "audit",
        )
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".jinja"} and FIXED in path.read_text()
    ]
    assert found == ["crisis_plans/wording.py"]
