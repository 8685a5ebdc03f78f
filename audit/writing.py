"""Writes a context's entries and their subjects in one statement, inside the caller's transaction.

The database fills in time, transaction and epoch; the application has no right to name those columns.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError, connection
from django.utils.crypto import salted_hmac

from audit import providers
from audit.context import AccessContext, PendingEntry
from core.access_guard import permit_statements
from core.acting import acting_transaction

if TYPE_CHECKING:
    from audit.models import EntrySubject, LogEntry

logger = logging.getLogger(__name__)


class UnexplainedAccess(RuntimeError):
    """A record was about to be shown to somebody whom no relationship connects with that patient."""


_COLUMNS = (
    "action, content_type_id, object_pk, object_repr, changes, changes_text, actor_id, actor_name, on_behalf_of, "
    "remote_addr, additional_data, outcome, role, team, organisation, relationship, purpose, reason, route, "
    "request_id, session_ref, row_mac, writer, writer_sequence"
)
_COVERED_BY_MAC = tuple(name for name in _COLUMNS.split(", ") if name != "row_mac")
_INSERT = f"""
WITH written AS (
    INSERT INTO audit_logentry ({_COLUMNS})
    SELECT {_COLUMNS} FROM jsonb_to_recordset(%s::jsonb) AS incoming(
        action smallint, content_type_id integer, object_pk varchar, object_repr text, changes jsonb,
        changes_text text, actor_id bigint, actor_name varchar, on_behalf_of varchar, remote_addr inet,
        additional_data jsonb, outcome varchar, role varchar, team varchar, organisation varchar,
        relationship varchar, purpose varchar, reason text, route varchar, request_id uuid, session_ref varchar,
        row_mac varchar, writer uuid, writer_sequence bigint)
    RETURNING id, "timestamp", writer_sequence
)
INSERT INTO audit_entrysubject (patient_id, at, entry_id, patient_reference, is_opened, relationship)
SELECT s.patient_id, w."timestamp", w.id, s.patient_reference, s.is_opened, s.relationship
FROM jsonb_to_recordset(%s::jsonb) AS s(
    writer_sequence bigint, patient_id uuid, patient_reference varchar, is_opened boolean, relationship varchar)
JOIN written w USING (writer_sequence)
"""  # noqa: S608  (the column list is the constant above)


class _Writer:
    """This process's name and running number; a gap in the numbers of one writer shows a lost entry.

    Numbers of a transaction that came to nothing are used again, so that only a loss leaves a gap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self.name = uuid.uuid4()
        self._numbers = itertools.count(1)
        self._unused: list[int] = []

    def next_number(self) -> tuple[uuid.UUID, int]:
        with self._lock:
            if self._pid != os.getpid():  # forked: a web worker must not go on under its parent's name
                self._renew()
            return self.name, heapq.heappop(self._unused) if self._unused else next(self._numbers)

    def take_back(self, numbers: list[tuple[uuid.UUID, int]]) -> None:
        with self._lock:
            for name, number in numbers:
                if name == self.name:
                    heapq.heappush(self._unused, number)


_writer = _Writer()


@contextmanager
def recorded_transaction(context: AccessContext) -> Iterator[Callable[[], None]]:
    """The one transaction of the work and its entries; call what it yields to write them, as the last act.

    Raises: whatever the work, the writing or the commit raises, with everything rolled back.
    """
    try:
        with acting_transaction(context.acting):
            yield lambda: write_entries(context)
    except BaseException as error:
        if _is_certainly_undone(error):
            _writer.take_back(context.numbers)
        context.numbers.clear()
        raise


def _is_certainly_undone(error: BaseException) -> bool:
    """False where the connection was lost: the commit may have come through, and the gap is then the truth."""
    if not isinstance(error, OperationalError | InterfaceError):
        return True
    state = getattr(error.__cause__, "sqlstate", None)
    return state is not None and not state.startswith(("08", "57"))


