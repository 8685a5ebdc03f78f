"""Every page in every state at two widths: axe finds nothing, and what axe cannot see holds as well.

Which pages and states there are stands in product_pages.py.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import cache
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from playwright.sync_api import Page, Response

from tests.browser.conftest import LAPTOP, PHONE, PageAt
from tests.browser.entering import enter
from tests.browser.product_pages import SECTIONS, WITHOUT_A_PAGE, State, World, make_world
from tests.people import make_cast

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    "preload": False,
}
# 1280 px at 400% zoom are 320 px as well.
NARROWEST = 320

# Everything that opens stands open, so that its contents are looked at too.
OPEN_ALL = """() => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  document.querySelectorAll("[class*='__conditional--hidden']").forEach((part) =>
    part.classList.remove(...[...part.classList].filter((name) => name.endsWith("__conditional--hidden"))));
}"""
FACTS = """() => {
  const links = [...document.querySelectorAll(".nhsuk-error-summary a")];
  return {
    title: document.title,
    language: document.documentElement.lang,
    headings: document.querySelectorAll("h1").length,
    text: document.body.innerText,
    hasSummary: Boolean(document.querySelector(".nhsuk-error-summary")),
    summaryHasFocus: document.activeElement.classList.contains("nhsuk-error-summary"),
    links: links.length,
    messages: document.querySelectorAll(".nhsuk-error-message").length,
    deadLinks: links.filter((link) => !document.getElementById(link.hash.slice(1))).map((link) => link.textContent),
  };
}"""
FOLLOW_FIRST = """() => {
  document.querySelector(".nhsuk-error-summary a").click();
  return document.activeElement.matches("input, select, textarea");
}"""


def routes() -> set[str]:
    found: set[str] = set()

    def walk(patterns: list[URLPattern | URLResolver], namespace: str) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
                walk(pattern.url_patterns, inner)
            else:
                found.add(f"{namespace}{pattern.name}")

    walk(get_resolver().url_patterns, "")
    return found


def routes_with_states() -> set[str]:
    return {state.lands or state.route for states in SECTIONS.values() for state in states} - {""}


def test_every_address_has_its_states_and_no_state_is_stale() -> None:
    told = routes_with_states() | set(WITHOUT_A_PAGE)
    assert routes() - told == set(), "addresses without a state in product_pages.py"
    assert told - routes() == set(), "states of addresses that are gone"
    assert not routes_with_states() & set(WITHOUT_A_PAGE)


class Visit:
    """One browser page going through the states of a section."""

    def __init__(self, page: Page, world: World) -> None:
        self.page, self.world, self.status = page, world, 0
        self.axe = Axe()
        self.faults: list[str] = []
        self.who: str | None = None
        page.on("response", self._note_status)

    def _note_status(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == self.page.main_frame:
            self.status = response.status

    def look_at(self, state: State) -> None:
        address = (reverse(state.route, kwargs=state.at(self.world)) if state.route else "") + state.query
        self.page.set_viewport_size({"width": LAPTOP, "height": 800})
        if state.who is None:
            self.page.context.clear_cookies()
            self.page.goto(address)
        else:
            enter(self.page, self.world.cast[state.who], address, minutes_ago=state.minutes_ago)
        if state.do:
            state.do(self.page, self.world)
        facts = self.page.evaluate(FACTS)
        self.faults += [f"{state}: {fault}" for fault in self._faults_of(state, facts)]

    def _faults_of(self, state: State, facts: dict[str, Any]) -> list[str]:
        faults = self._wrong_page(state)
        if not faults:
            faults = [
                *self._wrong_words(facts),
                *self._wrong_errors(state, facts),
                *self._wrong_in_axe(LAPTOP),
            ]
            self.page.evaluate(OPEN_ALL)
            faults += self._wrong_in_axe(PHONE)
            faults += self._wrong_width(NARROWEST)
        return faults

    def _wrong_page(self, state: State) -> list[str]:
        path = urlsplit(self.page.url).path
        if self.status != state.status:
            return [f"answered {self.status} at {path}"]
        expected = state.lands or state.route
        if expected and (found := resolve(path).view_name) != expected:
            return [f"shows {found}"]
        return []

    def _wrong_words(self, facts: dict[str, Any]) -> list[str]:
        checks = {
            f"{facts['headings']} h1": facts["headings"] == 1,
            f"title {facts['title']!r}": facts["title"].endswith(f" – {settings.SERVICE_NAME}")
            and not facts["title"].startswith(" "),
            f"language {facts['language']!r}": facts["language"] == "en-GB",
            "says “This field is required.”": "This field is required" not in facts["text"],
            "shows an unfilled value": "None" not in map(str.strip, facts["text"].splitlines()),
        }
        return [fault for fault, holds in checks.items() if not holds]

    def _wrong_errors(self, state: State, facts: dict[str, Any]) -> list[str]:
        says_error = facts["title"].startswith("Error: ")
        if not state.errors:
            return ["speaks of an error"] if says_error or facts["hasSummary"] else []
        checks = {
            "no “Error: ” in the title": says_error,
            "the error summary has no focus": facts["summaryHasFocus"],
            f"links to nothing: {facts['deadLinks']}": not facts["deadLinks"],
            "a message at a field is not in the summary": facts["links"] >= facts["messages"],
            "the error summary leads to no field": not facts["links"] or self.page.evaluate(FOLLOW_FIRST),
        }
        return [fault for fault, holds in checks.items() if not holds]

    def _wrong_in_axe(self, width: int) -> list[str]:
        self.page.set_viewport_size({"width": width, "height": 844})
        found = self.axe.run(self.page, options=RULES).response["violations"]
        return [
            f"{width} px: {violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]!r}"
            for violation in found
            for node in violation["nodes"][:3]
        ]

    def _wrong_width(self, width: int) -> list[str]:
        self.page.set_viewport_size({"width": width, "height": 844})
        widest = self.page.evaluate("document.documentElement.scrollWidth")
        return [f"scrolls sideways at {width} px: {widest} px wide"] if widest > width else []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("section", SECTIONS)
def test_everybody_can_read_and_use_every_page(section: str, page_at: PageAt, transactional_db: None) -> None:
    cache.clear()
    visit = Visit(page_at(LAPTOP), make_world())
    for state in SECTIONS[section]:
        visit.look_at(state)
    assert not visit.faults, "\n" + "\n".join(visit.faults)


SPOIL = """() => {
  const main = document.querySelector("main");
  main.append(document.createElement("h1"), document.createElement("img"), document.createElement("input"));
  const wide = document.createElement("div");
  wide.textContent = "w".repeat(2000);
  wide.className = "nhsuk-u-nowrap";
  main.append(wide);
  document.title = "Help";
}"""


@pytest.mark.django_db(transaction=True)
def test_spoiled_page_is_noticed(page_at: PageAt, transactional_db: None) -> None:
    visit = Visit(page_at(LAPTOP), World(make_cast()))
    visit.look_at(State("help", None, do=lambda page, world: page.evaluate(SPOIL)))
    visit.look_at(State("help", None, status=403))
    visit.look_at(State("help", None, errors=True))
    found = "\n".join(visit.faults)
    for fault in (
        "2 h1",
        "title 'Help'",
        "1280 px: image-alt",
        "390 px: label",
        "scrolls sideways at 320 px",
        "answered 200 at /help/",
        "no “Error: ” in the title",
        "the error summary has no focus",
    ):
        assert fault in found
