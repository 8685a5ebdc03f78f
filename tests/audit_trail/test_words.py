"""Every address and every kind of work has words on the trail, and no words outlive what they were for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from audit import sentences
from audit.models import LogEntry
from audit.sentences import VERBS, phrase_of, tell
from sim_casework.trail_words import OTHER_WORK, ROUTES


def routes(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}"


def test_every_address_has_words_and_no_words_are_stale() -> None:
    assert set(routes()) == set(ROUTES)


def test_every_task_and_command_that_opens_a_context_has_words() -> None:
    found: set[str] = set()
    for app in apps.get_app_configs():
        if not Path(app.path).is_relative_to(settings.BASE_DIR) or ".venv" in app.path:
            continue
        for file in Path(app.path).rglob("*.py"):
            if "proving" in file.parts:  # works in databases of its own, which nobody reads
                continue
            found |= set(_opened_routes(ast.parse(file.read_text(encoding="utf-8"))))
    assert found == set(OTHER_WORK)


def _opened_routes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("access_context", "AccessContext"):
            for keyword in node.keywords:
                if keyword.arg == "route" and isinstance(keyword.value, ast.Constant):
                    yield keyword.value.value


@pytest.mark.parametrize("route", sorted(set(ROUTES) | set(OTHER_WORK)))
def test_words_read_as_a_sentence_and_as_a_refusal(route: str) -> None:
    for method in ("GET", "POST"):
        phrase = phrase_of(route, method)
        assert phrase.split()[0] in VERBS
        assert not phrase.endswith(".")
        entry = LogEntry(route=route, action=3, outcome="denied", additional_data={"method": method})
        told = tell(entry, is_opened=None, relationship="")
        assert told.kind == "denied"
        assert told.what.startswith("tried to ")
        assert told.what.endswith("was refused")


def test_words_that_begin_with_an_unknown_verb_are_refused() -> None:
    with pytest.raises(ValueError, match="juggled"):
        sentences.register({"x": "juggled a record"})


def test_an_address_without_words_is_named_and_not_hidden() -> None:
    assert "nowhere:at_all" in phrase_of("nowhere:at_all", "GET")


@pytest.mark.parametrize(
    ("fields", "is_opened", "kind", "what"),
    [
        ({"action": 3, "route": "patient_record"}, True, "opened", "opened the patient record"),
        ({"action": 3, "route": "caseload"}, False, "listed", "looked at the caseload"),
        ({"action": 3, "route": "home"}, None, "visited", "looked at their home page"),
        ({"action": 4, "route": "cases:find"}, None, "searched", "searched for a patient"),
        (
            {"action": 3, "route": "patient_record", "outcome": "not found"},
            False,
            "denied",
            "tried to open the patient record; was answered that there is no such page",
        ),
        (
            {"action": 3, "route": "patient_record", "outcome": "error"},
            False,
            "denied",
            "tried to open the patient record; it failed, and nothing was shown or kept",
        ),
        ({"action": 3, "route": "", "outcome": "not found"}, None, "denied", None),
        ({"action": 6}, None, "signed in", "signed in"),
        ({"action": 7}, None, "signed in", "signed out"),
        ({"action": 6, "outcome": "denied"}, None, "denied", "failed to sign in to this account"),
    ],
)
def test_entries_in_words(
    fields: dict[str, Any], is_opened: bool | None, kind: str, what: str | None
) -> None:
    entry = LogEntry(**{"additional_data": {"method": "POST"}} | fields)
    told = tell(entry, is_opened=is_opened, relationship="case team")
    assert told.kind == kind
    assert what is None or told.what == what
    assert bool(told.why_allowed) == (is_opened is not None)
