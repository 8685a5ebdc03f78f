"""TRAIL on the floor: the newest fifty entries about one patient, in plain sentences; itself recorded."""

from __future__ import annotations

from html import escape
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.floor import entries
from benchmarks.floor.words import Worker, facts, moment, page, today

# An officer reads about patients of teams in which the officer's organisation takes part.
_PATIENT = """
SELECT p.given_name, p.family_name, p.reference FROM cases_patient p JOIN accounts_team t ON t.id = p.team_id
WHERE p.id = %s AND (t.trust_id = ANY(%s) OR t.force_id = ANY(%s))
"""
_ENTRIES = """
SELECT s.is_opened, s.relationship, e.id, e."timestamp" AS at, e.action, e.outcome, e.route, e.additional_data ->> 'method' AS method,
       e.changes, e.actor_name, e.role, e.team, e.organisation, e.on_behalf_of, e.reason, e.actor_id, ct.model,
       u.first_name || ' ' || u.last_name AS actor
FROM audit_entrysubject s
JOIN audit_logentry e ON e.id = s.entry_id AND e."timestamp" = s.at
LEFT JOIN accounts_user u ON u.id = e.actor_id
LEFT JOIN django_content_type ct ON ct.id = e.content_type_id
WHERE s.patient_id = %s ORDER BY s.at DESC, s.entry_id DESC LIMIT 51
"""
_ROUTES = {
    "patient_record": "opened the patient record",
    "caseload": "looked at the caseload",
    "audit:patient_trail": "read the trail of this patient",
    "cases:contact_log": "sent the form to log a contact",
}
_THINGS = {"contact": "a contact", "contactparticipant": "somebody who was at a contact"}
_WHY = {
    "case team": "works in the team that supports the patient",
    "supervision": "leads the team that supports the patient",
    "IG review": "reviews the trail for their organisation",
    "closed case": "worked in the team whose case was closed not long ago",
}
_CHANGES = {0: "added", 1: "changed", 2: "removed"}


def page_of(connection: psycopg.Connection[dict[str, Any]], worker: Worker, patient: UUID) -> bytes | None:
    organisations = [
        row["membership_organisation"] for row in worker.memberships if row["role"] == "IG officer"
    ]
    found = connection.execute(_PATIENT, [patient, organisations, organisations]).fetchone()
    if found is None:
        return None
    rows = connection.execute(_ENTRIES, [patient]).fetchall()
    shown = rows[:50]
    entries.write(
        connection,
        worker,
        route="audit:patient_trail",
        relationship="IG review",
        subjects={str(patient): found["reference"]},
        is_opened=True,
        data={"method": "GET", "seen": {"audit.EntrySubject": len(rows), "audit.LogEntry": len(rows)}},
        purpose="information governance",
    )
    now = today()
    lines = "".join(_line(row, now) for row in shown)
    older = (
        f'<a href="?before={shown[-1]["at"].isoformat()}_{shown[-1]["id"]}">Older</a>'
        if len(rows) > 50
        else ""
    )
    people = "".join(f"<option value={key}>{escape(name)}" for key, name in _people(shown))
    teams = "".join(f"<option>{escape(team)}" for team in sorted({row["team"] for row in shown}))
    filters = (
        "<details><summary>Filter this list</summary><form><select name=kind><option>Everything<option>Opened"
        f"<option>Listed only<option>Changed</select><select name=person><option>Anybody{people}</select>"
        f"<select name=team><option>Any team{teams}</select><input name=since><input name=until></form></details>"
    )
    return page(
        f"Trail of {found['reference']}",
        worker,
        f"<h1>Trail of {found['reference']} {escape(found['given_name'])} {escape(found['family_name'])}</h1>"
        f"{filters}<p>{len(shown)} entries, newest first.</p><ol>{lines}</ol>{older}",
    )


def _people(rows: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return sorted(
        {row["actor_id"]: row["actor"] for row in rows if row["actor_id"]}.items(), key=lambda one: one[1]
    )


def _line(row: dict[str, Any], now: Any) -> str:
    if row["action"] in _CHANGES:
        kind, did = "Changed", f"{_CHANGES[row['action']]} {_THINGS.get(row['model'], 'a record')}"
    else:
        kind = "Opened" if row["is_opened"] else "Listed only"
        did = _ROUTES.get(row["route"], row["route"])
    tag = "" if row["outcome"] == "ok" else f"<strong>{row['outcome']}</strong>"
    who = ", ".join(filter(None, [row["role"], row["team"], row["organisation"]]))
    told = facts(
        [
            ("Why allowed", _WHY.get(row["relationship"], row["relationship"])),
            ("On behalf of", row["on_behalf_of"]),
            ("Reason given", row["reason"]),
        ]
    )
    return (
        f"<li><h2>{kind} <span>{escape(row['actor'] or row['actor_name'])} {did}</span></h2>"
        f'<p><time datetime="{row["at"].isoformat()}">{moment(row["at"], now)}</time> {escape(who)} {tag}</p><dl>{told}</dl></li>'
    )
