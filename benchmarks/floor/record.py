"""OPEN on the floor: who it is, the plan, what waits, the last twenty contacts and visits, details; recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.floor import entries
from benchmarks.floor.words import (
    Worker,
    age,
    day,
    due,
    facts,
    local,
    midnight,
    moment,
    page,
    people,
    phone,
    summary,
    today,
)

Connection = psycopg.Connection[dict[str, Any]]

OUTCOMES = {
    "met": "Met the person",
    "phone": "Spoke by phone or video",
    "not met": "Tried, did not meet",
    "declined": "The person declined",
    "others": "Spoke with others about the person",
}
PURPOSES = {
    "therapeutic": "Therapeutic work",
    "practical support": "Practical support",
    "plan": "Work on the crisis response plan",
    "review": "Review with the person",
    "safety": "Safety or welfare",
    "multi-agency": "Meeting with other services",
    "crisis": "Response to a crisis",
}
ANSWERS = {"yes": "Yes", "no": "No", "unknown": "Not known", "": ""}
LEADS = ("clinical lead", "deputy clinical lead")
WORKING = ("clinical mentor", "police mentor", *LEADS)

# Whoever holds a working role in a team with a grant and an open case (or one closed within 28 days).
PERMITTED = """
SELECT p.*, m.role, m.team_id, c.id AS case_id, c.closed_on
FROM cases_patient p
JOIN cases_patientgroupobjectpermission g ON g.content_object_id = p.id
JOIN accounts_team t ON t.group_id = g.group_id
JOIN accounts_membership m ON m.team_id = t.id AND m.user_id = %s AND m.starts_on <= current_date AND m.ended_at IS NULL
     AND (m.ends_on IS NULL OR m.ends_on >= current_date) AND m.cleared_until >= current_date
     AND m.role IN ('clinical mentor', 'police mentor', 'clinical lead', 'deputy clinical lead')
JOIN cases_case c ON c.patient_id = p.id AND c.team_id = t.id
     AND (c.closed_on IS NULL OR c.closed_on >= current_date - 28)
WHERE p.id = %s ORDER BY c.closed_on DESC NULLS FIRST LIMIT 1
"""
_PLAN = """
SELECT v.what_helps, v.is_own_words, v.disagreement, v.review_on FROM crisis_plans_planversion v
WHERE v.patient_id = %s
  AND EXISTS (SELECT FROM crisis_plans_plansignoff s WHERE s.version_id = v.id AND s.kind = 'approved')
ORDER BY v.number DESC LIMIT 1
"""
_CONTACTS = """
SELECT c.id, c.happened_at, c.place, c.outcome, c.is_planned, c.purpose, c.others_present, c.police_attended,
       c.agreed_to_police, c.is_police_authored, a.first_name || ' ' || a.last_name AS author,
       CASE WHEN k.id IS NULL OR %(sees_all)s OR c.created_by_id = %(user)s THEN c.account END AS account,
       CASE WHEN k.id IS NULL OR %(sees_all)s OR c.created_by_id = %(user)s THEN c.observation END AS observation,
       CASE WHEN k.id IS NULL OR %(sees_all)s OR c.created_by_id = %(user)s THEN c.opinion END AS opinion,
       s.id IS NOT NULL AS is_signed, k.id IS NOT NULL AS is_struck_out, r.opened_at, r.closed_at,
       CASE WHEN %(clinical)s AND (k.id IS NULL OR %(sees_all)s OR c.created_by_id = %(user)s) THEN n.text END AS note,
       (SELECT json_agg(json_build_object('name', u.first_name || ' ' || u.last_name, 'is_police', cp.is_police)
                        ORDER BY u.last_name, u.first_name)
        FROM cases_contactparticipant cp JOIN accounts_user u ON u.id = cp.user_id WHERE cp.contact_id = c.id) AS participants,
       (SELECT json_agg(json_build_object('by', u.first_name || ' ' || u.last_name, 'at', d.created_at, 'reason', d.reason,
                        'text', d.text, 'clinical', d.is_clinical_only) ORDER BY d.created_at, d.id)
        FROM cases_contactaddendum d JOIN accounts_user u ON u.id = d.created_by_id
        WHERE d.contact_id = c.id AND (%(clinical)s OR NOT d.is_clinical_only)
          AND (k.id IS NULL OR %(sees_all)s OR c.created_by_id = %(user)s)) AS addenda
