"""Whatever fails under whichever page: 503, not a byte of a record, and nothing half-written (S37).

A sample of 210 pairs of page and fault here; every pair with ``-m prove``.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from psycopg import sql

from sim_casework.pages.errors import service_unavailable
from sim_casework.proving.addresses import Addresses
from sim_casework.proving.forms import Values
from sim_casework.proving.planting import Planted, guarded_models, plant
from sim_casework.proving.scanning import find
from sim_casework.proving.scene import Scene, make_scene
from sim_casework.proving.visitors import Visitor, sign_in, visitors
from sim_casework.proving.walking import Answer, Walk, last_entry, read_entries, undone
from tests import services
from tests.faults import FAULTS, Fault, Killer, full_disk

# Who meets the pages: together they open and write everything.
WHO = ("lena.lund", "amira.adeyemi", "ivy.inch")
SAMPLE = 210
# Every page has these in its header.
ELSEWHERE = {"/account/logout/", "/demo/sign-in/"}


@dataclass(frozen=True)
class Request:
    """One that shows or writes a record when all is well, with the statements it makes."""

    visitor: Visitor
    method: str
    path: str
    values: Values
    statements: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path} as {self.visitor.name}"


class Listener:
    """Keeps the statements of a request; savepoints are there only because the walk undoes what it does."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(statement)
        if not text.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.heard.append(text)
        return execute(statement, params, many, context)


def listen(
    walk: Walk, method: str, path: str, values: Values | None = None
) -> tuple[Answer, tuple[str, ...]]:
    """One request, undone afterwards, with its statements alone."""
    walk.get("/help/")  # signs in
    listener = Listener()
    with undone(walk.client):
        last = last_entry()
        with connection.execute_wrapper(listener):
            response = walk.client.get(path) if method == "GET" else walk.client.post(path, values)
        answer = walk.kept(method, path, "", response)
        read_entries(answer, last)
    return answer, tuple(listener.heard)


@pytest.fixture
def planted(transactional_db: None, superuser_connection: Any) -> Iterator[tuple[Scene, Planted]]:
    superuser_connection.autocommit = True
    logging.disable(logging.CRITICAL)  # each fault is logged at length
    scene = make_scene()
    yield scene, plant(superuser_connection)
    logging.disable(logging.NOTSET)
    connection.close()


def requests_that_matter(planted: tuple[Scene, Planted], superuser: Any, who: Iterable[str]) -> list[Request]:
    """Each page that shows somebody's record, and each form that writes to one, as the first who may."""
    scene, what = planted
    everybody = {visitor.name: visitor for visitor in visitors(superuser, scene.people)}
    addresses = Addresses(superuser, scene.northern[:1], most=1).every()
    found: dict[tuple[str, ...], Request] = {}
    for name in who:
        walk = Walk(everybody[name])
        for address in addresses:
            answer, heard = listen(walk, "GET", address.path)
            if answer.status == 200 and shows(answer, what):
                found.setdefault(
                    ("GET", address.route), Request(walk.visitor, "GET", address.path, {}, heard)
                )
            for form in answer.page.forms:
                path = form.action or address.path
                key = ("POST", path, *form.names)
                if form.method != "post" or key in found or path in ELSEWHERE:
                    continue
                values = form.filled()
                sent, heard = listen(walk, "POST", path, values)
                if sent.subjects:
                    found[key] = Request(walk.visitor, "POST", path, values, heard)
    return list(found.values())


def shows(answer: Answer, planted: Planted) -> bool:
    return bool(find(answer.content, planted.canaries))


