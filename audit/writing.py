"""Writes a context's entries and their subjects in one statement, inside the caller's transaction.

The database fills in time, transaction and epoch; the application has no right to name those columns.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import threading
import uuid
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.utils.crypto import salted_hmac

from audit import providers
from audit.context import AccessContext, PendingEntry
from core.access_guard import permit_statements


class UnexplainedAccess(RuntimeError):
    """A record was about to be shown to somebody whom no relationship connects with that patient."""


_COLUMNS = (
    "action, content_type_id, object_pk, object_repr, changes, changes_text, actor_id, actor_name, on_behalf_of, "
    "remote_addr, additional_data, outcome, role, team, organisation, relationship, purpose, reason, route, "
    "request_id, session_ref, row_mac, writer, writer_sequence"
)
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
    """This process's name and running number; a gap in the numbers of one writer shows a lost entry."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self.name = uuid.uuid4()
        self._numbers = itertools.count(1)

    def next_number(self) -> tuple[uuid.UUID, int]:
        with self._lock:
            if self._pid != os.getpid():  # forked: a web worker must not go on under its parent's name
                self._renew()
            return self.name, next(self._numbers)


_writer = _Writer()


def write_entries(context: AccessContext) -> None:
    """Write one entry for the work itself and one for each change, sign-in or search noted in it.

    Raises: UnexplainedAccess when a patient was seen whom nothing connects with the actor (nothing is written then);
    any database error.
    """
    subjects = _subjects(context, set(context.seen))
    _refuse_uncovered(context, subjects)
    main = PendingEntry(
        action=context.action,
        reason=context.reason,
        additional_data=_additional_data(context),
    )
    rows, subject_rows = [], []
    nobody = context.actor is None and not context.is_system and not subjects
    for pending in context.pending if nobody else [main, *context.pending]:
        if pending is main:
            concerned = subjects
        else:
            concerned = _subjects(context, set(pending.subjects), known=subjects)
        row = _row(context, pending, concerned)
        rows.append(row)
        subject_rows += [
            {
                "writer_sequence": row["writer_sequence"],
                "patient_id": key,
                "patient_reference": relationship.reference,
                "is_opened": pending is not main or key == context.asked_for or key in context.opened,
                "relationship": relationship.name,
            }
            for key, relationship in concerned.items()
        ]
    _insert(rows, subject_rows)


def write_refusal(context: AccessContext, *, outcome: str) -> None:
    """Write that an attempt was denied, found nothing or failed: in a transaction of its own, after the rollback.

    The patient whom the URL meant, or whose record the rolled-back work had already touched, stands on the entry.
    """
    meant = set(context.seen) | set(context.looked_up)
    if context.asked_for:
        meant.add(context.asked_for)
    references = providers.find_references(meant)
    subjects = {key: providers.Relationship("none", reference) for key, reference in references.items()}
    entry = PendingEntry(
        action=context.action,
        outcome=outcome,
        reason=context.reason,
        additional_data=_additional_data(context),
    )
    row = _row(context, entry, subjects)
    # Failed sign-ins were noted by the work that was rolled back; they are facts all the same.
    extra = [_row(context, pending, {}) for pending in context.pending if pending.outcome != "ok"]
    _insert(
        [row, *extra],
        [
            {
                "writer_sequence": row["writer_sequence"],
                "patient_id": key,
                "patient_reference": relationship.reference,
                "is_opened": False,
                "relationship": relationship.name,
            }
            for key, relationship in subjects.items()
        ],
    )


def _subjects(
    context: AccessContext,
    keys: set[uuid.UUID],
    known: dict[uuid.UUID, providers.Relationship] | None = None,
) -> dict[uuid.UUID, providers.Relationship]:
    """Each patient with the reason why the actor may see them, or an exception: nothing is shown unexplained."""
    found = {key: known[key] for key in keys if known and key in known}
    missing = keys - set(found)
    if context.is_system:
        references = providers.find_references(missing)
        found |= {k: providers.Relationship("system", r) for k, r in references.items()}
    elif missing:
        found |= providers.explain_access(context.actor, missing - set(context.looked_up))
    extra = set(context.looked_up) - set(found) if known is None else missing & set(context.looked_up)
    for key, reference in providers.find_references(extra).items():
        found[key] = providers.Relationship(context.looked_up[key], reference)
    unexplained = keys - set(found)
    if unexplained:
        raise UnexplainedAccess(f"{len(unexplained)} patient(s) seen without a relationship")
    return found


