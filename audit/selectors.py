"""What an information governance officer may read of the trail, page by page. Keyset pages: none grows slow with age."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from audit.context import DUPLICATE_CHECK, current_context
from audit.models import EntrySubject, LogEntry
from audit.providers import Officer, Relationship, people_under_review
from core.access_guard import recorded_query
from core.keyset import cursor_moment
from core.models import GuardedQuerySet
from core.prepared import Prepared, read_together

PAGE_SIZE = 50
EXPORT_STEP = 1000
MOST_IN_A_REVIEW = 1000
_CHANGES = (LogEntry.Action.CREATE, LogEntry.Action.UPDATE, LogEntry.Action.DELETE)
_SIGN_INS = (
    LogEntry.Action.SIGN_IN,
    LogEntry.Action.SIGN_OUT,
    LogEntry.Action.CONFIRM,
    LogEntry.Action.ASKED,
)
_RELATED = ("actor", "content_type")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the trail: an entry's time and key. Pages lie before it (older) or after it (newer)."""

    at: datetime
    key: int
    is_newer: bool = False

    @classmethod
    def parse(cls, *, before: str, after: str) -> Self | None:
        """From the address; None for the newest page and for what nobody can read."""
        try:
            at, key = (after or before).split("_")
            number = int(key)
        except ValueError:
            return None
        moment = cursor_moment(at)
        return cls(moment, number, is_newer=bool(after)) if moment and 0 <= number < 2**63 else None

    @staticmethod
    def of(entry: LogEntry) -> str:
        return Cursor.place(entry.timestamp, entry.pk)

    @staticmethod
    def place(at: datetime, key: int) -> str:
        return f"{at.isoformat()}_{key}"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader of the trail has narrowed it to."""

    kind: str = ""
    person: int | None = None
    team: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient on an entry, as one officer may see them; without a reference if they belong to others."""

    key: uuid.UUID | None
    reference: str
    is_opened: bool
    relationship: str


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with those of its subjects that the page is about and its reader may know of.

    The entry's own ``relationship`` is of all its subjects, and so not for readers; this one is of those here.
    """

    entry: LogEntry
    subjects: tuple[Subject, ...]

    @property
    def relationship(self) -> str:
        return ", ".join(sorted({subject.relationship for subject in self.subjects}))


@dataclass(frozen=True, slots=True)
class Page:
    """Lines newest first, and where the pages beside this one begin ("" for none)."""

    lines: tuple[Line, ...]
    newer: str = ""
    older: str = ""


def trail_of_patient(patient: uuid.UUID, filters: Filters, cursor: Cursor | None) -> Page:
    """The entries about one patient, whom the caller has found under review. One statement."""
    if cursor is None and filters == Filters():
        (found,) = read_together(_NEWEST_ABOUT(patient=patient))
        found, has_more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    else:
        rows = (
            _about(patient)
            .filter(_narrowed(filters, "entry__", _opened_or_listed(filters.kind)))
            .filter(_between(filters, "at"))
        )
        found, has_more = keyset_slice(rows, "at", "entry_id", cursor)
    lines = tuple(
        Line(row.entry, (Subject(row.patient_id, row.patient_reference, row.is_opened, row.relationship),))
        for row in found
    )
    return _page(lines, cursor, has_more=has_more)


def _about(patient: uuid.UUID) -> QuerySet[EntrySubject]:
    """With of each entry what its sentence is made of."""
    return (
        EntrySubject.objects.filter(patient_id=patient)
        .select_related(*(f"entry__{name}" for name in _RELATED))
        .only(
            "patient_id", "at", "entry_id", "patient_reference", "is_opened", "relationship",
            *(f"entry__{name}" for name in _TOLD),
            *(f"entry__actor__{name}" for name in ("username", "first_name", "last_name")),
            *(f"entry__content_type__{name}" for name in ("app_label", "model")),
        )
    )  # fmt: skip


_TOLD = (
    "timestamp", "action", "outcome", "changes", "actor_id", "actor_name", "on_behalf_of", "additional_data", "role",
    "team", "organisation", "reason", "route", "content_type_id",
)  # fmt: skip
_NEWEST_ABOUT = Prepared(
    lambda patient: _about(patient).order_by("-at", "-entry_id")[: PAGE_SIZE + 1], patient=uuid.UUID
)


def trail_of_worker(officer: Officer, worker: int, filters: Filters, cursor: Cursor | None) -> Page:
    """What one worker of the officer's organisation did, with the patients under the officer's review named."""
    entries = LogEntry.objects.filter(actor=worker, actor__in=officer.workers).filter(
        _narrowed_entries(officer, filters)
    )
    return _page_of_entries(officer, entries, cursor)


def trail_of_worker_about(
    worker: int, patient: uuid.UUID, relationship: str, since: datetime, until: datetime
) -> list[Line]:
    """What one worker did about one patient on the strength of one relationship, oldest first; at most 1,000 lines.

    For a review by somebody whom the caller has found entitled to it. One statement.
    """
    rows = (
        EntrySubject.objects.filter(
            patient_id=patient, at__gte=since, at__lte=until, relationship=relationship, entry__actor=worker
        )
        .select_related("entry__content_type")
        .order_by("at", "entry_id")[:MOST_IN_A_REVIEW]
    )
    return [
        Line(row.entry, (Subject(row.patient_id, row.patient_reference, row.is_opened, row.relationship),))
        for row in rows
    ]


def entries_in_scope(officer: Officer) -> QuerySet[LogEntry]:
    """Entries of the officer's organisation's staff, entries about patients under review, and sign-ins by nobody known."""
    about = EntrySubject.objects.filter(
        entry_id=OuterRef("pk"),
        at=OuterRef("timestamp"),
        patient_id__in=people_under_review().keys(officer.user),
    )
    own_staff = Q(organisation__in=officer.organisations) | Q(organisation="", actor__in=officer.workers)
    nobody_known = Q(actor__isnull=True, action=LogEntry.Action.SIGN_IN)
    entries: QuerySet[LogEntry] = LogEntry.objects.filter(own_staff | nobody_known | Exists(about))
    return entries


def all_entries(officer: Officer, filters: Filters, cursor: Cursor | None) -> Page:
    return _page_of_entries(
        officer, entries_in_scope(officer).filter(_narrowed_entries(officer, filters)), cursor
    )


def recent_refusals(officer: Officer, filters: Filters, cursor: Cursor | None) -> Page:
    """What was denied, not found or failed."""
    entries = (
        entries_in_scope(officer)
        .filter(~Q(outcome=LogEntry.Outcome.OK))
        .filter(_narrowed_entries(officer, filters))
    )
    return _page_of_entries(officer, entries, cursor)


def worker_named(officer: Officer, worker: int) -> Any | None:
    """A user of the officer's organisation, or None."""
    return officer.workers.filter(pk=worker).first()


