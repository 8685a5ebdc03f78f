"""S04: no field, choice, form or template has a place for punishment or withheld care. Walks the whole product.

Words that belong to something else are allowed one by one, each with its reason; an allowance that is not needed any
more fails.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.db import models

OURS = ("core", "audit", "accounts", "cases", "crisis_plans", "reminders", "outcomes", "sim_casework")
ROOT: Path = settings.BASE_DIR

# Each matches in names ("behaviour_contract"), values and sentences alike: they are read as words with one space.
DENIED = {
    "sanction": r"\bsanction(s|ed|ing)?\b",
    "consequence": r"\bconsequences?\b",
    "breach": r"\bbreach(es|ed|ing)?\b",
    "behaviour contract": r"\bbehaviou?r(al)? (contract|agreement)s?\b",
    "acceptable behaviour": r"\bacceptable behaviou?r\b",
    "protection notice": r"\bprotection notices?\b",
    "behaviour order": r"\bbehaviou?r(al)? orders?\b",
    "community protection": r"\bcommunity (protection|behaviou?r)\b",
    "warning notice": r"\b(warning notice|final warning|formal warning)s?\b",
    "penalty": r"\bpenalt(y|ies)\b",
    "punishment": r"\bpunish(es|ed|ing|ment|ments|able)?\b",
    "compliance score": r"\b(non )?compliance( points?)?( scores?)?\b",
    "points score": r"\bpoints? (scores?|total|balance)\b",
    "withhold care": r"\bwith(hold|held|holding) (care|help|treatment|support|service)s?\b",
    "do not attend": r"\b(do|does|did|must|should|will|shall)( not|nt|n t|n’t|n't) "
    r"(attend|convey|admit|treat|assess|respond|send|transport)\b",
    "no attendance": r"\bno (further )?(attendance|conveyance|admission|treatment|response|dispatch)\b",
    "refuse treatment": r"\brefuse (attendance|conveyance|admission|treatment|care)\b",
}


@dataclass(frozen=True)
class Allowed:
    """One place where a denied word means something else; ``place`` and ``word`` as the finding names them."""

    place: str
    word: str
    reason: str


ALLOWED: list[Allowed] = []


@dataclass(frozen=True)
class Finding:
    place: str
    word: str
    text: str


def as_words(text: str) -> str:
    """behaviour_contract, behaviour-contract and BehaviourContract all read "behaviour contract"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.sub(r"[\s_\-]+", " ", spaced).lower()


def denied_words(text: str) -> set[str]:
    words = as_words(text)
    return {name for name, pattern in DENIED.items() if re.search(pattern, words)}


def texts_of_models() -> Iterator[tuple[str, str]]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label not in OURS:
            continue
        label = model._meta.label
        yield f"model {label}", label.split(".")[1]
        yield f"model {label}", str(model._meta.verbose_name)
        yield f"model {label}", model._meta.db_table
        for field in model._meta.get_fields():
            yield f"field {label}.{field.name}", field.name
            if isinstance(field, models.Field):
                yield f"field {label}.{field.name}", str(field.verbose_name)
                yield f"field {label}.{field.name}", str(field.help_text)
                for value, words in field.flatchoices:
                    yield f"choice {label}.{field.name}", str(value)
                    yield f"choice {label}.{field.name}", str(words)


def modules() -> Iterator[object]:
    """Every module of the product but migrations: forms and choices may stand anywhere."""
    for app in OURS:
        if not (ROOT / app).is_dir():
            continue
        package = importlib.import_module(app)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{app}."):
            is_setting = found.name.startswith("sim_casework.settings.") or ".devstack" in found.name
            if ".migrations" not in found.name and not is_setting:
                yield importlib.import_module(found.name)


def classes_of(kind: type) -> set[type]:
    return {
        thing
        for module in modules()
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, kind) and thing.__module__.split(".")[0] in OURS
    }


def texts_of_choices() -> Iterator[tuple[str, str]]:
    for choices in sorted(classes_of(models.TextChoices), key=lambda c: c.__qualname__):
        for member in choices:  # type: ignore[attr-defined]
            yield f"choices {choices.__qualname__}", f"{member.name} / {member.value} / {member.label}"


def texts_of_forms() -> Iterator[tuple[str, str]]:
    for form in sorted(classes_of(forms.BaseForm), key=lambda f: f.__qualname__):
        for name, field in form.base_fields.items():  # type: ignore[attr-defined]
            place = f"form {form.__qualname__}.{name}"
            yield place, name
            for text in (field.label, field.help_text, *field.error_messages.values()):
                yield place, str(text or "")
            # The choices of a model field are rows, and not the product's.
            is_rows = isinstance(field, forms.ModelChoiceField)
            for value, words in [] if is_rows else getattr(field, "choices", []):
                yield place, f"{value} / {words}"
            for hint in getattr(field, "option_hints", {}).values():
                yield place, hint


def texts_of_templates() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "templates").rglob("*")):
        if path.suffix in {".jinja", ".html", ".txt"}:
            yield f"template {path.relative_to(ROOT / 'templates')}", path.read_text()


SOURCES = [texts_of_models, texts_of_choices, texts_of_forms, texts_of_templates]


def findings() -> list[Finding]:
    return [
        Finding(place, word, text)
        for source in SOURCES
        for place, text in source()
        for word in sorted(denied_words(text))
    ]


def test_s04_nothing_in_the_product_has_a_place_for_punishment_or_withheld_care() -> None:
    allowed = {(entry.place, entry.word) for entry in ALLOWED}
    wrong = [f for f in findings() if (f.place, f.word) not in allowed]
    assert not wrong, "\n".join(f"{f.place}: {f.word!r} in {f.text[:80]!r}" for f in wrong)


def test_s04_every_allowance_has_a_reason_and_is_still_needed() -> None:
    found = {(f.place, f.word) for f in findings()}
    assert [entry for entry in ALLOWED if not entry.reason] == []
    assert [entry for entry in ALLOWED if (entry.place, entry.word) not in found] == []


@pytest.mark.parametrize("source", SOURCES)
def test_s04_walk_finds_something_to_read(source: object) -> None:
    assert len(list(source())) > 20  # type: ignore[operator]


def test_s04_walk_reaches_the_plan_itself() -> None:
    places = {place for source in SOURCES for place, _ in source()}
    assert {
        "field crisis_plans.PlanVersion.what_helps",
        "choice crisis_plans.PlanServicePart.service",
        "choices Involvement",
        "form PlanForm.what_makes_it_worse",
        "template crisis_plans/plan_edit.jinja",
        "template pages/home.jinja",
    } <= places


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("sanction_level", "sanction"),
        ("Consequences for the person", "consequence"),
        ("breachOfAgreement", "breach"),
        ("behaviour-contract", "behaviour contract"),
        ("behavior_contract", "behaviour contract"),
        ("CommunityProtectionNotice", "protection notice"),
        ("Criminal behaviour order", "behaviour order"),
        ("compliance_score", "compliance score"),
        ("points score", "points score"),
        ("Do not attend", "do not attend"),
        ("do_not_convey", "do not attend"),
        ("Ambulance must not admit", "do not attend"),
        ("do\n   not treat", "do not attend"),
        ("No further response", "no attendance"),
    ],
)
def test_s04_denied_words_are_caught_in_all_their_spellings(text: str, word: str) -> None:
    assert word in denied_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "This plan never limits emergency care",
        "What makes it worse",
        "Being treated with respect",
        "Order of visits",
        "Do not leave her alone while she waits",
        "Attempted, not met",
    ],
)
def test_s04_innocent_words_pass(text: str) -> None:
    assert denied_words(text) == set()
