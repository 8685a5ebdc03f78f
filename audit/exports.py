"""The trail as a CSV file, and as an entry of its own: who took how much of it away, and which bytes."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from audit.context import current_context
from audit.models import LogEntry
from audit.presenters import actor_of
from audit.providers import Officer
from audit.selectors import Line, Subject, lines_to_export
from audit.sentences import tell
from core.errors import NotAllowed

COLUMNS = (
    "at",
    "actor",
    "role",
    "team",
    "organisation",
    "action",
    "outcome",
    "subjects",
    "opened",
    "route",
    "relationship",
    "purpose",
    "reason",
    "request_id",
    "actor_name",
    "in_words",
    "changed_item",
    "changed_fields",
    "on_behalf_of",
    "address",
    "session",
    "entry",
)
# Spreadsheets run what begins like one of these. Names of teams and organisations are typed by people, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# Stands for a patient of another organisation, whom the officer's staff came across.
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class TrailExport:
    content: bytes
    rows: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def export_trail(officer: Officer, *, since: datetime, until: datetime, reason: str) -> TrailExport:
    """The entries the officer may read, oldest first, from ``since`` up to but not including ``until``.

    Recorded as an export, with row count and the content's SHA-256, by the context it runs in; whatever hands the
    bytes on must do so only after that context's commit.

    Raises: NotAllowed unless the user exports the trail for an organisation.
    """
    context = current_context()
    context.action = LogEntry.Action.EXPORT
    context.reason = reason
    if not officer.may_export:
        raise NotAllowed("You may not export the trail. Ask an information governance officer.")
    content, rows = _csv(lines_to_export(officer, since, until))
    export = TrailExport(content, rows)
    context.notes |= {
        "rows": rows,
        "sha256": export.sha256,
        "since": since.isoformat(),
        "until": until.isoformat(),
    }
    return export


def _csv(lines: Iterable[Line]) -> tuple[bytes, int]:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    rows = 0
    for line in lines:
        writer.writerow({name: _cell(value) for name, value in _row(line).items()})
        rows += 1
    return text.getvalue().encode(), rows


def _row(line: Line) -> dict[str, str]:
    entry = line.entry
    is_opened = any(subject.is_opened for subject in line.subjects) if line.subjects else None
    return {
        "at": timezone.localtime(entry.timestamp).isoformat(),
        "actor": entry.actor_name,
        "role": entry.role,
        "team": entry.team,
        "organisation": entry.organisation,
        "action": entry.action_word,
        "outcome": entry.outcome,
        "subjects": _references(line.subjects),
        "opened": _references(subject for subject in line.subjects if subject.is_opened),
        "route": entry.route,
        "relationship": line.relationship,
        "purpose": entry.purpose,
        "reason": entry.reason,
        "request_id": str(entry.request_id),
        "actor_name": actor_of(entry),
        "in_words": tell(entry, is_opened=is_opened, relationship=line.relationship).what,
        "changed_item": entry.object_repr,
        "changed_fields": " ".join(sorted(entry.changes or {})),
        "on_behalf_of": entry.on_behalf_of,
        "address": entry.remote_addr or "",
        "session": entry.session_ref,
        "entry": str(entry.pk),
    }


def _references(subjects: Iterable[Subject]) -> str:
    return " ".join(subject.reference or WITHHELD for subject in subjects)


def _cell(value: str) -> str:
    """As text for a spreadsheet, in whichever column: what could be trusted today may be typed tomorrow."""
    return f"'{value}" if value.startswith(_FORMULA) else value