def fingerprint(superuser: psycopg.Connection[Any]) -> str:
    """What stands in all tables about patients, told shortly."""
    apps = ("cases", "crisis_plans", "reminders")
    tables = sorted(m._meta.db_table for m in guarded_models() if m._meta.app_label in apps)
    part = "SELECT {name}, md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
    parts = [sql.SQL(part).format(name=sql.Literal(name), table=sql.Identifier(name)) for name in tables]
    return str(superuser.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


class Trial:
    """Puts one fault under one request after the other, and keeps what went wrong."""

    def __init__(self, superuser: psycopg.Connection[Any], planted: Planted) -> None:
        self.superuser, self.planted = superuser, planted
        self.injected = self.answered = 0
        self.wrong: list[str] = []
        self.page = service_unavailable().content

    def run(self, request: Request, fault: Fault) -> None:
        client = Client(raise_request_exception=False)
        assert request.visitor.user is not None
        sign_in(client, request.visitor.user)
        before = fingerprint(self.superuser)
        last = self._last_entry()
        with fault.inject(self.superuser, len(request.statements)) as fault_at_work:
            response = ask(client, request)
        connection.close()
        if isinstance(fault_at_work, Killer) and fault_at_work.came_too_late:
            self.run(replace(request, statements=request.statements[: fault_at_work.count]), fault)
            return
        self.injected += 1
        told = f"{request}, {fault.name}"
        if response.status_code == 503:
            self.answered += 1
        else:
            self.wrong.append(f"{told}: {response.status_code}")
        body = response.content + str(response.headers).encode()
        if leaked := find(body, self.planted.canaries) - find(request.path.encode(), self.planted.canaries):
            self.wrong.append(f"{told}: {len(leaked)} canaries")
        if response.status_code == 503 and response.content != self.page:
            self.wrong.append(f"{told}: 503 with other words")
        if fingerprint(self.superuser) != before and not (fault.is_after_commit and self._is_recorded(last)):
            self.wrong.append(f"{told}: something was written")

    def _last_entry(self) -> int:
        return self.superuser.execute("SELECT coalesce(max(id), 0) FROM audit_logentry").fetchone()[0]  # type: ignore[index]

    def _is_recorded(self, last: int) -> bool:
        return self._last_entry() > last

    def works_again(self, request: Request) -> bool:
        client = Client(raise_request_exception=False)
        sign_in(client, request.visitor.user)  # type: ignore[arg-type]
        last = self._last_entry()
        return ask(client, request).status_code == 200 and self._is_recorded(last)


def ask(client: Client, request: Request) -> Any:
    if request.method == "GET":
        return client.get(request.path)
    return client.post(request.path, request.values)


def report(trial: Trial, requests: list[Request], capsys: pytest.CaptureFixture[str], *, least: int) -> None:
    figures = {
        "faults": trial.injected,
        "answered_503": trial.answered,
        "requests": len(requests),
        "kinds": len(FAULTS),
        "wrong": len(trial.wrong),
    }
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps({'fail_closed': figures})}\n")
    assert trial.injected >= least
    assert not trial.wrong, "\n".join(trial.wrong[:60])


def test_whatever_fails_nothing_of_a_record_leaves(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = requests_that_matter(planted, superuser_connection, WHO[:1])
    assert len(requests) >= 35
    trial = Trial(superuser_connection, planted[1])
    # Each request meets several faults, each fault many requests: both go round, at different lengths.
    pairs = zip(itertools.cycle(requests), itertools.cycle(FAULTS), strict=False)
    fitting = (pair for pair in pairs if pair[1].is_in_the_way_of(pair[0].statements))
    for request, fault in itertools.islice(fitting, SAMPLE):
        trial.run(request, fault)
    assert trial.works_again(next(request for request in requests if request.method == "GET"))
    report(trial, requests, capsys, least=SAMPLE)


@pytest.mark.prove
def test_every_fault_under_every_page(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = requests_that_matter(planted, superuser_connection, WHO)
    trial = Trial(superuser_connection, planted[1])
    for fault in FAULTS:
        for request in requests:
            if fault.is_in_the_way_of(request.statements):
                trial.run(request, fault)
        assert trial.works_again(next(request for request in requests if request.method == "GET")), fault.name
    report(trial, requests, capsys, least=len(requests) * len(FAULTS) // 2)


@pytest.mark.prove
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_disk_under_every_page(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = requests_that_matter(planted, superuser_connection, WHO)
    trial = Trial(superuser_connection, planted[1])
    with full_disk(services.postgres_of(services.test_paths()).user, superuser_connection):
        fault = Fault("the disk is full", lambda superuser, count: connection.execute_wrapper(_through))
        for request in requests:
            trial.run(request, fault)
    report(trial, requests, capsys, least=len(requests))


def _through(execute: Any, statement: Any, params: Any, many: bool, context: Any) -> Any:
    return execute(statement, params, many, context)
