"""Lines of the trail as a page shows them: a sentence, who, why it was allowed. Makes no query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from audit.findings import Backstop, Found, FoundPage
from audit.forms import FilterForm
from audit.models import LogEntry, UnexplainedChange
from audit.selectors import Filters, Line, Page, Subject
from audit.sentences import KINDS, change_in_words, phrase_of, tell
from core.formatting import counted, day, moment

# The shape beside the word; components/timeline.jinja draws it.
_SHAPES = {
    "opened": "contact",
    "listed": "visit",
    "changed": "plan",
    "searched": "measure",
    "exported": "measure",
    "denied": "incident",
    "signed in": "system",
    "visited": "system",
}
_OUTCOMES: dict[str, str] = {
    LogEntry.Outcome.DENIED: "Denied",
    LogEntry.Outcome.NOT_FOUND: "Not found",
    LogEntry.Outcome.ERROR: "Failed",
}
_MOST_REFERENCES = 25


@dataclass(frozen=True, slots=True)
class ShownLine:
    """For the timeline component."""

    kind: str
    word: str
    title: str
    at: datetime
    by: str
    facts: list[tuple[str, str]]
    tags: list[dict[str, str]]
    href: str = ""


@dataclass(frozen=True, slots=True)
class ShownPage:
    lines: list[ShownLine]
    form: FilterForm
    tags: list[dict[str, str]]
    clear_href: str
    newer_href: str
    older_href: str


def shown_page(
    page: Page, form: FilterForm, filters: Filters, query: QueryDict, path: str, *, of_patient: bool
) -> ShownPage:
    """A page of the trail with its filters; the choices of people and teams are those that stand on it."""
    form.offer(people=_people(page, filters), teams=_teams(page, filters))
    return ShownPage(
        lines=[shown_line(line, of_patient=of_patient) for line in page.lines],
        form=form,
        tags=_tags(page, filters, query, path),
        clear_href=path,
        newer_href=_with(query, path, after=page.newer) if page.newer else "",
        older_href=_with(query, path, before=page.older) if page.older else "",
    )


def actor_of(entry: LogEntry) -> str:
    """The name people know, with the name they sign in with behind it; plain where there is no user."""
    if entry.actor is None:
        return {"system": "The system", "": "Somebody not signed in"}.get(entry.actor_name, entry.actor_name)
    return str(entry.actor)


def shown_line(line: Line, *, of_patient: bool) -> ShownLine:
    """One entry as the timeline shows it; on a patient's own page without saying whom it is about."""
    entry = line.entry
    opened = any(subject.is_opened for subject in line.subjects) if line.subjects else None
    told = tell(entry, is_opened=opened, relationship=line.relationship)
    tags = [{"text": _OUTCOMES[entry.outcome], "tone": "red"}] if entry.outcome in _OUTCOMES else []
    return ShownLine(
        kind=_SHAPES[told.kind],
        word=KINDS[told.kind],
        title=f"{actor_of(entry)} {told.what}",
        at=entry.timestamp,
        by=", ".join(part for part in (entry.role, entry.team, entry.organisation) if part),
        facts=_facts(entry, told.why_allowed, () if of_patient else line.subjects),
        tags=tags,
    )


def _facts(entry: LogEntry, why_allowed: str, subjects: Iterable[Subject]) -> list[tuple[str, str]]:
    facts = []
    about = list(subjects)
    if about:
        facts.append(("About", about_whom(about)))
    if why_allowed:
        facts.append(("Why allowed" if entry.outcome == LogEntry.Outcome.OK else "Relationship", why_allowed))
    if entry.on_behalf_of:
        facts.append(("On behalf of", entry.on_behalf_of))
    if entry.reason:
        facts.append(("Reason given", entry.reason))
    return facts


def about_whom(subjects: list[Subject]) -> str:
    """References of those under review; the others are counted, never named."""
    named = [subject.reference for subject in subjects if subject.reference]
    others = len(subjects) - len(named)
    words = named[:_MOST_REFERENCES]
    if len(named) > _MOST_REFERENCES:
        words.append(f"and {len(named) - _MOST_REFERENCES} more")
    if others:
        whom = "a patient of another organisation"
        words.append(
            whom
            if others == 1
            else counted(others, "patient of another organisation", "patients of other organisations")
        )
    return ", ".join(words)


def _people(page: Page, filters: Filters) -> list[tuple[int, str]]:
    people = {line.entry.actor.pk: str(line.entry.actor) for line in page.lines if line.entry.actor}
    if filters.person is not None:
        people.setdefault(filters.person, "The chosen person")
    return sorted(people.items(), key=lambda item: item[1].casefold())