def workers_of(officer: Officer) -> list[Any]:
    return list(officer.workers.order_by("last_name", "first_name", "pk"))


def lines_to_export(officer: Officer, since: datetime, until: datetime) -> Iterator[Line]:
    """Everything in scope from ``since`` up to, not including, ``until``; oldest first, in bounded steps."""
    entries = (
        entries_in_scope(officer).filter(timestamp__gte=since, timestamp__lt=until).select_related(*_RELATED)
    )
    after = Q()
    while True:
        found = list(entries.filter(after).order_by("timestamp", "pk")[:EXPORT_STEP])
        yield from _with_subjects(officer, found)
        if len(found) < EXPORT_STEP:
            return
        last = found[-1]
        after = Q(timestamp__gt=last.timestamp) | Q(timestamp=last.timestamp, pk__gt=last.pk)


def lines_of(officer: Officer, entries: list[LogEntry]) -> list[Line]:
    """These entries, which the caller has found to be the officer's business, with the patients they may know."""
    return list(_with_subjects(officer, entries))


def _page_of_entries(officer: Officer, entries: QuerySet[LogEntry], cursor: Cursor | None) -> Page:
    found, has_more = keyset_slice(entries.select_related(*_RELATED), "timestamp", "pk", cursor)
    return _page(tuple(_with_subjects(officer, found)), cursor, has_more=has_more)


def keyset_slice(rows: QuerySet[Any], at: str, key: str, cursor: Cursor | None) -> tuple[list[Any], bool]:
    """The rows of one page, newest first, and whether there are more in the direction the cursor goes."""
    is_newer = cursor is not None and cursor.is_newer
    if cursor is not None:
        way = "gt" if cursor.is_newer else "lt"
        rows = rows.filter(
            Q(**{f"{at}__{way}": cursor.at}) | Q(**{at: cursor.at, f"{key}__{way}": cursor.key})
        )
    sign = "" if is_newer else "-"
    found = list(rows.order_by(f"{sign}{at}", f"{sign}{key}")[: PAGE_SIZE + 1])
    has_more = len(found) > PAGE_SIZE
    found = found[:PAGE_SIZE]
    return (found[::-1] if is_newer else found), has_more


