"""Starts the contenders and lets them answer in turns, by the clocks of their own processes and their backends."""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import psycopg

from benchmarks.cluster import DATABASE, environment
from benchmarks.contenders import APP, CONTENDERS, FLOOR, ROLES
from benchmarks.operations import LOG, OPERATIONS, Browser, Request, people_at_work
from benchmarks.sizes import Size
from sim_casework.devstack.paths import REPOSITORY
from sim_casework.devstack.postgres import PostgresServer

_ASIDE = re.compile(
    r"\s*(SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT|SELECT\s+(pg_catalog\.)?set_config\b)|\s*$", re.IGNORECASE
)


def is_counted(statement: str) -> bool:
    """Whether a statement is more than transaction control, the settings of row policies or the pool's empty probe."""
    return not _ASIDE.match(statement)


@dataclass(frozen=True, slots=True)
class Batch:
    """Per request, in milliseconds: CPU of the application and of PostgreSQL; wall times one by one."""

    app_cpu: float
    database_cpu: float
    wall: tuple[float, ...]
    bytes: float

    @property
    def cpu(self) -> float:
        return self.app_cpu + self.database_cpu


@dataclass(slots=True)
class Figures:
    """What a run found. ``batches``: operation → contender → one a round."""

    batches: dict[str, dict[str, list[Batch]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    statements: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))
    wal: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    growth: dict[str, list[float]] = field(default_factory=dict)


class Contender:
    """One worker process and the browser that talks to it."""

    def __init__(self, name: str, size: Size, server: PostgresServer) -> None:
        self.name = name
        self.label = f"bench {name}"
        variables = environment(size, user=ROLES[name]) | {
            "PGAPPNAME": self.label,
            "FLOOR_HOST": str(server.sockets),
            "FLOOR_DATABASE": DATABASE,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env=variables,
            text=True,
        )
        self.browser: Browser

    def ask(self, command: str, argument: Any = None) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([command, argument]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} has ended; its last words stand above.")
        return json.loads(line)

    def page(self, request: Request) -> Any:
        return self.ask("page", asdict(request))

    def fetch_forms(self) -> None:
        for user, request in self.browser.needed_forms():
            answer = self.page(request)
            self.browser.take_form(user, answer["body"], answer["cookies"])

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


class Bench:
    """All contenders on one seeded database."""

    def __init__(self, size: Size, server: PostgresServer, superuser: psycopg.Connection) -> None:
        self.size = size
        self.superuser = superuser
        self.contenders = {name: Contender(name, size, server) for name in CONTENDERS}
        people = people_at_work(size)
        users = sorted({user for person in people for user in (person.mentor, person.officer)})
        for seed, contender in enumerate(self.contenders.values()):
            keys = self.contenders[APP].ask("sign_in", users)
            sessions = {int(user): key for user, key in keys.items()}
            contender.browser = Browser(people, sessions, "__Host-session", seed)
            contender.fetch_forms()

    def stop(self) -> None:
        for contender in self.contenders.values():
            contender.stop()

    def timed(self, contender: Contender, operation: str, count: int) -> Batch:
        requests = [asdict(request) for request in contender.browser.requests(operation, count)]
        # Nobody sees "Contact saved." here: unless somebody looks, the next page measured would carry it.
        follow = operation == LOG and contender.name != FLOOR
        task = {"requests": requests, "backends": self.backends_of(contender), "follow": follow}
        told = contender.ask("timed", task)
        expected = 302 if operation == LOG else 200
        if set(told["statuses"]) != {expected}:
            raise RuntimeError(f"{contender.name} answered {operation} with {told['statuses']}")
        return Batch(
            app_cpu=1000 * sum(told["cpu"]) / count,
            database_cpu=1000 * sum(told["database"]) / count,
            wall=tuple(1000 * seconds for seconds in told["wall"]),
            bytes=told["bytes"],
        )

    def backends_of(self, contender: Contender) -> list[int]:
        found = self.superuser.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [contender.label]
        )
        return [pid for (pid,) in found]

    def warm_up(self) -> None:
        """Caches, code paths and pages: what the first requests of a morning pay and no later one."""
        for operation in OPERATIONS:
            for contender in self.contenders.values():
                self.timed(contender, operation, self.size.batch)

    def run_rounds(self, figures: Figures) -> Iterator[int]:
        """Interleaved, each round in another order, so that a busy moment of the machine falls on all alike."""
        shuffled = random.Random(0)  # noqa: S311 - the order of contenders is no secret
        for number in range(self.size.rounds):
            for operation in OPERATIONS:
                contenders = list(self.contenders.values())
                shuffled.shuffle(contenders)
                for contender in contenders:
                    batch = self.timed(contender, operation, self.size.batch)
                    figures.batches[operation][contender.name].append(batch)
            yield number

    def count_statements(self, figures: Figures) -> None:
        for operation in OPERATIONS:
            for contender in self.contenders.values():
                (request,) = contender.browser.requests(operation, 1)
                seen = contender.ask("statements", asdict(request))
                figures.statements[operation][contender.name] = [text for text in seen if is_counted(text)]

    def measure_wal(self, figures: Figures) -> None:
        """Bytes of WAL a request writes, without the full page images that follow each checkpoint."""
        for command in ("ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()"):
            self.superuser.execute(command)
        try:
            for operation in OPERATIONS:
                for name in (APP, FLOOR):
                    figures.wal[f"{operation} {name}"] = self._wal_of(self.contenders[name], operation)
        finally:
            for command in ("ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()"):
                self.superuser.execute(command)

    def _wal_of(self, contender: Contender, operation: str) -> float:
        """The median of single requests: a checkpoint or autovacuum in between falls on one of them."""
        found = []
        for request in contender.browser.requests(operation, self.size.batch):
            before = self._wal_position()
            contender.page(request)
            found.append(self._wal_position() - before)
        return statistics.median(found)

    def _wal_position(self) -> float:
        row = self.superuser.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
        assert row
        return float(row[0])

    def measure_memory(self, figures: Figures, requests: int) -> None:
        """The product's worker after so many requests of all four kinds."""
        app = self.contenders[APP]
        figures.memory["at first"] = app.ask("memory")
        for _ in range(requests // (len(OPERATIONS) * self.size.batch)):
            for operation in OPERATIONS:
                self.timed(app, operation, self.size.batch)
        figures.memory[f"after {requests:,} requests"] = app.ask("memory")


@contextmanager
def bench(size: Size, server: PostgresServer) -> Iterator[Bench]:
    with ExitStack() as stack:
        superuser = stack.enter_context(server.connect(DATABASE))
        made = Bench(size, server, superuser)
        stack.callback(made.stop)
        yield made