FROM cases_contact c
JOIN accounts_user a ON a.id = c.created_by_id
LEFT JOIN cases_contactsignature s ON s.contact_id = c.id
LEFT JOIN cases_contactstrikeout k ON k.contact_id = c.id
LEFT JOIN cases_contactreview r ON r.contact_id = c.id
LEFT JOIN cases_contactclinicalnote n ON n.contact_id = c.id
WHERE c.patient_id = %(patient)s ORDER BY c.happened_at DESC, c.id LIMIT 21
"""
_VISITS = """
SELECT v.id, v.planned_for, v.purpose, v.place, o.kind, o.note, a.first_name || ' ' || a.last_name AS author,
       (SELECT json_agg(json_build_object('name', u.first_name || ' ' || u.last_name, 'is_police', vp.is_police)
                        ORDER BY u.last_name, u.first_name)
        FROM cases_visitparticipant vp JOIN accounts_user u ON u.id = vp.user_id WHERE vp.visit_id = v.id) AS participants
FROM cases_visit v
JOIN accounts_user a ON a.id = v.created_by_id
LEFT JOIN cases_visitoutcome o ON o.visit_id = v.id
WHERE v.patient_id = %s
  AND (v.planned_for >= %s AND o.id IS NULL
       OR (v.planned_for <= now() OR o.id IS NOT NULL) AND NOT EXISTS (SELECT FROM cases_contact c WHERE c.visit_id = v.id))
ORDER BY v.planned_for DESC LIMIT 41
"""
_AROUND = """
SELECT (SELECT json_agg(json_build_object('kind', kind, 'name', name) ORDER BY created_at, name)
        FROM cases_othername WHERE patient_id = %(patient)s) AS names,
       (SELECT json_agg(json_build_object('kind', kind, 'name', name, 'relation', relation, 'phone', phone, 'address', address))
        FROM cases_relatedperson WHERE patient_id = %(patient)s) AS related,
       (SELECT json_agg(json_build_object('form', form, 'about', about, 'at', saved_at) ORDER BY saved_at DESC)
        FROM cases_draft WHERE patient_id = %(patient)s AND user_id = %(user)s AND (%(clinical)s OR NOT is_clinical_only)) AS drafts,
       (SELECT json_agg(json_build_object('text', text, 'link', link, 'due_at', due_at, 'urgent', is_urgent) ORDER BY due_at, id)
        FROM reminders_reminder WHERE recipient_id = %(user)s AND patient_id = %(patient)s AND is_task
          AND settled_at IS NULL AND due_at < now() + interval '14 days') AS tasks,
       (SELECT json_agg(json_build_object('team', t.name, 'clinical', cm.first_name || ' ' || cm.last_name,
                        'police', pm.first_name || ' ' || pm.last_name, 'opened', c.opened_on, 'closed', c.closed_on,
                        'next_service', c.next_service, 'note', c.step_down_note)
                        ORDER BY c.closed_on DESC NULLS FIRST, c.opened_on DESC, c.id)
        FROM cases_case c JOIN accounts_team t ON t.id = c.team_id JOIN accounts_user cm ON cm.id = c.clinical_mentor_id
        JOIN accounts_user pm ON pm.id = c.police_mentor_id WHERE c.patient_id = %(patient)s) AS cases