def _refuse_uncovered(context: AccessContext, subjects: dict[uuid.UUID, providers.Relationship]) -> None:
    if context.is_system:
        return
    for key, kinds in context.seen.items():
        if not subjects[key].covers(kinds, has_clinical=key in context.clinical_seen):
            raise UnexplainedAccess(f"Rows of {sorted(kinds)} exceed the relationship {subjects[key].name!r}")


def _additional_data(context: AccessContext) -> dict[str, Any]:
    data: dict[str, Any] = dict(context.notes)
    if context.method:
        data["method"] = context.method
    if context.kinds_seen:
        data["seen"] = dict(context.kinds_seen)
    if context.queries:
        data["queries"] = sorted(set(context.queries))
    return data


def _row(
    context: AccessContext,
    pending: PendingEntry,
    subjects: dict[uuid.UUID, providers.Relationship],
) -> dict[str, Any]:
    actor = pending.actor or context.actor
    standings = {r.standing for r in subjects.values() if r.standing.role}
    standing = standings.pop() if len(standings) == 1 else providers.find_standing(actor)
    writer, number = _writer.next_number()
    row: dict[str, Any] = {
        "action": pending.action,
        "content_type_id": pending.content_type_id,
        "object_pk": pending.object_pk,
        "object_repr": pending.object_repr,
        "changes": pending.changes,
        "changes_text": "",
        "actor_id": actor.pk if actor is not None else None,
        "actor_name": pending.actor_name
        or (actor.get_username() if actor is not None else context.actor_name),
        "on_behalf_of": context.on_behalf_of,
        "remote_addr": context.remote_addr,
        "additional_data": pending.additional_data,
        "outcome": pending.outcome,
        "role": standing.role,
        "team": standing.team,
        "organisation": standing.organisation,
        "relationship": ", ".join(sorted({r.name for r in subjects.values()}))[:200],
        "purpose": context.purpose,
        "reason": pending.reason or context.reason,
        "route": context.route,
        "request_id": context.request_id,
        "session_ref": context.session_ref,
        "writer": writer,
        "writer_sequence": number,
    }
    row["row_mac"] = row_mac(row, sorted(str(key) for key in subjects))
    return row


def row_mac(row: dict[str, Any], subjects: list[str]) -> str:
    """HMAC-SHA256 in hex over the row as the application wrote it: whoever only has the database cannot make one."""
    key = salted_hmac("audit.row", "mac", algorithm="sha256").digest()
    told = {name: value for name, value in row.items() if name != "row_mac"}
    text = json.dumps([told, subjects], cls=DjangoJSONEncoder, sort_keys=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def keyed_digest(text: str) -> str:
    """Search terms as the trail keeps them: equal terms are equal, but nobody reads them back."""
    folded = " ".join(text.casefold().split())
    return salted_hmac("audit.terms", folded, algorithm="sha256").hexdigest()[:32]


def session_reference(session_key: str | None) -> str:
    """A short name for a session, from which the session key cannot be found."""
    return salted_hmac("audit.session", session_key).hexdigest()[:16] if session_key else ""


def _insert(rows: list[dict[str, Any]], subjects: list[dict[str, Any]]) -> None:
    encode = DjangoJSONEncoder
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute(_INSERT, [_json(rows, encode), _json(subjects, encode)])


def _json(value: Any, encoder: type[json.JSONEncoder]) -> str:
    # PostgreSQL text cannot hold NUL; a hostile header or search term must not make the entry fail.
    return json.dumps(value, cls=encoder).replace("\\u0000", "\\ufffd")
