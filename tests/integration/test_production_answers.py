"""What leaves the server under production settings: a process of its own, asked by Django's client, with the headers told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from tests.unit.test_required_settings import GOOD

ASK = """
import json, django
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.WHITENOISE_USE_FINDERS = True
settings.STATIC_ROOT = None
django.setup()
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

def ask(method, path, secure=True, host="casework.example.org", **extra):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    headers = {"x-forwarded-proto": "https" if secure else "http", "host": host}
    headers |= {"referer": "https://casework.example.org/account/login/"} if method == "POST" else {}
    if method == "POST":
        # As a stranger would: with the cookie and the referer that a visit to the page gives.
        client.get(path, headers=headers)
    answer = getattr(client, method.lower(), None)
    answer = answer(path, headers=headers, **extra) if answer else client.generic(method, path, headers=headers)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    cookies = {n: {k: v for k, v in m.items() if v} for n, m in answer.cookies.items()}
    return {"status": answer.status_code, "headers": dict(answer.headers), "cookies": cookies,
            "body": content.decode("utf-8", "replace")}

with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout")
    timeout = cursor.fetchone()[0]
print(json.dumps({
    "sign-in": ask("GET", "/account/login/"),
    "invitation": ask("GET", "/account/invitation/a-token/"),
    "missing": ask("GET", "/no-such-page/"),
    "refused": ask("POST", "/account/login/", data={"login": "a"}),
    "home": ask("GET", "/"),
    "signed out": ask("GET", "/signed-out/"),
    "script": ask("GET", "/static/core/app.js"),
    "style": ask("GET", "/static/core/app.css"),
    "facts": ask("GET", "/account/session/"),
    "file": ask("POST", "/account/login/", data={"login": SimpleUploadedFile("a.txt", b"x")}),
    "TRACE": ask("TRACE", "/"),
    "PUT": ask("PUT", "/help/"),
    "DELETE": ask("DELETE", "/help/"),
    "OPTIONS": ask("OPTIONS", "/account/login/"),
    "HEAD": ask("HEAD", "/help/"),
    "plain": ask("GET", "/account/login/", secure=False),
    "plain health": ask("GET", "/healthz", secure=False),
    "folder": ask("GET", "/static/"),
    "source": ask("GET", "/static/../manage.py"),
    "git": ask("GET", "/.git/config"),
    "demo": ask("GET", "/demo/codes/"),
    "admin": ask("GET", "/admin/"),
    "wrong host": ask("GET", "/help/", host="elsewhere.example.org"),
    "statement timeout": timeout,
}))
"""
PAGES = ["sign-in", "missing", "refused", "home", "signed out", "facts", "file", "TRACE"]
FILES = ["script", "style"]


@pytest.fixture(scope="module")
def answers(django_db_setup: None) -> dict[str, Any]:
    environment = GOOD | {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "sim_casework.settings.production",
        "DATABASE_HOST": os.environ["DATABASE_HOST"],
        "DATABASE_NAME": str(settings.DATABASES["default"]["NAME"]),
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", PAGES + FILES)
def test_every_answer_forces_https_for_a_year_and_is_not_sniffed(answers: dict[str, Any], name: str) -> None:
    headers = answers[name]["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("name", PAGES + FILES)
def test_every_answer_may_load_from_here_only_and_is_framed_by_nobody(
    answers: dict[str, Any], name: str
) -> None:
    policy = dict(
        part.split(" ", 1) for part in answers[name]["headers"]["Content-Security-Policy"].split("; ")
    )
    assert {policy.pop(k) for k in ("default-src", "object-src", "base-uri", "frame-ancestors")} == {"'none'"}
    assert set(policy.values()) == {"'self'"}
    assert {"script-src", "style-src", "form-action"} <= set(policy)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_stored_or_drawn_into_another_site(answers: dict[str, Any], name: str) -> None:
    headers = answers[name]["headers"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sign-in", "text/html; charset=utf-8"),
        ("missing", "text/html; charset=utf-8"),
        ("facts", "application/json"),
        ("script", 'text/javascript; charset="utf-8"'),
        ("style", 'text/css; charset="utf-8"'),
    ],
)
def test_every_answer_says_what_it_is_and_in_which_characters(
    answers: dict[str, Any], name: str, kind: str
) -> None:
    assert answers[name]["headers"]["Content-Type"] == kind


def test_cookies_belong_to_this_host_over_https_and_no_script_reads_them(answers: dict[str, Any]) -> None:
    cookies = answers["sign-in"]["cookies"] | answers["invitation"]["cookies"]
    assert set(cookies) == {"__Host-csrf", "__Host-session"}
    for cookie in cookies.values():
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (
            True,
            True,
            "Lax",
            "/",
        )
        assert "domain" not in cookie


def test_nothing_lives_in_the_browser_after_signing_out(answers: dict[str, Any]) -> None:
    assert answers["signed out"]["headers"]["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize(
    ("name", "status"), [("TRACE", 405), ("OPTIONS", 405), ("PUT", 403), ("DELETE", 403)]
)
def test_other_methods_than_reading_and_posting_are_refused(
    answers: dict[str, Any], name: str, status: int
) -> None:
    # Those that would change something are stopped for want of a token before that.
    assert answers[name]["status"] == status
    assert answers[name]["body"] == "" or status == 403


def test_head_is_answered_without_a_body(answers: dict[str, Any]) -> None:
    assert (answers["HEAD"]["status"], answers["HEAD"]["body"]) == (200, "")


def test_a_file_is_refused_before_anybody_is_asked_who_they_are(answers: dict[str, Any]) -> None:
    assert answers["file"]["status"] == 400


def test_http_leads_people_to_https_and_answers_machines_nothing_about_anybody(
    answers: dict[str, Any],
) -> None:
    plain = answers["plain"]
    assert (plain["status"], plain["body"]) == (301, "")
    assert plain["headers"]["Location"] == "https://casework.example.org/account/login/"
    assert answers["plain health"]["status"] == 503
    assert set(json.loads(answers["plain health"]["body"]).values()) <= {"ok", "failed"}


@pytest.mark.parametrize("name", ["folder", "source", "git", "demo", "admin", "missing"])
def test_neither_folders_nor_sources_nor_demo_pages_are_served(answers: dict[str, Any], name: str) -> None:
    assert answers[name]["status"] == 404


def test_another_host_name_is_refused(answers: dict[str, Any]) -> None:
    assert answers["wrong host"]["status"] == 400


def test_a_fault_tells_nothing_of_the_inside(answers: dict[str, Any]) -> None:
    for name in ("missing", "refused", "file", "wrong host"):
        body = answers[name]["body"]
        assert "Traceback" not in body and "DEBUG" not in body and "django" not in body.lower()


def test_no_statement_of_the_application_runs_for_more_than_a_minute(answers: dict[str, Any]) -> None:
    assert answers["statement timeout"] == "1min"
