"""Anything in any field of any form and any query: no fault, no record that is not the sender's, nothing unescaped.

A sample of what is sent here; more than 10,000 with ``-m prove``.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import gcd
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from sim_casework.proving.addresses import Addresses
from sim_casework.proving.judging import Verdict
from sim_casework.proving.planting import Planted, plant
from sim_casework.proving.scene import Scene, make_scene
from sim_casework.proving.visitors import Visitor, visitors
from sim_casework.proving.walking import Answer, Walk, last_entry, read_entries, undone
from tests.hostile_input import BODIES, HEADER, NUMBER, PAYLOADS, PICTURE, SCRIPT

FORM = "application/x-www-form-urlencoded"
# Who meets every form between them; and one of the other team, whose guesses must stay guesses.
WHO = ("lena.lund", "pete.parr", "oona.orr", "tess.thorn", "ivy.inch", "nobody", "sol.sorrel")
# Parameters that pages read, or that such pages often read.
QUERY = (
    "q",
    "before",
    "after",
    "page",
    "next",
    "order",
    "since",
    "until",
    "kind",
    "who",
    "visit",
    "draft",
    "note",
)
SAMPLE, ALL = 400, 12_000


@dataclass(frozen=True)
class Attempt:
    visitor: Visitor
    method: str
    path: str
    body: bytes
    content_type: str
    told: str


@pytest.fixture
def planted(transactional_db: None, superuser_connection: Any) -> Iterator[tuple[Scene, Planted]]:
    superuser_connection.autocommit = True
    logging.disable(logging.CRITICAL)
    scene = make_scene()
    yield scene, plant(superuser_connection)
    logging.disable(logging.NOTSET)


@dataclass(frozen=True)
class Field:
    """One field of one form, or one parameter of one address, with all the others as they should be."""

    visitor: Visitor
    method: str
    path: str
    values: dict[str, list[str]]
    name: str

    def attempt(self, told: str, payload: bytes) -> Attempt:
        others = [(name, value) for name, each in self.values.items() if name != self.name for value in each]
        pairs: list[tuple[str, Any]] = [*others, (self.name, payload)]
        encoded = urlencode(pairs)
        told = f"{told} in {self.name}"
        if self.method == "GET":
            return Attempt(self.visitor, "GET", f"{self.path}?{encoded}", b"", "", told)
        return Attempt(self.visitor, "POST", self.path, encoded.encode(), FORM, told)


def fields(planted: tuple[Scene, Planted], superuser: Any, who: Iterable[str]) -> Iterator[Field]:
    """Every field that the pages offer, and the parameters of their links, once."""
    scene, _ = planted
    everybody = {visitor.name: visitor for visitor in visitors(superuser, scene.people)}
    patients = [scene.northern[0], scene.southern[0]]
    addresses = Addresses(superuser, patients[:1], most=1).every()
    met: set[tuple[str, ...]] = set()
    for name in who:
        walk = Walk(everybody[name])
        for address in addresses:
            answer = walk.get(address.path)[0]
            if answer.status != 200:
                continue
            for found in _offered(walk.visitor, address.path, address.route, answer):
                key = (found.method, address.route if found.path == address.path else found.path, found.name)
                if key not in met:
                    met.add(key)
                    yield found


def _offered(visitor: Visitor, path: str, route: str, answer: Answer) -> Iterator[Field]:
    for form in answer.page.forms:
        values = form.filled()
        for name in form.names:
            yield Field(visitor, form.method.upper(), (form.action or path).partition("?")[0], values, name)
    for link in answer.page.links:
        target, _, query = link.partition("?")
        given = {name: [value] for name, value in parse_qsl(query)}
        for name in given:
            yield Field(visitor, "GET", target, given, name)
    for name in QUERY:
        yield Field(visitor, "GET", path, {}, name)


Making = Callable[[], Attempt]


def attempts(every: list[Field], most: int) -> Iterator[Attempt]:
    """So many of all that could be sent, at even steps, so that each field meets many payloads, each payload many fields."""
    makings = list(_makings(every))
    # Odd and with no factor of their number, or one payload would meet the same fields again and again.
    step = max(1, len(makings) // most)
    while gcd(step, len(makings)) != 1:
        step += 1
    for index in range(min(most, len(makings))):
        yield makings[index * step % len(makings)]()


def _makings(every: list[Field]) -> Iterator[Making]:
    """What could be sent, each still to be written out: some of it is long."""
    for told, payload in PAYLOADS.items():
        for field in every:
            yield partial(field.attempt, told, payload)
    targets = {(field.visitor, field.path): field for field in every if field.method == "POST"}
    for (visitor, path), _ in targets.items():
        for told, (content_type, body) in BODIES.items():
            yield partial(Attempt, visitor, "POST", path, body, content_type, told)
    yield from _addresses({field.visitor for field in every})


def _addresses(senders: Iterable[Visitor]) -> Iterator[Making]:
    """Hostile addresses themselves, for which no page stands."""
    for visitor in sorted(senders, key=lambda one: one.name):
        for told, payload in PAYLOADS.items():
            quoted = urlencode({"": payload})[1:][:4000]
            for start in (
                "/",
                "/patients/",
                "/people/",
                "/trail/patients/",
                "/account/invitation/",
                "/static/",
            ):
                yield partial(Attempt, visitor, "GET", f"{start}{quoted}/", b"", "", f"{told} in the address")


class Judge:
    def __init__(self, planted: Planted) -> None:
        self.verdict = Verdict(planted)
        self.walks: dict[str, Walk] = {}
        self.sent = 0
        self.wrong: list[str] = []
        self.statuses: Counter[int] = Counter()

    def send(self, attempt: Attempt) -> None:
        walk = self.walks.setdefault(attempt.visitor.name, Walk(attempt.visitor))
        walk.stay_signed_in()
        with undone(walk.client):
            last = last_entry()
            response = walk.client.generic(
                attempt.method, attempt.path, attempt.body, content_type=attempt.content_type
            )
            sent = f"{attempt.path} {attempt.body.decode('latin-1')}"
            answer = walk.kept(attempt.method, attempt.path, sent, response)
            read_entries(answer, last)
        self.sent += 1
        self.statuses[answer.status] += 1
        self._judge(attempt, answer, response)

    def _judge(self, attempt: Attempt, answer: Answer, response: Any) -> None:
        told = f"{attempt.method} {attempt.path[:120]} as {attempt.visitor.name}, {attempt.told}"
        before = len(self.verdict.leaks), len(self.verdict.missing)
        self.verdict.judge(answer)
        if answer.status >= 500 and not attempt.path.startswith("/healthz"):
            self.wrong.append(f"{told}: {answer.status}")
        if (len(self.verdict.leaks), len(self.verdict.missing)) != before:
            self.wrong.append(f"{told}: {[*self.verdict.leaks, *self.verdict.missing][-1]}")
        if HEADER.decode() in response.headers or any("\n" in value for value in response.headers.values()):
            self.wrong.append(f"{told}: a header of the sender's")
        if any(raw in answer.content for raw in (SCRIPT, PICTURE, NUMBER)):
            self.wrong.append(f"{told}: not escaped")
        if "evil.example.org" in re.sub(r"[?#].*", "", response.headers.get("Location", "")):
            self.wrong.append(f"{told}: sent to another site")


def report(judge: Judge, every: list[Field], capsys: pytest.CaptureFixture[str], *, least: int) -> None:
    figures = {
        "inputs": judge.sent,
        "fields": len(every),
        "payloads": len(PAYLOADS) + len(BODIES),
        "errors": sum(count for status, count in judge.statuses.items() if status >= 500),
        "leaks": len(judge.verdict.leaks),
        "wrong": len(judge.wrong),
    }
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps({'hostile_inputs': figures})}\n")
    assert judge.sent >= least
    assert not judge.wrong, "\n".join(judge.wrong[:80])


def test_a_sample_of_hostile_input_is_refused_in_words_or_ignored(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    every = list(fields(planted, superuser_connection, ("lena.lund",)))
    judge = Judge(planted[1])
    for attempt in attempts(every, SAMPLE):
        judge.send(attempt)
    report(judge, every, capsys, least=SAMPLE)


@pytest.mark.prove
def test_ten_thousand_hostile_inputs_make_no_fault_and_show_nothing(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    every = list(fields(planted, superuser_connection, WHO))
    judge = Judge(planted[1])
    for attempt in attempts(every, ALL):
        judge.send(attempt)
    report(judge, every, capsys, least=10_000)
