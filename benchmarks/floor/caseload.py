"""LIST on the floor: the first 25 of the team by name with next review, last contact and what is overdue; recorded."""

from __future__ import annotations

from html import escape
from typing import Any

import psycopg

from benchmarks.floor import entries
from benchmarks.floor.words import Worker, local, midnight, page, short_day, today

_ROWS = """
WITH listed AS (
    SELECT p.id, p.reference, p.given_name, p.family_name, p.preferred_name, c.clinical_mentor_id, c.police_mentor_id
    FROM accounts_membership m
    JOIN accounts_team t ON t.id = m.team_id
    JOIN cases_case c ON c.team_id = t.id AND c.closed_on IS NULL
    JOIN cases_patient p ON p.id = c.patient_id
    JOIN cases_patientgroupobjectpermission g ON g.content_object_id = p.id AND g.group_id = t.group_id
    WHERE m.user_id = %(user)s AND m.starts_on <= current_date AND (m.ends_on IS NULL OR m.ends_on >= current_date)
      AND m.ended_at IS NULL AND m.cleared_until >= current_date AND m.role IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead')
    ORDER BY p.family_name, p.given_name, p.id LIMIT 26
)
SELECT listed.*, cm.first_name || ' ' || cm.last_name AS clinical, pm.first_name || ' ' || pm.last_name AS police,
       (SELECT v.review_on FROM crisis_plans_planversion v
        WHERE v.patient_id = listed.id
          AND EXISTS (SELECT FROM crisis_plans_plansignoff s WHERE s.version_id = v.id AND s.kind = 'approved')
        ORDER BY v.number DESC LIMIT 1) AS next_review,
       (SELECT k.happened_at FROM cases_contact k
        WHERE k.patient_id = listed.id AND k.outcome IN ('met', 'phone')
          AND NOT EXISTS (SELECT FROM cases_contactstrikeout x WHERE x.contact_id = k.id)
        ORDER BY k.happened_at DESC LIMIT 1) AS last_contact,
       (SELECT json_agg(DISTINCT r.text) FROM reminders_reminder r
        WHERE r.patient_id = listed.id AND r.recipient_id = %(user)s AND r.is_task AND r.settled_at IS NULL
          AND r.due_at < %(today)s) AS overdue
FROM listed JOIN accounts_user cm ON cm.id = clinical_mentor_id JOIN accounts_user pm ON pm.id = police_mentor_id
ORDER BY family_name, given_name, id
"""


def page_of(connection: psycopg.Connection[dict[str, Any]], worker: Worker) -> bytes:
    now = today()
    rows = connection.execute(_ROWS, {"user": worker.id, "today": midnight(now)}).fetchall()
    shown = rows[:25]
    entries.write(
        connection,
        worker,
        route="caseload",
        relationship="case team",
        subjects={str(row["id"]): row["reference"] for row in rows},
        is_opened=False,
        data={"method": "GET", "seen": {"cases.Case": len(rows), "cases.Patient": len(rows)}},
    )
    body = "".join(_row(row, now) for row in shown)
    older = f'<a href="?after={shown[-1]["id"]}">Later names</a>' if len(rows) > 25 else ""
    filters = (
        "<details><summary>Filter this list</summary><form><label><input type=radio name=scope value=mine>People I mentor</label>"
        "<label><input type=radio name=scope value=team checked>Everybody in the team</label>"
        "<label><input type=checkbox name=overdue>Only where something is overdue</label><button>Apply filters</button></form></details>"
    )
    return page("Caseload", worker, f"<h1>Caseload of the team</h1>{filters}<table>{body}</table>{older}")


def _row(row: dict[str, Any], now: Any) -> str:
    likes = f"<br>Likes to be called {escape(row['preferred_name'])}" if row["preferred_name"] else ""
    review = short_day(row["next_review"]) or "No plan yet"
    if row["next_review"] and row["next_review"] < now:
        review += f" {(now - row['next_review']).days} days overdue"
    last = short_day(local(row["last_contact"])) if row["last_contact"] else "None yet"
    overdue = "<br>".join(f"Overdue {escape(text)}" for text in row["overdue"] or []) or "Nothing"
    return (
        f'<tr><td><a href="/patients/{row["id"]}/">{escape(row["given_name"])} {escape(row["family_name"])}</a>{likes}</td>'
        f"<td>{row['reference']}</td><td>{review}</td><td>{last}</td><td>{overdue}</td>"
        f"<td>{escape(row['clinical'])}, {escape(row['police'])} (police)</td></tr>"
    )
