"""The floor's trail: the same entry and subject rows as audit.writing makes, with the same MAC over them, in one statement."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import psycopg

from benchmarks.floor.words import Worker

ACCESS, CREATE = 3, 0
_KEY = b"only-for-benchmarks"
_WRITER = str(uuid.uuid4())
_numbers = itertools.count(1)

_INSERT = """
WITH written AS (
    INSERT INTO audit_logentry (action, content_type_id, object_pk, object_repr, changes, actor_id, actor_name, remote_addr,
        additional_data, role, team, organisation, relationship, purpose, route, request_id, session_ref, row_mac,
        writer, writer_sequence)
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS incoming(action smallint, content_type_id integer, object_pk varchar,
        object_repr text, changes jsonb, actor_id bigint, actor_name varchar, remote_addr inet, additional_data jsonb,
        role varchar, team varchar, organisation varchar, relationship varchar, purpose varchar, route varchar,
        request_id uuid, session_ref varchar, row_mac varchar, writer uuid, writer_sequence bigint)
    RETURNING id, "timestamp"
)
INSERT INTO audit_entrysubject (patient_id, at, entry_id, patient_reference, is_opened, relationship)
SELECT patient_id, w."timestamp", w.id, patient_reference, %s, %s
FROM written w, unnest(%s::uuid[], %s::varchar[]) AS s(patient_id, patient_reference)
"""


def write(
    connection: psycopg.Connection[dict[str, Any]],
    worker: Worker,
    *,
    route: str,
    relationship: str,
    subjects: Mapping[str, str],
    is_opened: bool,
    data: Mapping[str, Any],
    changes: Collection[Mapping[str, Any]] = (),
    purpose: str = "direct care",
) -> None:
    """``subjects``: references by key. ``changes``: what was created, each with content type, key, words and fields."""
    request_id = str(uuid.uuid4())
    standing = worker.memberships[0]
    session = hmac.new(_KEY, worker.key.encode(), hashlib.sha256).hexdigest()[:16]
    told: list[Mapping[str, Any]] = [{"action": ACCESS, "additional_data": data}]
    told += [{"action": CREATE, **change} for change in changes]
    rows = []
    for row in told:
        whole = {
            "content_type_id": None,
            "object_pk": "",
            "object_repr": "",
            "changes": None,
            "additional_data": None,
            "actor_id": worker.id,
            "actor_name": worker.username,
            "remote_addr": "10.0.0.7",
            "role": standing["role"],
            "team": standing["team"] or "",
            "organisation": standing["organisation"],
            "relationship": relationship,
            "purpose": purpose,
            "route": route,
            "request_id": request_id,
            "session_ref": session,
            "writer": _WRITER,
            "writer_sequence": next(_numbers),
        } | dict(row)
        text = json.dumps([whole, sorted(subjects.items())], sort_keys=True, default=str)
        whole["row_mac"] = hmac.new(_KEY, text.encode(), hashlib.sha256).hexdigest()
        rows.append(whole)
    connection.execute(
        _INSERT,
        [
            json.dumps(rows, default=str),
            is_opened,
            relationship,
            list(subjects),
            list(subjects.values()),
        ],
    )
