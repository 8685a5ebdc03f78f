"""What the write backstop found, as information governance officers may read it: no record, and no key of a patient
whose trail is not theirs to read."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count
from django.utils import timezone

from audit.context import current_context
from audit.models import Comparison, LogEntry, UnexplainedChange
from audit.providers import Officer, explain_access
from audit.selectors import Cursor, entries_in_scope, keyset_slice
from core.access_guard import recorded_query

SHOWN_DAYS = 31
# Every tick compares; when none has for so long, that is news of its own.
LONGEST_SILENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Found:
    """One finding, with the patient's reference if the reader may know it, and what else its transaction did."""

    change: UnexplainedChange
    reference: str
    entries: tuple[LogEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Findings newest first, and where the pages beside this one begin ("" for none)."""

    findings: tuple[Found, ...]
    newer: str = ""
    older: str = ""


@dataclass(frozen=True, slots=True)
class Backstop:
    """How many were found ``since`` by kind, and until when changes and entries are compared."""

    since: datetime
    compared_until: datetime
    numbers: Mapping[str, int]

    @property
    def stands_still(self) -> bool:
        return timezone.now() - self.compared_until > LONGEST_SILENCE

    @property
    def unexplained(self) -> int:
        kinds = UnexplainedChange.Kind
        return self.numbers.get(kinds.NO_ENTRY, 0) + self.numbers.get(kinds.NO_CHANGE, 0)

    @property
    def by_maintenance(self) -> int:
        return self.numbers.get(UnexplainedChange.Kind.MAINTENANCE, 0)


def backstop_state() -> Backstop:
    """The last ``SHOWN_DAYS``, or less where comparing began later. For officers; tells of nobody. Two statements."""
    comparison = Comparison.objects.get()
    since = max(timezone.now() - timedelta(days=SHOWN_DAYS), comparison.started_at)
    with recorded_query("numbers of changes without an entry"):
        rows = UnexplainedChange.objects.filter(at__gte=since).values_list("kind").annotate(Count("pk"))
        return Backstop(since, comparison.compared_until, dict(rows))


def unexplained_changes(officer: Officer, cursor: Cursor | None) -> FoundPage:
    """All findings, newest first, in pages."""
    rows, has_more = keyset_slice(UnexplainedChange.objects.all(), "at", "pk", cursor)
    findings = _named(officer, rows)
    if not findings:
        return FoundPage(())
    came_from_older = cursor is not None and cursor.is_newer
    has_newer = has_more if came_from_older else cursor is not None
    has_older = True if came_from_older else has_more
    return FoundPage(
        findings,
        newer=Cursor.place(rows[0].at, rows[0].pk) if has_newer else "",
        older=Cursor.place(rows[-1].at, rows[-1].pk) if has_older else "",
    )


def named_findings(officer: Officer, changes: Collection[UnexplainedChange]) -> tuple[Found, ...]:
    """The same for changes that the caller has compared itself."""
    return _named(officer, changes)


def _named(officer: Officer, changes: Collection[UnexplainedChange]) -> tuple[Found, ...]:
    references = _references(officer, {change.patient_id for change in changes if change.patient_id})
    entries = _entries_beside(officer, changes) if changes else {}
    return tuple(
        Found(
            change,
            references.get(change.patient_id, "") if change.patient_id else "",
            tuple(entries.get(change.xid, ())),
        )
        for change in changes
    )


def _references(officer: Officer, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Of those whose trail the officer may read; they count as listed."""
    kind = UnexplainedChange._meta.label
    shown = {
        key: replace(relationship, only_kinds=frozenset({kind}))
        for key, relationship in explain_access(officer.user, patients).items()
    }
    context = current_context()
    context.explain(shown)
    context.lists(shown.keys(), kind)
    return {key: relationship.reference for key, relationship in shown.items()}


def _entries_beside(officer: Officer, changes: Collection[UnexplainedChange]) -> dict[int, list[LogEntry]]:
    """What else the trail says of these transactions, as far as the officer may read it. Whoever was at work."""
    entries = (
        entries_in_scope(officer)
        .filter(
            xid__in={change.xid for change in changes},
            timestamp__gte=min(change.at for change in changes) - timedelta(minutes=5),
            timestamp__lte=max(change.at for change in changes) + timedelta(days=1),
        )
        .exclude(action__in=(LogEntry.Action.CREATE, LogEntry.Action.UPDATE, LogEntry.Action.DELETE))
        .select_related("actor")
        .order_by("pk")
    )
    found: dict[int, list[LogEntry]] = {}
    for entry in entries:
        found.setdefault(entry.xid, []).append(entry)
    return found
