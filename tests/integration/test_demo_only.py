"""The demo's short cuts exist under demo settings only, and answer to this computer only."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import Resolver404, clear_url_caches, resolve

import sim_casework.urls
from audit.models import LogEntry
from tests.people import Cast, make_cast
from tests.sessions import SECRET, code_now, give_app, sign_in, sign_in_with_password_only, trail_entries
from tests.unit.test_required_settings import GOOD

DEMO_PATHS = ["/demo/sign-in/", "/demo/confirm/", "/demo/codes/", "/demo/outbox/"]
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def demo(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """The addresses as demo settings make them; the folder is its outbox."""
    settings.DEMO = True
    settings.EMAIL_FILE_PATH = tmp_path
    _reload_urls()
    yield tmp_path
    settings.DEMO = False
    _reload_urls()


def _reload_urls() -> None:
    importlib.reload(sim_casework.urls)
    clear_url_caches()


@pytest.mark.parametrize("path", DEMO_PATHS)
def test_demo_pages_do_not_exist_elsewhere(client: Client, cast: Cast, path: str) -> None:
    assert not django_settings.DEMO
    assert client.get(path).status_code == 404
    assert client.post(path, {"username": "amira"}).status_code == 404
    with pytest.raises(Resolver404):
        resolve(path)


def test_sign_in_page_elsewhere_offers_nobody(client: Client, cast: Cast) -> None:
    page = client.get("/account/login/").content.decode()
    assert 'name="username"' not in page
    assert "Adeyemi" not in page


def test_demo_pages_do_not_exist_under_production_settings() -> None:
    program = (
        "import django; django.setup()\n"
        "import sys\n"
        "from django.conf import settings\n"
        "from django.urls import Resolver404, resolve\n"
        "assert settings.SETTINGS_MODULE == 'sim_casework.settings.production' and settings.DEMO is False\n"
        "assert resolve('/account/login/').func.__module__.startswith('allauth.')\n"
        "assert resolve('/account/2fa/reauthenticate/').func.__module__ == 'accounts.views.step_up'\n"
        f"for path in {DEMO_PATHS!r}:\n"
        "    try:\n"
        "        resolve(path)\n"
        "    except Resolver404:\n"
        "        print('absent')\n"
        "assert 'sim_casework.pages.demo' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **GOOD, "DJANGO_SETTINGS_MODULE": "sim_casework.settings.production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["absent"] * 4, done.stderr


def test_each_person_is_one_button_by_team(client: Client, cast: Cast, demo: Path) -> None:
    page = client.get("/account/login/").content.decode()
    for name in ("amira", "pete", "lena", "tess", "sol", "ivy", "rhea", "oona"):
        assert page.count(f'name="username" value="{name}"') == 1
    assert page.index("North team") < page.index("Amira Adeyemi") < page.index("South team")
    assert "Police mentor" in page
    assert "Odd Orme" not in page  # without a role there is nothing to show


def test_pressing_the_button_gives_a_full_session_on_the_trail(
    client: Client, cast: Cast, demo: Path
) -> None:
    answer = client.post("/demo/sign-in/", {"username": "amira", "next": "/account/profile/"})
    assert answer.headers["Location"] == "/account/profile/"
    assert "Amira Adeyemi" in client.get("/account/profile/").content.decode()
    (entry,) = trail_entries(action=LogEntry.Action.SIGN_IN)
    assert (entry.actor, entry.route) == (cast["amira"], "demo_sign_in")


def test_another_person_replaces_the_first(client: Client, cast: Cast, demo: Path) -> None:
    sign_in(client, cast["amira"])
    client.post("/demo/sign-in/", {"username": "pete"})
    assert "Pete Parr" in client.get("/account/profile/").content.decode()


def test_one_button_confirms_and_leads_on(client: Client, cast: Cast, demo: Path) -> None:
    give_app(cast["ivy"])
    sign_in(client, cast["ivy"], minutes_ago=10)
    asked = client.get("/trail/export/", follow=True).content.decode()
    assert "Confirm as" in asked
    assert (
        'name="next" value="/trail/export/"' in asked.split('action="/demo/confirm/"')[1].split("</form>")[0]
    )
    answer = client.post("/demo/confirm/", {"next": "/trail/export/"})
    assert answer.headers["Location"] == "/trail/export/"
    assert client.get("/trail/export/").status_code == 200
    (entry,) = trail_entries(action=LogEntry.Action.CONFIRM)
    assert (entry.actor, entry.route, entry.reason) == (cast["ivy"], "demo_confirm", "By the demo's button")


def test_button_confirms_nobody_who_has_not_signed_in_fully(client: Client, cast: Cast, demo: Path) -> None:
    assert client.post("/demo/confirm/").status_code == 404
    sign_in_with_password_only(client, cast["ivy"])
    assert client.post("/demo/confirm/").status_code == 404


def test_page_that_asks_again_has_no_button_elsewhere(client: Client, cast: Cast) -> None:
    give_app(cast["ivy"])
    sign_in(client, cast["ivy"], minutes_ago=10)
    page = client.get("/account/2fa/reauthenticate/").content.decode()
    assert "Confirm that it is you" in page
    assert "Confirm as" not in page


def test_form_of_another_site_signs_nobody_in(cast: Cast, demo: Path) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/demo/sign-in/", {"username": "amira"}).status_code == 403


@pytest.mark.parametrize("username", ["", "nobody", "odd", "a\x00b"])
def test_nobody_else_can_be_chosen(client: Client, cast: Cast, demo: Path, username: str) -> None:
    assert client.post("/demo/sign-in/", {"username": username}).status_code == 404


def test_demo_leads_to_no_other_site(client: Client, cast: Cast, demo: Path) -> None:
    answer = client.post("/demo/sign-in/", {"username": "amira", "next": "//example.org/"})
    assert answer.headers["Location"] == "/"
    answer = client.post("/demo/confirm/", {"next": "//example.org/"})
    assert answer.headers["Location"] == "/"


def test_codes_page_shows_a_code_that_signs_in(client: Client, cast: Cast, demo: Path) -> None:
    give_app(cast["amira"])
    page = client.get("/demo/codes/").content.decode()
    assert code_now() in page
    assert SECRET not in page
    assert "No app" in page  # of everybody else


@pytest.mark.parametrize("path", DEMO_PATHS)
def test_other_computers_get_404_even_in_the_demo(client: Client, cast: Cast, demo: Path, path: str) -> None:
    for address in ("192.0.2.7", "2001:db8::1", "unknown"):
        assert client.get(path, REMOTE_ADDR=address).status_code == 404
        assert client.post(path, {"username": "amira"}, REMOTE_ADDR=address).status_code == 404
    assert "Adeyemi" not in client.get("/account/login/", REMOTE_ADDR="192.0.2.7").content.decode()


def test_unix_socket_counts_as_this_computer(client: Client, cast: Cast, demo: Path) -> None:
    assert client.get("/demo/codes/", REMOTE_ADDR="").status_code == 200


def test_outbox_shows_the_mails_newest_first(client: Client, cast: Cast, demo: Path) -> None:
    assert "No e-mail was sent yet" in client.get("/demo/outbox/").content.decode()
    for number, subject in enumerate(["Older", "Newer <b>"]):
        message = EmailMessage()
        message["Subject"], message["To"] = subject, "amira@example.org"
        message["Date"] = "Sun, 22 Nov 2026 09:00:00 +0000"
        message.set_content(f"Text of {subject}")
        file = demo / f"{uuid.uuid4()}.eml"
        file.write_bytes(message.as_bytes())
        os.utime(file, (1000 + number, 1000 + number))
    page = client.get("/demo/outbox/").content.decode()
    assert page.index("Newer &lt;b&gt;") < page.index("Older")
    assert "Text of Older" in page
    assert "amira@example.org" in page