def _teams(page: Page, filters: Filters) -> list[str]:
    return sorted({line.entry.team for line in page.lines if line.entry.team} | ({filters.team} - {""}))


def _tags(page: Page, filters: Filters, query: QueryDict, path: str) -> list[dict[str, str]]:
    people = dict(_people(page, filters))
    since, until = query_days(query)
    words: Mapping[str, str] = {
        "kind": KINDS.get(filters.kind, ""),
        "person": people.get(filters.person, "") if filters.person is not None else "",
        "team": filters.team,
        "since": f"From {since}" if filters.since else "",
        "until": f"To {until}" if filters.until else "",
    }
    return [
        {"text": text, "remove_href": _with(query, path, without=name)}
        for name, text in words.items()
        if text
    ]


def query_days(query: QueryDict) -> tuple[str, str]:
    """The days of the filter as they were asked for."""
    return _typed(query, "since"), _typed(query, "until")


def _typed(query: QueryDict, name: str) -> str:
    return "/".join(query.get(f"{name}_{part}", "") for part in ("day", "month", "year"))


def _with(query: QueryDict, path: str, *, without: str = "", **cursor: str) -> str:
    kept = {
        name: value
        for name, value in query.items()
        if value and name not in ("before", "after") and not _is_part(name, without)
    }
    text = urlencode(kept | cursor)
    return f"{path}?{text}" if text else path


def _is_part(name: str, without: str) -> bool:
    return bool(without) and (name == without or name.rpartition("_")[0] == without)


def worker_links(workers: Iterable[Any]) -> list[dict[str, str]]:
    return [
        {
            "name": str(worker),
            "username": worker.get_username(),
            "state": "" if worker.is_active else "has left",
            "href": reverse("audit:worker_trail", kwargs={"user_id": worker.pk}),
        }
        for worker in workers
    ]


# The shape and the word of each kind of finding, and its tag's colour.
_FINDINGS: dict[str, tuple[str, str, str]] = {
    UnexplainedChange.Kind.NO_ENTRY: ("incident", "Change", "red"),
    UnexplainedChange.Kind.NO_CHANGE: ("incident", "Entry", "red"),
    UnexplainedChange.Kind.MAINTENANCE: ("system", "Change", "grey"),
}
_ROLES = {"sim_app": "the application", "sim_owner": "the tables’ owner, who migrates"}


def shown_findings(page: FoundPage, path: str) -> dict[str, Any]:
    return {
        "lines": [shown_finding(found) for found in page.findings],
        "newer_href": f"{path}?{urlencode({'after': page.newer})}" if page.newer else "",
        "older_href": f"{path}?{urlencode({'before': page.older})}" if page.older else "",
    }


def shown_finding(found: Found) -> ShownLine:
    change = found.change
    shape, word, tone = _FINDINGS[change.kind]
    did = change_in_words(change.operation, change.table_name)
    is_missing = change.kind == UnexplainedChange.Kind.NO_CHANGE
    return ShownLine(
        kind=shape,
        word=word,
        title=f"The trail says: {did}" if is_missing else did[:1].upper() + did[1:],
        at=change.at,
        by="",
        facts=finding_facts(found),
        tags=[{"text": change.get_kind_display(), "tone": tone}],
    )


def finding_facts(found: Found) -> list[tuple[str, str]]:
    """Whose row, by which database role and in which transaction; never what stands in the row."""
    change = found.change
    is_withheld = change.patient_id is not None and not found.reference
    facts = [("About", "a patient of another organisation" if is_withheld else found.reference)]
    facts += [("In the same transaction", f"{actor_of(entry)} {_did(entry)}") for entry in found.entries]
    facts += [
        ("Made by", _ROLES.get(change.database_role, f"the database role {change.database_role}")),
        ("Transaction", str(change.xid)),
        ("Row", "" if is_withheld else change.row_key),
        ("Request", str(change.request_id or "")),
    ]
    if not change.database_role:
        facts = [(name, value) for name, value in facts if name != "Made by"]
    return [(name, value) for name, value in facts if value]


def _did(entry: LogEntry) -> str:
    data = entry.additional_data
    return phrase_of(entry.route, str(data.get("method", "")) if isinstance(data, dict) else "")


def backstop_in_words(state: Backstop) -> str:
    """One line that also says from when and until when it holds."""
    number = state.unexplained
    until = moment(state.compared_until)
    words = f"{number} since {day(state.since)}, compared until {until[:1].lower()}{until[1:]}."
    if state.by_maintenance:
        words += f" {counted(state.by_maintenance, 'change', 'changes')} by migration or maintenance."
    return words
