"""The four operations as the requests of real people: who opens, lists, logs and reads what, with their sessions and forms."""

from __future__ import annotations

import hashlib
import random
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.sizes import PATIENTS_PER_TEAM, Size

OPEN, LIST, LOG, TRAIL = "OPEN", "LIST", "LOG", "TRAIL"
OPERATIONS = (OPEN, LIST, LOG, TRAIL)
# So few that everybody is busy: last seen, written once a minute, is then no part of an ordinary request.
_TEAMS_AT_WORK = 8
_USERS_PER_TEAM = 11


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at work: a clinical mentor with the patients of their team, or an officer of their trust."""

    mentor: int
    officer: int
    patients: tuple[str, ...]


@dataclass(slots=True)
class Request:
    """What a browser sends, as plain data that passes through a pipe."""

    path: str
    user: int
    method: str = "GET"
    query: str = ""
    form: list[tuple[str, str]] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)


def people_at_work(size: Size) -> list[Person]:
    """Spread over the whole table; the numbers are those of the seed's SQL."""
    count = min(_TEAMS_AT_WORK, size.teams)
    step = size.teams // count
    return [_person(size, 1 + place * step) for place in range(count)]


def _person(size: Size, team: int) -> Person:
    first = (team - 1) * PATIENTS_PER_TEAM
    return Person(
        mentor=_USERS_PER_TEAM * (team - 1) + 1,
        officer=_USERS_PER_TEAM * size.teams + (team + 1) // 2,
        patients=tuple(patient_key(first + place) for place in range(1, PATIENTS_PER_TEAM + 1)),
    )


def patient_key(number: int) -> str:
    """The key that pg_temp.key('patient', number) makes."""
    return str(uuid.UUID(hashlib.md5(f"patient {number} 0 0".encode(), usedforsecurity=False).hexdigest()))


class Browser:
    """Makes requests for one contender: knows everybody's session, and the forms it was given."""

    def __init__(self, people: list[Person], sessions: dict[int, str], cookie_name: str, seed: int) -> None:
        self.people = people
        self.sessions = sessions
        self.cookie_name = cookie_name
        self.random = random.Random(seed)  # noqa: S311 - which patient comes next is no secret
        self.forms: dict[int, list[tuple[str, str]]] = {}
        self.cookies: dict[int, dict[str, str]] = {}

    def requests(self, operation: str, count: int) -> list[Request]:
        make = {OPEN: self._open, LIST: self._list, LOG: self._log, TRAIL: self._trail}[operation]
        return [make(*self._somebody()) for _ in range(count)]

    def needed_forms(self) -> Iterator[tuple[int, Request]]:
        """One page with the contact form for each mentor; hand its answer to ``take_form``."""
        for person in self.people:
            yield (
                person.mentor,
                self._signed_in(person.mentor, f"/patients/{person.patients[0]}/contacts/new/"),
            )

    def take_form(self, user: int, body: str, cookies: dict[str, str]) -> None:
        self.forms[user] = hidden_fields(body)
        self.cookies[user] = cookies

    def _somebody(self) -> tuple[Person, str]:
        person = self.random.choice(self.people)
        return person, self.random.choice(person.patients)

    def _signed_in(self, user: int, path: str, **more: Any) -> Request:
        cookies = {self.cookie_name: self.sessions[user], **self.cookies.get(user, {})}
        return Request(path, user, cookies=cookies, **more)

    def _open(self, person: Person, patient: str) -> Request:
        return self._signed_in(person.mentor, f"/patients/{patient}/")

    def _list(self, person: Person, patient: str) -> Request:
        return self._signed_in(person.mentor, "/caseload/", query="scope=team")

    def _trail(self, person: Person, patient: str) -> Request:
        return self._signed_in(person.officer, f"/trail/patients/{patient}/")

    def _log(self, person: Person, patient: str) -> Request:
        """The quick contact: the page's own hidden fields with a key of its own, and what somebody types."""
        kept = {"csrfmiddlewaretoken", "draft_about"}
        hidden = [(name, value) for name, value in self.forms[person.mentor] if name in kept]
        typed = [
            # Never the same twice, in another run on this database either: a second send saves nothing.
            ("submission_key", str(uuid.uuid4())),
            ("happened_on_choice", "yesterday"),
            ("happened_on_other", ""),
            ("at", f"{self.random.randrange(8, 18)}:{self.random.randrange(60):02d}"),
            ("present", str(person.mentor)),
            ("others_present", ""),
            ("outcome", "met"),
            (
                "account",
                f"We talked about the move, {uuid.uuid4()}.\nThey will ring on Friday.",
            ),
            ("clinical_text", ""),
            ("place", "At home"),
            ("purpose", "practical support"),
            ("is_planned", "no"),
        ]
        return self._signed_in(
            person.mentor, f"/patients/{patient}/contacts/new/", method="POST", form=hidden + typed
        )


def hidden_fields(body: str) -> list[tuple[str, str]]:
    """Of the page's last form: the header has one of its own."""
    form = body[body.rindex('<form method="post"', 0, body.index("submission_key")) :]
    inputs = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form)
    found = []
    for text in inputs:
        name = re.search(r'name="([^"]*)"', text)
        value = re.search(r'value="([^"]*)"', text)
        if name:
            found.append((name[1], value[1] if value else ""))
    return found


Answers = Callable[[Request], Any]
