"""LOG on the floor: the contact, who was there, what the trail says of both; one transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import psycopg

from benchmarks.floor import entries
from benchmarks.floor.record import ANSWERS, OUTCOMES, PURPOSES, permitted, relationship_of
from benchmarks.floor.words import LONDON, Worker, page, today

Connection = psycopg.Connection[dict[str, Any]]

# Whoever works in the team today; sent twice, or the same words within the hour.
_BEFORE = """
SELECT (SELECT json_object_agg(m.user_id, m.role) FROM accounts_membership m JOIN accounts_user u ON u.id = m.user_id AND u.is_active
        WHERE m.team_id = %(team)s AND m.starts_on <= current_date AND (m.ends_on IS NULL OR m.ends_on >= current_date)
          AND m.ended_at IS NULL AND m.cleared_until >= current_date
          AND m.role IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead')) AS members,
       (SELECT id FROM cases_contact WHERE created_by_id = %(user)s AND submission_key = %(sent)s) AS saved,
       (SELECT id FROM cases_contact c WHERE created_by_id = %(user)s AND patient_id = %(patient)s
          AND created_at > now() - interval '1 hour' AND outcome = %(outcome)s AND account = %(account)s
          AND happened_at BETWEEN %(at)s - interval '5 minutes' AND %(at)s + interval '5 minutes'
          AND NOT EXISTS (SELECT FROM cases_contactstrikeout k WHERE k.contact_id = c.id) LIMIT 1) AS alike
"""
_INSERT = """
INSERT INTO cases_contact (id, regime, created_at, happened_at, place, outcome, is_planned, purpose, others_present, account,
    observation, opinion, is_police_authored, police_attended, agreed_to_police, offered_without_police, submission_key,
    version, case_id, controller_id, created_by_id, patient_id)
VALUES (%(id)s, %(regime)s, now(), %(at)s, %(place)s, %(outcome)s, %(planned)s, %(purpose)s, %(others)s, %(account)s, '', '',
    %(police_authored)s, %(police)s, '', '', %(sent)s, 1, %(case)s, %(controller)s, %(user)s, %(patient)s)
"""
_PARTICIPANT = """
INSERT INTO cases_contactparticipant (id, regime, created_at, is_police, contact_id, controller_id, created_by_id, user_id, patient_id)
SELECT gen_random_uuid(), %(regime)s, now(), is_police, %(id)s, %(controller)s, %(user)s, person, %(patient)s
FROM unnest(%(people)s::bigint[], %(are_police)s::boolean[]) AS there(person, is_police) RETURNING id, user_id
"""


def form_of(worker: Worker, token: str) -> bytes:
    """Not measured: it only hands out what a real form carries."""
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{token}"><input type="hidden" name="submission_key" value="{uuid4()}">'
    return page(
        "Log a contact", worker, f'<form method="post">{hidden}<textarea name="account"></textarea></form>'
    )


def log(connection: Connection, worker: Worker, patient: UUID, fields: dict[str, list[str]]) -> str | None:
    """The address of the saved contact; None for a patient whom the worker may not know."""
    found = permitted(connection, worker, patient)
    if found is None or found["closed_on"]:
        return None
    terms = _checked(worker, patient, found, fields)
    before = connection.execute(_BEFORE, terms).fetchone() or {}
    if before["saved"] or before["alike"]:
        return f"/patients/{patient}/contacts/{before['saved'] or before['alike']}/"
    there = [int(key) for key in fields.get("present", []) if key != "police"]
    roles = [before["members"][str(key)] for key in there]
    terms |= {
        "people": there,
        "are_police": [role == "police mentor" for role in roles],
        "police_authored": before["members"][str(worker.id)] == "police mentor",
        "police": "police mentor" in roles or "police" in fields.get("present", []),
    }
    connection.execute(_INSERT, terms)
    participants = connection.execute(_PARTICIPANT, terms).fetchall()
    _record(connection, worker, patient, found, terms, participants)
    return f"/patients/{patient}/contacts/{terms['id']}/?saved=1"


def _checked(
    worker: Worker, patient: UUID, found: dict[str, Any], fields: dict[str, list[str]]
) -> dict[str, Any]:
    def text(name: str) -> str:
        return fields.get(name, [""])[0].strip()

    on = today() - timedelta(days=text("happened_on_choice") == "yesterday")
    hour, minute = text("at").split(":")
    at = datetime(on.year, on.month, on.day, int(hour), int(minute), tzinfo=LONDON)
    if at > datetime.now(UTC) + timedelta(minutes=5) or at.date() < found["date_of_birth"]:
        raise ValueError("the time")
    if text("outcome") not in OUTCOMES or not text("account") or text("agreed_to_police") not in ANSWERS:
        raise ValueError("what came of it")
    if text("purpose") and text("purpose") not in PURPOSES:
        raise ValueError("the purpose")
    return {
        "id": uuid4(),
        "sent": UUID(text("submission_key")),
        "at": at,
        "outcome": text("outcome"),
        "account": text("account"),
        "place": text("place"),
        "others": text("others_present"),
        "purpose": text("purpose"),
        "planned": {"yes": True, "no": False, "": None}[text("is_planned")],
        "patient": patient,
        "user": worker.id,
        "team": found["team_id"],
        "case": found["case_id"],
        "controller": worker.controller,
        "regime": worker.regime,
    }


def _record(
    connection: Connection,
    worker: Worker,
    patient: UUID,
    found: dict[str, Any],
    terms: dict[str, Any],
    participants: list[dict[str, Any]],
) -> None:
    kinds = _content_types(connection)
    shown = {
        "patient": ["None", found["reference"]],
        "controller": ["None", worker.memberships[0]["organisation"]],
        "regime": ["None", terms["regime"]],
    }
    changes = [
        {
            "content_type_id": kinds["contact"],
            "object_pk": str(terms["id"]),
            "object_repr": f"contact {str(terms['id'])[:8]}",
            "changes": shown
            | {
                "case": ["None", f"case {str(terms['case'])[:8]}"],
                "happened_at": ["None", str(terms["at"])],
                "outcome": ["None", terms["outcome"]],
                "account": ["", "(text)"],
                "place": ["", "(text)"],
                "police_attended": ["None", str(terms["police"])],
                "is_police_authored": ["None", str(terms["police_authored"])],
                "submission_key": ["None", str(terms["sent"])],
                "version": ["None", "1"],
            },
        }
    ] + [
        {
            "content_type_id": kinds["contactparticipant"],
            "object_pk": str(row["id"]),
            "object_repr": f"contact participant {str(row['id'])[:8]}",
            "changes": shown
            | {
                "contact": ["None", f"contact {str(terms['id'])[:8]}"],
                "user": ["None", worker.name],
                "is_police": ["None", "False"],
            },
        }
        for row in participants
    ]
    entries.write(
        connection,
        worker,
        route="cases:contact_log",
        relationship=relationship_of(found),
        subjects={str(patient): found["reference"]},
        is_opened=True,
        data={"method": "POST", "seen": {"cases.Patient": 1, "cases.Case": 1}},
        changes=changes,
    )


@cache
def _content_types(connection: Connection) -> dict[str, int]:
    found = connection.execute(
        "SELECT model, id FROM django_content_type WHERE app_label = 'cases' AND model IN ('contact', 'contactparticipant')"
    )
    return {row["model"]: row["id"] for row in found}
