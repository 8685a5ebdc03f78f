"""The floor's WSGI application: one connection, one transaction a request, and nothing leaves before its entry is committed."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from benchmarks.floor import caseload, contact, record, trail
from benchmarks.floor.words import Worker

SECRET = b"only-for-benchmarks"
_PATIENT = re.compile(r"(/trail)?/patients/([0-9a-f-]{36})/(contacts/new/)?$")

# The session, its user, the roles held today and the number in the header.
_SESSION = """
SELECT u.id, u.first_name || ' ' || u.last_name AS name, u.username, u.organisation_id, o.kind, s.last_seen_at,
       s.last_seen_at < now() - interval '1 minute' AS is_stale, m.role, m.team_id, t.name AS team, mo.name AS organisation,
       mo.id AS membership_organisation,
       (SELECT count(*) FROM reminders_notification n WHERE n.user_id = u.id AND n.read_at IS NULL) AS unread
FROM accounts_session s
JOIN accounts_user u ON u.id = s.user_id AND u.is_active
JOIN accounts_organisation o ON o.id = u.organisation_id
LEFT JOIN accounts_membership m ON m.user_id = u.id AND m.starts_on <= current_date
     AND (m.ends_on IS NULL OR m.ends_on >= current_date) AND m.ended_at IS NULL
LEFT JOIN accounts_team t ON t.id = m.team_id
LEFT JOIN accounts_organisation mo ON mo.id = m.organisation_id
WHERE s.session_key = %s AND s.expire_date > now() AND s.signed_in_at > now() - interval '13 hours'
"""
_SEEN = "UPDATE accounts_session SET last_seen_at = now() WHERE session_key = %s"

Answer = tuple[str, list[tuple[str, str]], bytes]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Floor:
    """Obeys the product's rules of operation: durable commits, nothing session-level, no prepared statements (pgbouncer)."""

    def __init__(self) -> None:
        self.connection = psycopg.connect(
            host=os.environ["FLOOR_HOST"],
            dbname=os.environ["FLOOR_DATABASE"],
            user="postgres",
            row_factory=dict_row,
            prepare_threshold=None,
        )

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        with self.connection.transaction():
            status, headers, body = self.answer(environ)
        start_response(status, [*headers, ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
        return [body]

    def answer(self, environ: dict[str, Any]) -> Answer:
        worker = self.worker(environ.get("HTTP_COOKIE", ""))
        if worker is None:
            return "302 Found", [("Location", "/account/login/")], b""
        html = ("Content-Type", "text/html; charset=utf-8")
        path = environ["PATH_INFO"]
        if path == "/caseload/":
            return "200 OK", [html], caseload.page_of(self.connection, worker)
        found = _PATIENT.match(path)
        if found is None:
            return "404 Not Found", [html], b"No such page."
        patient = UUID(found[2])
        if found[1]:
            body = trail.page_of(self.connection, worker, patient)
        elif found[3] and environ["REQUEST_METHOD"] == "POST":
            return self.log(environ, worker, patient)
        elif found[3]:
            body = contact.form_of(worker, csrf_token(worker))
        else:
            body = record.page_of(self.connection, worker, patient)
        return ("200 OK", [html], body) if body else ("404 Not Found", [html], b"No such page.")

    def worker(self, cookie: str) -> Worker | None:
        key = cookie.partition("=")[2].partition(";")[0]
        rows = self.connection.execute(_SESSION, [key]).fetchall()
        if not rows:
            return None
        worker = Worker(key, rows)
        if worker.is_stale:
            self.connection.execute(_SEEN, [key])
        return worker

    def log(self, environ: dict[str, Any], worker: Worker, patient: UUID) -> Answer:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
        fields = parse_qs(body, keep_blank_values=True)
        if not hmac.compare_digest(fields.get("csrfmiddlewaretoken", [""])[0], csrf_token(worker)):
            return "403 Forbidden", [], b""
        where = contact.log(self.connection, worker, patient, fields)
        return ("302 Found", [("Location", where)], b"") if where else ("404 Not Found", [], b"No such page.")


def csrf_token(worker: Worker) -> str:
    return hmac.new(SECRET, worker.key.encode(), hashlib.sha256).hexdigest()
