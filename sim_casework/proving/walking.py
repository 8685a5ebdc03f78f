"""Goes to an address as somebody, and keeps what came back beside what the trail wrote about it. Judges nothing.

Each visit is undone afterwards, in the database and in the browser: the next one meets everything as it was.
"""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.contenttypes.models import ContentType
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from core.access_guard import permit_statements
from core.acting import Acting, acting
from core.models import GuardedModel
from sim_casework.proving.forms import Page, Values, read_page
from sim_casework.proving.visitors import OPENED, Visitor, asked_about, sign_in

# Well below what a page may ask for: a second factor given in the last five minutes.
_FRESH_SECONDS = 120
_ENTRIES = """
SELECT e.request_id, s.patient_id, s.relationship,
       concat_ws(' ', e.object_repr, e.changes, e.additional_data, e.changes_text, e.object_pk), e.content_type_id
FROM audit_logentry e LEFT JOIN audit_entrysubject s ON s.entry_id = e.id AND s.at = e."timestamp"
WHERE e.id > %s
"""


@dataclass
class Answer:
    """What one request brought back, and what the trail holds of it: patients with relationships, and its words."""

    visitor: Visitor
    method: str
    path: str
    status: int
    content: bytes
    content_type: str
    headers: str
    mails: bytes = b""
    sent: str = ""
    # What was sent to the address that led here.
    sent_before: str = ""
    request_ids: set[uuid.UUID] = field(default_factory=set)
    subjects: dict[uuid.UUID, str] = field(default_factory=dict)
    written: str = ""
    # The same of changes of what is about no patient: the trail keeps the name of a new team as it was typed.
    written_about_others: str = ""
    leads_to: str = ""
    # The records open to the visitor by break-glass or exception, asked of the tables and not of the trail; whether with
    # clinical-only text.
    opened: dict[uuid.UUID, bool] = field(default_factory=dict)

    @property
    def everything(self) -> bytes:
        return b"\n".join([self.headers.encode("utf-8", "replace"), self.content, self.mails])

    @property
    def page(self) -> Page:
        return read_page(self.content, self.content_type)

    def __str__(self) -> str:
        return f"{self.method} {self.path} as {self.visitor.name}: {self.status}"


class Walk:
    """One visitor's browser."""

    def __init__(self, visitor: Visitor, **client_options: Any) -> None:
        self.visitor = visitor
        self.client = Client(raise_request_exception=False, **client_options)
        self._signed_in_at = 0.0

    def get(self, path: str, method: str = "GET") -> list[Answer]:
        return self._visit(method, path, None)

    def post(self, path: str, values: Values | None = None) -> list[Answer]:
        return self._visit("POST", path, values or {})

    def _visit(self, method: str, path: str, values: Values | None) -> list[Answer]:
        """The answer, and that of the address it leads to, if it does: a request of its own."""
        self.stay_signed_in()
        with undone(self.client):
            last = last_entry()
            answer = self.ask(method, path, values, last)
            answers = [answer]
            target = urlsplit(answer.leads_to)
            if answer.leads_to and not target.netloc:
                answers.append(self.ask("GET", answer.leads_to, None, last_entry()))
                answers[-1].sent_before = answer.sent
        return answers

    def stay_signed_in(self) -> None:
        """Sign in, or again before a page would ask for the second factor."""
        if self.visitor.user is None or time.monotonic() - self._signed_in_at < _FRESH_SECONDS:
            return
        self.client.cookies.clear()
        sign_in(self.client, self.visitor.user)
        self._signed_in_at = time.monotonic()

    def ask(self, method: str, path: str, values: Values | None, last: int) -> Answer:
        """One request; ``last`` is the newest entry there was. Nothing is undone."""
        mail.outbox.clear()
        began = timezone.now()
        if method == "POST":
            # Encoded here: the test client's own multipart form is slower, and browsers send these.
            body = urlencode(values or {}, doseq=True)
            response = self.client.post(path, body, content_type="application/x-www-form-urlencoded")
        else:
            body = ""
            response = self.client.head(path) if method == "HEAD" else self.client.get(path)
        answer = self.kept(method, path, f"{path} {body}", response)
        read_entries(answer, last)
        read_openings(answer, began)
        return answer

    def kept(self, method: str, path: str, sent: str, response: Any) -> Answer:
        """What came back, with the e-mails that went out; nothing yet of what the trail holds."""
        return Answer(
            visitor=self.visitor,
            method=method,
            path=path,
            status=response.status_code,
            content=b"".join(response) if response.streaming else response.content,
            content_type=response.headers.get("Content-Type", ""),
            headers="\n".join(f"{name}: {value}" for name, value in response.headers.items()),
            mails=b"\n".join(one.message().as_bytes() for one in mail.outbox),
            sent=sent,
            leads_to=response.headers.get("Location", "") if 300 <= response.status_code < 400 else "",
        )


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """Whatever happens inside leaves no trace in the database or the browser."""
    cookies = copy.copy(client.cookies)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies = cookies


def last_entry() -> int:
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audit_logentry")
        return int(cursor.fetchone()[0])


def read_entries(answer: Answer, last: int) -> None:
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [last])
        for request_id, patient, relationship, written, kind in cursor.fetchall():
            answer.request_ids.add(request_id)
            if kind is None or _is_guarded(kind):
                answer.written += f"{written}\n"
            else:
                answer.written_about_others += f"{written}\n"
            if patient is not None:
                answer.subjects[patient] = relationship


def read_openings(answer: Answer, began: datetime) -> None:
    """What was open at any moment since ``began``, which this very visit may have opened or ended; before it is undone."""
    user = answer.visitor.user
    if user is None:
        return
    with acting(Acting(user=user.pk)), permit_statements(), connection.cursor() as cursor:
        cursor.execute(OPENED, asked_about(user) | {"since": began})
        for patient, is_clinical in cursor.fetchall():
            answer.opened[patient] = is_clinical or answer.opened.get(patient, False)


@cache
def _is_guarded(content_type: int) -> bool:
    model = ContentType.objects.get_for_id(content_type).model_class()
    return model is None or issubclass(model, GuardedModel)
