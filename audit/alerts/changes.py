"""Alerts about changes that do not match the trail, as the write backstop finds them (``audit.reconciliation``)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from audit.alerts.kinds import AlertKind
from audit.alerts.models import Bookmark
from audit.alerts.raising import raise_alert
from audit.context import access_context
from audit.models import LogEntry, UnexplainedChange
from audit.providers import find_references
from audit.sentences import change_in_words
from core.models import GuardedQuerySet

_KINDS = (UnexplainedChange.Kind.NO_ENTRY, UnexplainedChange.Kind.NO_CHANGE)
STEP = 100


def raise_about_changes() -> int:
    """Raise alerts for what was found since the last time, each finding once; how many findings were read.

    About the worker whose request the change was made in and the patient of the row, as far as there are any. A
    change of nobody's, about nobody (an account changed by SQL) can be no alert: it stands on the officers' home page.
    """
    read = 0
    while _new(_read_so_far()).exists():
        count = _step()
        if not count:  # somebody else is at it
            break
        read += count
    return read


def _read_so_far() -> int:
    bookmark = Bookmark.objects.filter(pk=Bookmark.FINDINGS).first()
    if bookmark is None:
        Bookmark.objects.bulk_create([Bookmark(name=Bookmark.FINDINGS)], ignore_conflicts=True)
    return bookmark.entry_id if bookmark else 0


def _new(after: int) -> GuardedQuerySet[UnexplainedChange]:
    """Keys of findings grow in the order of their commits: whoever adds some holds the comparison's row."""
    found: GuardedQuerySet[UnexplainedChange] = UnexplainedChange.objects.filter(
        pk__gt=after, kind__in=_KINDS
    )
    return found


def _step() -> int:
    with access_context(route="audit.changes", is_system=True, purpose="information governance"):
        bookmark = Bookmark.objects.select_for_update(skip_locked=True).filter(pk=Bookmark.FINDINGS).first()
        if bookmark is None:
            return 0
        findings = list(_new(bookmark.entry_id).order_by("pk")[:STEP])
        if findings:
            _raise(findings)
            bookmark.entry_id = findings[-1].pk
            bookmark.save(update_fields=["entry_id"])
    return len(findings)


def _raise(findings: Collection[UnexplainedChange]) -> None:
    beside = _entries_of_people(findings)
    known = find_references({change.patient_id for change in findings if change.patient_id})
    for change in findings:
        entries = beside.get(change.xid, [])
        worker = entries[0].actor_id if entries else None
        patient = change.patient_id if change.patient_id in known else None
        if worker is None and patient is None:
            continue
        raise_alert(
            kind=AlertKind.UNEXPLAINED_CHANGE,
            worker=worker,
            patient=patient,
            explanation=_explanation(change),
            entries=[(entry.pk, entry.timestamp) for entry in entries],
            at=change.at,
        )


def _explanation(change: UnexplainedChange) -> str:
    did = change_in_words(change.operation, change.table_name)
    if change.kind == UnexplainedChange.Kind.NO_CHANGE:
        return f"The trail says that somebody {did}, and the database knows of no such change."
    return f"Somebody {did}, and the trail has no entry for it (database role {change.database_role})."


def _entries_of_people(findings: Collection[UnexplainedChange]) -> dict[int, list[LogEntry]]:
    """What the trail says of the same transactions, oldest first."""
    entries = LogEntry.objects.filter(
        xid__in={change.xid for change in findings},
        timestamp__gte=min(change.at for change in findings) - timedelta(minutes=5),
        timestamp__lte=max(change.at for change in findings) + timedelta(days=1),
        actor__isnull=False,
    ).order_by("pk")
    found: dict[int, list[LogEntry]] = {}
    for entry in entries:
        found.setdefault(entry.xid, []).append(entry)
    return found
