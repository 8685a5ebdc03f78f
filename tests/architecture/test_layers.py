"""What belongs where: libraries, queries, names, templates, gates. Each exemption has a reason and goes stale loudly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from core.models import GuardedModel
from tests.architecture.sources import ROOT, sources

TEMPLATES = ROOT / "templates"


def test_guardian_is_met_in_the_cases_permissions_only() -> None:
    assert _importers("guardian") == {"cases.models.grant", "cases.permissions"}


def test_auditlog_is_met_in_audit_only() -> None:
    assert _importers("auditlog") == {"audit.models", "audit.tracking"}


def _importers(library: str) -> set[str]:
    return {s.module for s in sources() if any(name.split(".")[0] == library for name in s.imports())}


def test_there_is_no_django_admin() -> None:
    assert "django.contrib.admin" not in settings.INSTALLED_APPS
    assert not [s.module for s in sources() if "django.contrib.admin" in s.imports()]


def test_no_file_is_named_for_nothing_in_particular() -> None:
    empty_words = re.compile(r"(^|_)(utils?|helpers?|commons?|managers?|handlers?|misc|tools?)(_|$)")
    folders = (
        "core",
        "audit",
        "accounts",
        "cases",
        "crisis_plans",
        "reminders",
        "sim_casework",
        "tests",
        "templates",
    )
    wrong = [
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".jinja") and empty_words.search(path.stem)
    ]
    assert not wrong


def test_modules_say_what_they_are_for() -> None:
    from ast import get_docstring

    silent = [
        s.module
        for s in sources()
        if s.tree.body and not get_docstring(s.tree) and s.path.name not in ("apps.py", "__init__.py")
    ]
    assert not silent


# A view asks selectors; what may stand in a view is an ORM word on these objects only.
QUERY_WORDS = {
    "objects",
    "annotate",
    "aggregate",
    "exclude",
    "select_related",
    "prefetch_related",
    "values_list",
    "order_by",
    "raw",
    "filter",
}
QUERIES_IN_VIEWS: dict[str, str] = {
    "sim_casework.pages.caseload": "narrows a selector's query to the patients on the page",
    "sim_casework.pages.health": "asks whether the database answers",
}


def _views_with_queries() -> set[str]:
    is_view = re.compile(r"\.views(\.|$)|^sim_casework\.pages\.")
    return {s.module for s in sources() if is_view.search(s.module) and s.names() & QUERY_WORDS}


def test_views_hold_no_queries() -> None:
    assert _views_with_queries() - set(QUERIES_IN_VIEWS) == set()


def test_no_view_is_excused_any_longer_than_needed() -> None:
    assert set(QUERIES_IN_VIEWS) - _views_with_queries() == set()


# URLs.


def patterns(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(
                pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            )
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}", pattern


# Not behind patient_page: why.
OTHER_GATES = {
    "audit:patient_trail": "an IG officer opens the trail, not the record: audit.gate.officer_page",
    "cases:break_glass_end": "its author, or a lead also after the case has closed for good; the service asks which",
    "cases:break_glass_review": "leads review after the case has closed for good, IG officers open no record",
    "cases:duplicate": "a lead decides on a match by team, even after the case has closed for good",
}
# Without signing in: why.
OPEN_PAGES = {
    "healthz": "asked by machines; tells nothing about anybody",
    "help": "the same for everybody, also when sign-in fails",
    "signed_out": "for those who have just been signed out",
    "account_login": "signing in",
    "account_logout": "sends those who are not signed in to the first page",
    "account_inactive": "tells that an account has ended",
    "account_reset_password": "a forgotten password",
    "account_reset_password_done": "a forgotten password",
    "account_reset_password_from_key": "a forgotten password",
    "account_reset_password_from_key_done": "a forgotten password",
    "mfa_authenticate": "the second half of signing in",
    "mfa_login_webauthn": "signing in with a passkey",
    "accounts:session": "answers itself with 401, as the page's script expects",
    "accounts:invitation": "setting the first password",
    "accounts:invitation_link": "setting the first password",
}


def _wrapped(callback: Any, module: str) -> bool:
    """Whether a view, below all decorators, was made by a gate of this module."""
    while callback is not None:
        if callback.__code__.co_filename.endswith(module):
            return True
        callback = getattr(callback, "__wrapped__", None)
    return False


ROUTES = dict(patterns())


def test_no_address_stands_twice() -> None:
    names = [name for name, _ in patterns()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_every_page_about_a_patient_is_behind_the_gate(route: str) -> None:
    pattern = ROUTES[route]
    full = str(pattern.pattern)
    if "patient_id" not in full:
        assert route not in OTHER_GATES
        return
    assert re.search(r"(^|/)patients/<uuid:patient_id>/", full), "the trail finds the patient by this"
    behind_gate = _wrapped(pattern.callback, "cases/views/gate.py")
    assert behind_gate != (route in OTHER_GATES), (
        f"{route}: {OTHER_GATES.get(route, 'wrap it by patient_page')}"
    )


def test_every_page_asks_for_sign_in_unless_it_says_why_not() -> None:
    open_pages = {name for name, p in ROUTES.items() if not getattr(p.callback, "login_required", True)}
    assert open_pages == set(OPEN_PAGES)
    assert "django.contrib.auth.middleware.LoginRequiredMiddleware" in settings.MIDDLEWARE


# The trail.

# Guarded rows that auditlog does not follow: why.
UNTRACKED = {
    "audit.LogEntry": "is the trail",
    "audit.EntrySubject": "is the trail",
    "audit.RowChange": "written by triggers, beside the trail",
    "audit.UnexplainedChange": "written by the database's own comparison",
    "reminders.Reminder": "follows from facts on the trail; written, claimed and settled in bulk by recorded queries",
}


def test_every_guarded_model_is_tracked() -> None:
    untracked = {
        model._meta.label
        for model in apps.get_models()
        if issubclass(model, GuardedModel) and not auditlog.contains(model)
    }
    assert untracked == set(UNTRACKED)


def test_free_text_never_stands_in_the_change_entries() -> None:
    """Masked is the default; what is clear is a reference or a name of staff, teams and organisations."""
    clear = {
        "accounts.Organisation.name",
        "accounts.Team.name",
        "accounts.User.username",
        "cases.Patient.reference",
    }
    found = set()
    for model in auditlog.get_models():
        masked = set(auditlog.get_model_fields(model)["mask_fields"])
        included = auditlog.get_model_fields(model)["include_fields"]
        for field in model._meta.concrete_fields:
            is_text = field.get_internal_type() in (
                "CharField",
                "TextField",
                "JSONField",
                "BinaryField",
                "EmailField",
            )
            is_told = field.name in included and field.name not in masked
            if is_told and is_text and not field.choices and not field.primary_key:
                found.add(f"{model._meta.label}.{field.name}")
    assert found == clear


# Templates.

# Named by a library, by Django, or put together by code: which.
USED_ELSEWHERE = {
    "429.jinja": "allauth's answer to too many attempts",
}
_LIBRARY_FOLDERS = ("account/", "mfa/")


def _jinja_names() -> set[str]:
    return {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.jinja")}


def _mentioned() -> set[str]:
    name = re.compile(r"[\w/]+\.jinja")
    found: set[str] = set()
    for path in [*(s.path for s in sources()), *TEMPLATES.rglob("*.jinja")]:
        text = path.read_text(encoding="utf-8")
        # A template's own comment may name others; only tags and Python strings count.
        if path.suffix == ".jinja":
            text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
        found |= {named.removeprefix("templates/") for named in name.findall(text)}
    # The NHS.UK macros come with their package.
    return {named for named in found if not named.endswith("/macro.jinja")}


def test_every_template_that_is_named_exists() -> None:
    named = {name for name in _mentioned() if "/" in name}
    assert named - _jinja_names() == set()


def test_every_template_is_used() -> None:
    error_pages = {
        name for name in _jinja_names() if name.startswith("errors/") and name != "errors/layout.jinja"
    }
    code = (ROOT / "sim_casework/pages/errors.py").read_text(encoding="utf-8")
    assert all(f'"{Path(name).stem}"' in code for name in error_pages)
    unused = _jinja_names() - _mentioned() - error_pages - set(USED_ELSEWHERE)
    assert {name for name in unused if not name.startswith(_LIBRARY_FOLDERS)} == set()


def test_templates_for_libraries_are_templates_the_libraries_have() -> None:
    import allauth

    folder = Path(allauth.__file__).parent / "templates"
    theirs = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.html")}
    ours = {n.removesuffix(".jinja") for n in _jinja_names() - _mentioned() if n.startswith(_LIBRARY_FOLDERS)}
    assert ours - theirs == set()


# Queries, styles, handlers, and scripts that are not files of ours (blocks of JSON are data).
_OUT_OF_PLACE = re.compile(
    r"""\.objects\b|\.filter\(|\bstyle=|\son\w+=|<style|<script(?![^>]*(?:\bsrc=|type="application/json"))"""
)


def test_templates_make_no_query_and_hold_no_script_or_style_of_their_own() -> None:
    wrong = []
    for path in TEMPLATES.rglob("*.jinja"):
        text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        if _OUT_OF_PLACE.search(text):
            wrong.append(path.relative_to(TEMPLATES))
    assert not wrong