def _page(lines: tuple[Line, ...], cursor: Cursor | None, *, has_more: bool) -> Page:
    if not lines:
        return Page(lines)
    came_from_older = cursor is not None and cursor.is_newer
    has_newer = has_more if came_from_older else cursor is not None
    has_older = True if came_from_older else has_more
    return Page(
        lines,
        newer=Cursor.of(lines[0].entry) if has_newer else "",
        older=Cursor.of(lines[-1].entry) if has_older else "",
    )


def _with_subjects(officer: Officer, entries: list[LogEntry]) -> Iterator[Line]:
    """The patients of each entry in one statement; those of other organisations without key or reference."""
    subjects = _subjects_of(officer, entries) if entries else {}
    for entry in entries:
        yield Line(entry, tuple(subjects.get(entry.pk, ())))


def _subjects_told(officer: Officer) -> GuardedQuerySet[Any]:
    """The subject rows the officer may know of: all but those of others whom only a duplicate check put there."""
    under_review = people_under_review().keys(officer.user).filter(pk=OuterRef("patient_id"))
    rows: GuardedQuerySet[Any] = EntrySubject.objects.annotate(is_under_review=Exists(under_review)).filter(
        ~Q(relationship=DUPLICATE_CHECK) | Q(is_under_review=True)
    )
    return rows


def _subjects_of(officer: Officer, entries: Collection[LogEntry]) -> dict[int, list[Subject]]:
    with recorded_query("patients on entries of the trail"):
        rows = list(
            _subjects_told(officer)
            .filter(
                entry_id__in=[entry.pk for entry in entries],
                at__gte=min(entry.timestamp for entry in entries),
                at__lte=max(entry.timestamp for entry in entries),
            )
            .order_by("patient_reference")
            .values_list(
                "entry_id",
                "patient_id",
                "patient_reference",
                "is_opened",
                "relationship",
                "is_under_review",
            )
        )
    found: dict[int, list[Subject]] = {}
    shown: dict[uuid.UUID, Relationship] = {}
    kind = frozenset({EntrySubject._meta.label})
    for entry_id, key, reference, is_opened, relationship, is_under_review in rows:
        if is_under_review:
            shown[key] = Relationship("IG review", reference, only_kinds=kind)
            subject = Subject(key, reference, is_opened, relationship)
        else:
            subject = Subject(None, "", is_opened, relationship)
        found.setdefault(entry_id, []).append(subject)
    context = current_context()
    context.explain(shown)
    context.lists(shown.keys(), EntrySubject._meta.label)
    return found


def _narrowed_entries(officer: Officer, filters: Filters) -> Q:
    subjects = _subjects_told(officer).filter(entry_id=OuterRef("pk"), at=OuterRef("timestamp"))
    opened = Exists(subjects.filter(is_opened=True))
    by_kind = {
        "opened": Q(opened),
        "listed": Q(Exists(subjects)) & ~Q(opened),
        "visited": ~Q(Exists(subjects)),
    }
    return _narrowed(filters, "", by_kind.get(filters.kind, Q())) & _between(filters, "timestamp")


def _opened_or_listed(kind: str) -> Q:
    return Q(is_opened=kind == "opened") if kind in ("opened", "listed") else Q()


def _narrowed(filters: Filters, entry: str, by_subjects: Q) -> Q:
    """``entry`` leads from the row to its entry; ``by_subjects`` tells opened and listed apart."""
    action, outcome = f"{entry}action", f"{entry}outcome"
    is_done = Q(**{outcome: LogEntry.Outcome.OK})
    is_access = Q(**{action: LogEntry.Action.ACCESS}) & is_done
    kinds = {
        "opened": is_access & by_subjects,
        "listed": is_access & by_subjects,
        "visited": is_access & by_subjects,
        "changed": Q(**{f"{action}__in": _CHANGES}) & is_done,
        "searched": Q(**{action: LogEntry.Action.SEARCH}) & is_done,
        "exported": Q(**{action: LogEntry.Action.EXPORT}) & is_done,
        "denied": ~is_done,
        "signed in": Q(**{f"{action}__in": _SIGN_INS}),
    }
    condition = kinds.get(filters.kind, Q())
    if filters.person is not None:
        condition &= Q(**{f"{entry}actor": filters.person})
    if filters.team:
        condition &= Q(**{f"{entry}team": filters.team})
    return condition


def _between(filters: Filters, at: str) -> Q:
    condition = Q()
    if filters.since:
        condition &= Q(**{f"{at}__gte": filters.since})
    if filters.until:
        condition &= Q(**{f"{at}__lt": filters.until})
    return condition