def write_entries(context: AccessContext) -> None:
    """Write one entry for the work itself and one for each change, sign-in or search noted in it.

    A change that a savepoint undid is written as failed. Call inside ``recorded_transaction``.

    Raises: UnexplainedAccess when a patient was seen whom nothing connects with the actor (nothing is written then);
    any database error.
    """
    subjects = _subjects(context)
    _refuse_uncovered(context, subjects)
    rows, subject_rows = [], []
    is_nobodys = context.actor is None and not context.is_system and not subjects
    if not is_nobodys:
        row = _row(context, _main_entry(context), subjects)
        rows.append(row)
        asked_for = {context.asked_for} - set(context.looked_up)
        opened = {key for key in subjects if key in asked_for or key in context.opened}
        subject_rows += _subject_rows(row, subjects, opened)
    for pending in context.pending:
        if pending.is_undone:
            pending.outcome = "error"
        concerned = {key: subjects[key] for key in pending.subjects if key in subjects}
        row = _row(context, pending, concerned)
        rows.append(row)
        subject_rows += _subject_rows(row, concerned, set(concerned))
    _insert(rows, subject_rows)


def write_refusal(context: AccessContext, *, outcome: str) -> None:
    """Write that an attempt was denied, found nothing or failed: in a transaction of its own, after the rollback.

    The patient whom the URL meant, or whose record the rolled-back work had already touched, stands on the entry,
    with the relationship the actor has, or with "none".
    """
    meant = set(context.seen) | set(context.looked_up)
    if context.asked_for:
        meant.add(context.asked_for)
    references = providers.find_references(meant)
    nothing = "system" if context.is_system else "none"
    subjects = {key: providers.Relationship(nothing, reference) for key, reference in references.items()}
    if context.actor is not None:
        # Asked about whoever was meant: the answer to a key that is nobody's takes the same statements, and time.
        subjects |= providers.explain_access(context.actor, meant)
    row = _row(context, _main_entry(context, outcome), subjects)
    # Failed sign-ins were noted by the work that was rolled back; they are facts all the same.
    extra = [_row(context, pending, {}) for pending in context.pending if pending.outcome != "ok"]
    _insert([row, *extra], _subject_rows(row, subjects, set()))


def try_to_write_refusal(context: AccessContext, *, outcome: str) -> None:
    """After a failure: if the trail works (again), it should know of the attempt. Never raises."""
    try:
        with recorded_transaction(context):
            write_refusal(context, outcome=outcome)
    except Exception:
        logger.exception("A failed attempt could not be recorded")


def _main_entry(context: AccessContext, outcome: str = "ok") -> PendingEntry:
    return PendingEntry(
        action=context.action,
        outcome=outcome,
        reason=context.reason,
        additional_data=_additional_data(context),
    )


def _subject_rows(
    row: dict[str, Any], subjects: Mapping[uuid.UUID, providers.Relationship], opened: Collection[uuid.UUID]
) -> list[dict[str, Any]]:
    """The row's subjects; its MAC is made here, because it covers them."""
    made = [
        {
            "patient_id": key,
            "patient_reference": relationship.reference,
            "is_opened": key in opened,
            "relationship": relationship.name,
        }
        for key, relationship in subjects.items()
    ]
    row["row_mac"] = row_mac(row, made)
    return [{"writer_sequence": row["writer_sequence"], **subject} for subject in made]


def _subjects(context: AccessContext) -> dict[uuid.UUID, providers.Relationship]:
    """Each patient with the reason why the actor may see them, or an exception: nothing is shown unexplained."""
    changed = {key for pending in context.pending for key in pending.subjects}
    keys = set(context.seen) | changed
    if context.is_system:
        references = providers.find_references(keys | set(context.looked_up))
        return {key: providers.Relationship("system", reference) for key, reference in references.items()}
    found = {key: context.explained[key] for key in keys if key in context.explained}
    found |= providers.explain_access(context.actor, keys - set(found))
    missing = (keys | set(context.looked_up)) - set(found)
    references = providers.find_references(missing)
    for key in set(references) & set(context.looked_up):
        look_up = context.looked_up[key]
        found[key] = providers.Relationship(look_up.relationship, references[key], only_kinds=look_up.kinds)
    # A patient whose registration was undone is nobody; anybody else must be explained.
    unexplained = set(references) - set(found)
    if unexplained:
        raise UnexplainedAccess(f"{len(unexplained)} patient(s) seen without a relationship")
    return found


def _refuse_uncovered(context: AccessContext, subjects: dict[uuid.UUID, providers.Relationship]) -> None:
    if context.is_system:
        return
    for key, kinds in context.seen.items():
        if key in subjects and not subjects[key].covers(kinds, has_clinical=key in context.clinical_seen):
            raise UnexplainedAccess(f"Rows of {sorted(kinds)} exceed the relationship {subjects[key].name!r}")


