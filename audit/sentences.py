"""Entries in plain words. Every route has its words in a registry that the apps above fill; no query is made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from audit.models import LogEntry

# What somebody did, by the route's name: "opened the patient record". A pair tells looking (GET) from sending (POST).
Words = str | tuple[str, str]

_words: dict[str, Words] = {}
_things: dict[str, str] = {}
_relationships: dict[str, str] = {
    "none": "nothing: no relationship with this patient",
    "system": "a task of the system itself",
    "IG review": "reviews the trail for their organisation",
}
# The verbs a phrase may begin with, and how they read after "tried to".
VERBS = {
    "added": "add",
    "answered": "answer",
    "approved": "approve",
    "asked": "ask",
    "began": "begin",
    "cancelled": "cancel",
    "changed": "change",
    "checked": "check",
    "chose": "choose",
    "closed": "close",
    "compared": "compare",
    "confirmed": "confirm",
    "decided": "decide",
    "discarded": "discard",
    "downloaded": "download",
    "drafted": "draft",
    "ended": "end",
    "exported": "export",
    "handed": "hand",
    "invited": "invite",
    "kept": "keep",
    "logged": "log",
    "looked": "look",
    "opened": "open",
    "planned": "plan",
    "printed": "print",
    "put": "put",
    "ran": "run",
    "read": "read",
    "recorded": "record",
    "refused": "refuse",
    "registered": "register",
    "removed": "remove",
    "reset": "reset",
    "returned": "return",
    "reviewed": "review",
    "saved": "save",
    "searched": "search",
    "sent": "send",
    "set": "set",
    "settled": "settle",
    "signed": "sign",
    "started": "start",
    "struck": "strike",
    "submitted": "submit",
    "told": "tell",
    "took": "take",
    "used": "use",
    "withdrew": "withdraw",
}


def register(words: Mapping[str, Words]) -> None:
    """Give routes (or the names of tasks and commands) their words; called from AppConfig.ready.

    Raises: ValueError for a phrase whose first word is no known verb, so that a refusal can be told as well.
    """
    for route, phrase in words.items():
        for one in [phrase] if isinstance(phrase, str) else phrase:
            if one.split()[0] not in VERBS:
                raise ValueError(f"{route}: {one!r} begins with a verb that audit.sentences does not know")
    _words.update(words)


def register_things(words: Mapping[str, str]) -> None:
    """Say in words what a row of a model is ("cases.contact": "a contact"), where its own name is a builder's."""
    _things.update(words)


def register_relationships(words: Mapping[str, str]) -> None:
    """Say in words why a relationship lets somebody see a patient."""
    _relationships.update(words)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry in words. ``kind`` is one of KINDS; ``what`` reads on after the person's name."""

    kind: str
    what: str
    why_allowed: str


KINDS = {
    "opened": "Opened",
    "listed": "Listed only",
    "changed": "Changed",
    "searched": "Searched",
    "exported": "Exported",
    "denied": "Refused",
    "signed in": "Signed in or out",
    "visited": "Page without patients",
}


def tell(entry: LogEntry, *, is_opened: bool | None, relationship: str) -> Told:
    """``is_opened`` and ``relationship`` are those of the patient it is told for; None where it is about nobody."""
    return Told(
        _kind(entry, is_opened),
        _what(entry),
        why_allowed(relationship, is_about_somebody=is_opened is not None),
    )


def why_allowed(relationship: str, *, is_about_somebody: bool) -> str:
    if not is_about_somebody:
        return ""
    return "; ".join(_relationships.get(name, name) for name in relationship.split(", ") if name)


_CHANGES = {
    LogEntry.Action.CREATE: "added",
    LogEntry.Action.UPDATE: "changed",
    LogEntry.Action.DELETE: "removed",
}


def _kind(entry: LogEntry, is_opened: bool | None) -> str:
    if entry.outcome != LogEntry.Outcome.OK:
        return "denied"
    by_action = {
        LogEntry.Action.SEARCH: "searched",
        LogEntry.Action.EXPORT: "exported",
        LogEntry.Action.SIGN_IN: "signed in",
        LogEntry.Action.SIGN_OUT: "signed in",
        LogEntry.Action.CONFIRM: "signed in",
        LogEntry.Action.ASKED: "signed in",
    }
    if entry.action in by_action:
        return by_action[entry.action]
    if entry.action in _CHANGES:
        return "changed"
    if is_opened is None:
        return "visited"
    return "opened" if is_opened else "listed"


def _what(entry: LogEntry) -> str:
    if entry.action == LogEntry.Action.SIGN_IN:
        return "signed in" if entry.outcome == LogEntry.Outcome.OK else "failed to sign in to this account"
    if entry.action == LogEntry.Action.SIGN_OUT:
        return "signed out"
    if entry.action == LogEntry.Action.CONFIRM:
        is_ok = entry.outcome == LogEntry.Outcome.OK
        return f"{'confirmed' if is_ok else 'failed to confirm'} with the second factor who they are"
    did = _change(entry) if entry.action in _CHANGES else phrase_of(entry.route, _method(entry))
    if entry.outcome != LogEntry.Outcome.OK:
        return _refused(entry, did)
    if entry.action == LogEntry.Action.ASKED:
        return f"{_tried(did)}; was asked for the second factor first, and nothing was done"
    return did


def _tried(did: str) -> str:
    first, _, rest = did.partition(" ")
    return f"tried to {VERBS.get(first, first)} {rest}"


def _refused(entry: LogEntry, did: str) -> str:
    tried = _tried(did)
    if entry.outcome == LogEntry.Outcome.NOT_FOUND:
        return f"{tried}; was answered that there is no such page"
    if entry.outcome == LogEntry.Outcome.ERROR:
        return f"{tried}; it failed, and nothing was shown or kept"
    return f"{tried}; was refused"


def _method(entry: LogEntry) -> str:
    data = entry.additional_data
    return str(data.get("method", "")) if isinstance(data, dict) else ""


def phrase_of(route: str, method: str) -> str:
    """The route's words; an unknown route is named as it is, never left out."""
    words = _words.get(route)
    if words is None:
        return f"used “{route}”" if route else "opened a page that does not exist"
    if isinstance(words, str):
        return words
    return words[method == "POST"]


def _change(entry: LogEntry) -> str:
    model = entry.content_type.model_class() if entry.content_type else None
    did = f"{_CHANGES[entry.action]} {_thing(model)}"
    if entry.action != LogEntry.Action.UPDATE or not entry.changes:
        return did
    return f"{did}: {', '.join(sorted(_field_name(model, field) for field in entry.changes))}"


def change_in_words(operation: str, table: str) -> str:
    """A change of a watched table: "changed the patient's details"."""
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    if operation == "truncate":
        return f"removed every row of {table}"
    did = {"insert": "added", "update": "changed", "delete": "removed"}[operation]
    return f"{did} {_thing(models.get(table))}"


def _thing(model: type[Any] | None) -> str:
    if model is None:
        return "a record"
    name = str(model._meta.verbose_name)
    return _things.get(model._meta.label_lower) or f"{_article(name)} {name}"


def _field_name(model: type[Any] | None, field: str) -> str:
    if model is None:
        return field
    try:
        return str(model._meta.get_field(field).verbose_name)
    except LookupError:
        return field.replace("_", " ")


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeio" else "a"