"""


def permitted(connection: Connection, worker: Worker, patient: UUID) -> dict[str, Any] | None:
    return connection.execute(PERMITTED, [worker.id, patient]).fetchone()


def relationship_of(found: dict[str, Any]) -> str:
    if found["closed_on"]:
        return "closed case"
    return "supervision" if found["role"] in LEADS else "case team"


def page_of(connection: Connection, worker: Worker, patient: UUID) -> bytes | None:
    found = permitted(connection, worker, patient)
    if found is None:
        return None
    terms = {
        "patient": patient,
        "user": worker.id,
        "sees_all": found["role"] in LEADS,
        "clinical": found["role"] != "police mentor",
    }
    plan = connection.execute(_PLAN, [patient]).fetchone()
    contacts = connection.execute(_CONTACTS, terms).fetchall()
    now = today()
    visits = connection.execute(_VISITS, [patient, midnight(now)]).fetchall()
    around = connection.execute(_AROUND, terms).fetchone() or {}
    waiting = [visit for visit in visits if visit["kind"] is None and visit["planned_for"] >= midnight(now)][
        ::-1
    ]
    past = [visit for visit in visits if visit["planned_for"] <= datetime.now(UTC) or visit["kind"]]
    timeline = sorted(
        [(c["happened_at"], _contact(c, patient, now)) for c in contacts]
        + [(v["planned_for"], _visit(v, patient, now)) for v in past],
        key=lambda entry: entry[0],
        reverse=True,
    )
    shown = timeline[:20]
    entries.write(
        connection,
        worker,
        route="patient_record",
        relationship=relationship_of(found),
        subjects={str(patient): found["reference"]},
        is_opened=True,
        data={
            "method": "GET",
            "contacts": sorted(str(contact["id"]) for contact in contacts[:20]),
            "seen": {"cases.Contact": len(contacts), "cases.Patient": 1, "cases.Case": 1},
        },
    )
    return page(
        f"Record {found['reference']}",
        worker,
        _identity(found, now)
        + _plan(plan, patient)
        + _to_do(worker, patient, found, waiting, around, now)
        + f"<h2>What happened</h2><ol>{''.join(html for _, html in shown)}</ol>"
        + (f'<a href="/patients/{patient}/timeline/">Older</a>' if len(timeline) > 20 else "")
        + _details(found, around),
    )


def _identity(found: dict[str, Any], now: Any) -> str:
    born = found["date_of_birth"]
    likes = (
        f"Likes to be called <strong>{escape(found['preferred_name'])}</strong>"
        if found["preferred_name"]
        else ""
    )
    return (
        f"<section><p>{escape(found['given_name'])} {escape(found['family_name'])} {likes}</p>"
        f"<dl><dt>Reference</dt><dd>{found['reference']}</dd><dt>Born</dt><dd>{day(born)} ({age(born, now)} years)</dd>"
        f"<dt>Pronouns</dt><dd>{escape(found['pronouns'])}</dd></dl></section>"
    )


def _plan(plan: dict[str, Any] | None, patient: UUID) -> str:
    fixed = "<p><strong>This plan never limits emergency care. Assess the person on what is happening today.</strong></p>"
    if plan is None:
        return f"<h2>What helps</h2>{fixed}<p>No crisis response plan has been approved yet.</p>"
    heading = (
        "What helps me – in my own words"
        if plan["is_own_words"]
        else "What others have seen help – not the person’s own words"
    )
    lines = "".join(f"<li>{escape(line)}</li>" for line in plan["what_helps"].splitlines() if line.strip())
    is_over = plan["review_on"] is not None and plan["review_on"] < today()
    banner = f"<p>This plan was to be reviewed by {day(plan['review_on'])}.</p>" if is_over else ""
    review = f"Review by {day(plan['review_on'])}" if plan["review_on"] else ""
    return (
        f"<h2>What helps</h2>{fixed}{banner}<h2>{heading}</h2><ul>{lines}</ul>{escape(plan['disagreement'])}"
        f'<a href="/patients/{patient}/plan/">The whole crisis response plan</a> {review}'
    )


def _to_do(
    worker: Worker,
    patient: UUID,
    found: dict[str, Any],
    waiting: list[dict[str, Any]],
    around: dict[str, Any],
    now: Any,
) -> str:
    links = (
        f'<a href="/patients/{patient}/contacts/new/">Log a contact</a><a href="/patients/{patient}/visits/new/">Plan a visit</a>'
        if found["closed_on"] is None
        else ""
    )
    drafts = "".join(f"<li>{escape(draft['form'])}</li>" for draft in around["drafts"] or [])
    tasks = ""
    for task in around["tasks"] or []:
        on = local(datetime.fromisoformat(task["due_at"])).date()
        tasks += f'<li><a href="{task["link"]}">{escape(task["text"])}</a> {due(on, now)} {day(on)}</li>'
    visits = "".join(
        f'<li><a href="/patients/{patient}/visits/{visit["id"]}/">Visit: {PURPOSES[visit["purpose"]]}</a>'
        f" {escape(people(visit['participants'] or []))} {moment(visit['planned_for'], now)}</li>"
        for visit in waiting
    )
    return f"{links}<ul>{drafts}</ul><h2>To do</h2><ul>{tasks}{visits}</ul>"


def _contact(contact: dict[str, Any], patient: UUID, now: Any) -> str:
    is_withheld = contact["is_struck_out"] and contact["account"] is None
    title = "Struck-out entry" if is_withheld else OUTCOMES[contact["outcome"]]
    tags = "Struck out" if contact["is_struck_out"] else "" if contact["is_signed"] else "Not signed"
    if contact["opened_at"]:
        tags += " Reviewed" if contact["closed_at"] else " Review open"
    if contact["note"]:
        tags += " Has clinical-only text"
    body, details = "Written into the wrong record.", ""
    if not is_withheld:
        parts = [contact["account"]]
        parts += [
            f"{name}\n{text}"
            for name, text in (
                ("Observation", contact["observation"]),
                ("Opinion", contact["opinion"]),
                ("Clinical only", contact["note"]),
            )
            if text
        ]
        parts += [
            f"Addendum, {moment(datetime.fromisoformat(row['at']), now)}, {row['by']}: {row['reason']}\n{row['text']}"
            for row in contact["addenda"] or []
        ]
        body = "\n\n".join(parts)
        details = facts(
            [
                (
                    "There",
                    ", ".join(
                        filter(None, [people(contact["participants"] or []), contact["others_present"]])
                    ),
                ),
                ("For", PURPOSES.get(contact["purpose"], "")),
                ("Planned", {True: "Yes", False: "No", None: ""}[contact["is_planned"]]),
                ("Place", contact["place"]),
                (
                    "Agreed to police",
                    ANSWERS[contact["agreed_to_police"]] if contact["police_attended"] else "",
                ),
            ]
        )
    return (
        f'<li><h3>Contact <a href="/patients/{patient}/contacts/{contact["id"]}/">{title}</a></h3>'
        f'<p><time datetime="{contact["happened_at"].isoformat()}">{moment(contact["happened_at"], now)}</time>'
        f" {escape(contact['author'])}{', police' if contact['is_police_authored'] else ''} {tags}</p>"
        f"<dl>{details}</dl><div>{escape(body)}</div></li>"
    )


def _visit(visit: dict[str, Any], patient: UUID, now: Any) -> str:
    return (
        f'<li><h3>Visit <a href="/patients/{patient}/visits/{visit["id"]}/">{PURPOSES[visit["purpose"]]}</a></h3>'
        f"<p>{moment(visit['planned_for'], now)} {escape(visit['author'])} {visit['kind'] or 'Outcome missing'}</p><dl>"
        f"{facts([('Taking part', people(visit['participants'] or [])), ('Place', visit['place'])])}</dl>"
        f"<div>{escape(visit['note'] or '')}</div></li>"
    )


def _details(found: dict[str, Any], around: dict[str, Any]) -> str:
    names = around["names"] or []
    related = {row["kind"]: row for row in around["related"] or []}
    html = "<h2>Details</h2>" + summary(
        [
            ("Name", f"{found['given_name']} {found['family_name']}"),
            ("Preferred name", found["preferred_name"]),
            ("Former names", "\n".join(row["name"] for row in names if row["kind"] == "former name")),
            ("Also known as", "\n".join(row["name"] for row in names if row["kind"] == "alias")),
            ("Pronouns", found["pronouns"]),
            ("Date of birth", day(found["date_of_birth"])),
            ("NHS number", found["nhs_number"]),
            ("Phone", phone(found["phone"])),
            ("How to get in touch", found["contact_preferences"]),
            ("Address", "\n".join(filter(None, [found["address"], found["postcode"]]))),
            ("Interpreter", found["interpreter_needs"]),
            ("Access needs", found["access_needs"]),
        ]
    )
    html += "<h2>People around them</h2>" + summary(
        [(label, _related(related.get(kind))) for kind, label in _KINSHIP.items()]
    )
    for case in around["cases"] or []:
        html += "<h2>Case</h2>" + summary(
            [
                ("Team", case["team"]),
                ("Clinical mentor", case["clinical"]),
                ("Police mentor", case["police"]),
                ("Opened", case["opened"]),
                ("Closed", case["closed"] or ""),
                ("Responsible now", case["next_service"]),
                ("Step-down note", case["note"]),
            ][: 4 if case["closed"] is None else 7]
        )
    return html


_KINSHIP = {"next of kin": "Next of kin", "advocate": "Advocate", "GP": "GP"}


def _related(person: dict[str, Any] | None) -> str:
    if person is None:
        return ""
    named = f"{person['name']} ({person['relation']})" if person["relation"] else person["name"]
    return "\n".join(filter(None, [named, phone(person["phone"]), person["address"]]))