def _additional_data(context: AccessContext) -> dict[str, Any]:
    data: dict[str, Any] = dict(context.notes)
    if context.method:
        data["method"] = context.method
    if context.kinds_seen:
        data["seen"] = dict(context.kinds_seen)
    if context.queries:
        data["queries"] = sorted(set(context.queries))
    if context.written:
        # Read by the write backstop: which tables this transaction wrote by recorded queries, and by which.
        data["writes"] = {table: sorted(reasons) for table, reasons in context.written.items()}
    return data


def _row(
    context: AccessContext,
    pending: PendingEntry,
    subjects: Mapping[uuid.UUID, providers.Relationship],
) -> dict[str, Any]:
    """The entry as it goes to the database, all but its MAC."""
    actor = pending.actor or context.actor
    standings = {r.standing for r in subjects.values() if r.standing.role}
    standing = standings.pop() if len(standings) == 1 else providers.find_standing(actor)
    name = pending.actor_name or (actor.get_username() if actor is not None else context.actor_name)
    writer, number = _writer.next_number()
    context.numbers.append((writer, number))
    row: dict[str, Any] = {
        "action": pending.action,
        "content_type_id": pending.content_type_id,
        "object_pk": pending.object_pk,
        "object_repr": pending.object_repr,
        "changes": pending.changes,
        "changes_text": "",
        "actor_id": actor.pk if actor is not None else None,
        "actor_name": name[:150],
        "on_behalf_of": context.on_behalf_of[:150],
        "remote_addr": context.remote_addr,
        "additional_data": pending.additional_data,
        "outcome": pending.outcome,
        "role": standing.role,
        "team": standing.team,
        "organisation": standing.organisation,
        "relationship": ", ".join(sorted({r.name for r in subjects.values()}))[:200],
        "purpose": context.purpose,
        "reason": pending.reason or context.reason,
        "route": context.route[:120],
        "request_id": context.request_id,
        "session_ref": context.session_ref,
        "writer": writer,
        "writer_sequence": number,
    }
    return {name: _storable(value) for name, value in row.items()}


def _storable(value: Any) -> Any:
    """PostgreSQL holds neither NUL nor half a surrogate; a hostile header or reason must not make the entry fail."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(_storable(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(item) for item in value]
    return value


def row_mac(row: Mapping[str, Any], subjects: Collection[Mapping[str, Any]]) -> str:
    """HMAC-SHA256 in hex over the row and its subjects as the application wrote them.

    Whoever only has the database cannot make one. The time is not covered: the database sets it later.
    """
    key = salted_hmac("audit.row", "mac", algorithm="sha256").digest()
    told = {name: row[name] for name in _COVERED_BY_MAC}
    whom = sorted(
        [str(s["patient_id"]), s["patient_reference"], s["is_opened"], s["relationship"]] for s in subjects
    )
    text = json.dumps([told, whom], cls=DjangoJSONEncoder, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def stored_row_mac(entry: LogEntry, subjects: Collection[EntrySubject]) -> str:
    """The same over what is stored now; it equals ``entry.row_mac`` unless somebody changed the row or its subjects."""
    return row_mac(
        {name: getattr(entry, name) for name in _COVERED_BY_MAC},
        [
            {
                "patient_id": subject.patient_id,
                "patient_reference": subject.patient_reference,
                "is_opened": subject.is_opened,
                "relationship": subject.relationship,
            }
            for subject in subjects
        ],
    )


def keyed_digest(text: str) -> str:
    """Search terms as the trail keeps them: equal terms are equal, but nobody reads them back."""
    folded = " ".join(text.casefold().split())
    return salted_hmac("audit.terms", folded, algorithm="sha256").hexdigest()[:32]


def session_reference(session_key: str | None) -> str:
    """A short name for a session, from which the session key cannot be found."""
    return (
        salted_hmac("audit.session", session_key, algorithm="sha256").hexdigest()[:16] if session_key else ""
    )


def _insert(rows: list[dict[str, Any]], subjects: list[dict[str, Any]]) -> None:
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute(_INSERT, [json.dumps(part, cls=DjangoJSONEncoder) for part in (rows, subjects)])
