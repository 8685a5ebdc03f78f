"""Browser tests: the system's Chromium on a live server, and a page that fails its test when anything goes wrong unseen."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

# Playwright keeps an event loop in the thread that runs the tests, and Django then takes every query for a mistake.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

PHONE = 390
LAPTOP = 1280
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PageAt = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The installed Chromium if there is one, else Playwright's own."""
    installed = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    executable = next(filter(None, installed), None)
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    chosen = {"executable_path": executable} if executable else {}
    return browser_type_launch_args | chosen | {"args": [*QUIET, *as_root]}


class Faults:
    """What a person would not see: script errors, refusals by the content policy, requests that leave our server."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.found: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.found.append(f"script error: {error}"))
        page.on("console", lambda message: self._note_console(message.type, message.text))
        page.on("request", lambda request: self._note_request(request.url))

    def _note_console(self, kind: str, text: str) -> None:
        # Chromium reports each answer of 400 and above there; statuses are the test's own business.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.found.append(f"console: {text}")

    def _note_request(self, url: str) -> None:
        if not url.startswith((self.origin, "data:", "blob:", "about:")):
            self.found.append(f"left the origin: {url}")


@pytest.fixture
def page_at(browser: Browser, live_server: LiveServer) -> Iterator[PageAt]:
    """``page_at(390)``: a fresh visitor's page of this width; ``page.goto("/…")`` is relative to the live server.

    ``page_at(390, scripts=False)``: one whose browser runs no JavaScript.

    The test fails at its end when a page had a fault (see Faults), whatever it has shown.
    """
    faults = Faults(live_server.url)
    contexts: list[BrowserContext] = []

    def open_page(width: int, *, scripts: bool = True) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 844 if width < LAPTOP else 800},
            locale="en-GB",
            java_script_enabled=scripts,
            timezone_id="Europe/London",
        )
        contexts.append(context)
        # A page that hangs should say so before somebody loses patience; slow computers still have time.
        context.set_default_timeout(15_000)
        context.on("page", faults.watch)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert not faults.found, "\n".join(faults.found)


@pytest.fixture
def phone(page_at: PageAt) -> Page:
    return page_at(PHONE)


@pytest.fixture
def laptop(page_at: PageAt) -> Page:
    return page_at(LAPTOP)
