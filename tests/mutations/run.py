"""The pytest plugin that carries the removals out: ``-p tests.mutations.run``, with the files in ``places`` collected.

Every removal happens in a forked process of its own, with a database of its own, and its tests run until one fails. At the
end every test that has caught something runs with nothing taken away: one that fails then as well has proved nothing.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.mutations.removals import NotApplied, Removal

LIMIT = 900  # seconds for one removal; longer and nobody knows what became of it
# Set by ``python -m tests.mutations``.
ONLY, SAMPLE = "SIM_MUTATIONS_ONLY", "SIM_MUTATIONS_SAMPLE"
RESULTS, AGAIN = "SIM_MUTATIONS_RESULTS", "SIM_MUTATIONS_AGAIN"
# An earlier run's JSON: what noticed a removal then is tried first now.
FIRST = "SIM_MUTATIONS_FIRST"
# Of the tests that noticed a neighbour in this run, so many are tried next: the last one first.
NEIGHBOURS = 8
# "0/2": the first of two processes, each of which takes every second removal.
SHARE = "SIM_MUTATIONS_SHARE"
NOTHING = "nothing"
CAUGHT, SURVIVED, STALE, HUNG, EQUIVALENT = (
    "caught",
    "survived",
    "stale",
    "cut off",
    "equivalent",
)


@dataclass
class Outcome:
    removal: str
    outcome: str
    by: str = ""
    seconds: float = 0.0


@dataclass
class Results:
    """Kept after each removal, so that a run cut off is not lost."""

    listed: int
    stale_reasons: list[str]
    outcomes: list[Outcome] = field(default_factory=list)

    def keep(self) -> None:
        Path(os.environ[RESULTS]).write_text(json.dumps(asdict(self), indent=1))


class Failures:
    """Hears which test has failed first."""

    def __init__(self) -> None:
        self.first = ""
        self.broken = ""  # why the removal itself could not be made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid


class Run:
    """One removal after the other: a transaction of another one's test would hold back how far the trail is read."""

    def __init__(self, session: pytest.Session, results: Results, first: dict[str, str]) -> None:
        self.session, self.results, self.first = session, results, first
        self.noticed: dict[tuple[str, ...], list[str]] = {}
        self.failures = Failures()
        session.config.pluginmanager.register(self.failures)

    def carry_out(self, removals: list[Removal]) -> None:
        for removal in removals:
            outcome = self._outcome(removal)
            if outcome.outcome == CAUGHT:
                before = self.noticed.get(removal.tests, [])
                self.noticed[removal.tests] = [outcome.by, *(test for test in before if test != outcome.by)]
            self.results.outcomes.append(outcome)
            self.results.keep()
            _say(
                f"{len(self.results.outcomes)}/{self.results.listed} {outcome.outcome}: {outcome.removal}  [{outcome.by}]"
            )

    def _outcome(self, removal: Removal) -> Outcome:
        reading, writing = os.pipe()
        begun = time.monotonic()
        process = os.fork()
        if process == 0:
            os.close(reading)
            # Leaves with os._exit: nothing of the parent's is torn down here.
            likely = [self.first.get(removal.name, ""), *self.noticed.get(removal.tests, [])[:NEIGHBOURS]]
            _in_child(self.session, removal, likely, self.failures, writing)
        os.close(writing)
        _, status = os.waitpid(process, 0)
        with os.fdopen(reading) as pipe:
            told = pipe.read()
        _drop_database()
        seconds = round(time.monotonic() - begun, 1)
        if told:
            return Outcome(removal.name, **json.loads(told), seconds=seconds)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            return Outcome(removal.name, HUNG, "", seconds)
        return Outcome(removal.name, STALE, f"the process ended with {status}", seconds)


def _in_child(
    session: pytest.Session, removal: Removal, likely: list[str], failures: Failures, writing: int
) -> None:
    told: dict[str, str] = {"outcome": STALE, "by": "it broke before it began"}
    try:
        signal.alarm(LIMIT)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        session.config.get_terminal_writer()._file = StringIO()
        os.environ["PYTEST_XDIST_WORKER"] = "mutation"
        _apply(removal, failures)
        items = [item for item in session.items if item.nodeid.startswith(removal.tests)]
        items.sort(key=lambda item: _place(item, removal.tests))
        items.sort(key=lambda item: likely.index(item.nodeid) if item.nodeid in likely else len(likely))
        told = {"outcome": SURVIVED, "by": f"{len(items)} tests"}
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else None
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if failures.broken:
                raise NotApplied(failures.broken)
            if failures.first:
                told = {"outcome": CAUGHT, "by": failures.first}
                break
    except NotApplied as error:
        told = {"outcome": STALE, "by": str(error)}
    except BaseException as error:
        told = {"outcome": STALE, "by": f"{type(error).__name__}: {error}"[:300]}
    finally:
        os.write(writing, json.dumps(told).encode())
        os._exit(0)


def _place(item: pytest.Item, tests: tuple[str, ...]) -> int:
    return next(place for place, test in enumerate(tests) if item.nodeid.startswith(test))


def _apply(removal: Removal, failures: Failures) -> None:
    """Make it now or, for one of the database, when the first test's database is copied."""
    from tests import databases

    removal.apply()
    if removal.sql:
        copy = databases.copy_template

        def copied_without(server: Any, name: str) -> None:
            try:
                copy(server, name)
                with server.connect(name) as superuser:
                    superuser.execute(removal.sql)
            except Exception as error:
                failures.broken = f"{type(error).__name__}: {error}"[:300]
                raise

        databases.copy_template = copied_without


def _drop_database() -> None:
    from tests.databases import test_paths
    from tests.services import postgres_of

    with postgres_of(test_paths()).connect() as connection:
        connection.execute("DROP DATABASE IF EXISTS test_sim_casework_mutation WITH (FORCE)")


def _all_removals() -> Iterator[Removal]:
    from tests.databases import TEMPLATE, make_template
    from tests.mutations.generated import from_source
    from tests.mutations.listed import written_out
    from tests.mutations.locks import from_catalogue
    from tests.services import postgres_of, test_paths

    server = postgres_of(test_paths())
    make_template(server)
    yield from from_source()
    yield from written_out()
    with server.connect(TEMPLATE) as connection:
        yield from from_catalogue(connection)


def _say(words: str) -> None:
    with Path("/dev/stderr").open("a") as told:
        told.write(words + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    from tests.mutations.equivalent import EQUIVALENT as KNOWN

    removals = list(_all_removals())
    names = [removal.name for removal in removals]
    if only := os.environ.get(ONLY):
        removals = [removal for removal in removals if only in removal.name]
    if sample := int(os.environ.get(SAMPLE) or 0):
        removals = removals[:: max(1, len(removals) // sample)]
    share, shares = map(int, os.environ.get(SHARE, "0/1").split("/"))
    removals = removals[share::shares]
    results = Results(len(names), sorted(set(KNOWN) - set(names)))
    if earlier := os.environ.get(AGAIN):
        asked = {removal.name for removal in removals}
        settled = [
            *_kept(earlier, CAUGHT),
            *(o for o in _kept(earlier, EQUIVALENT) if o.by == KNOWN.get(o.removal)),
        ]
        results.outcomes = [outcome for outcome in settled if outcome.removal in asked]
        done = {outcome.removal for outcome in results.outcomes}
        removals = [removal for removal in removals if removal.name not in done]
    first = _kept(os.environ.get(FIRST, ""), CAUGHT)
    run = Run(session, results, {outcome.removal: outcome.by for outcome in first})
    run.carry_out(removals)
    caught_by = {outcome.by for outcome in results.outcomes if outcome.outcome == CAUGHT}
    run.carry_out([Removal(NOTHING, tuple(caught_by))])
    for outcome in results.outcomes:
        if outcome.outcome == SURVIVED and outcome.removal in KNOWN:
            outcome.outcome, outcome.by = EQUIVALENT, KNOWN[outcome.removal]
    results.keep()
    return True


def _kept(path: str, outcome: str) -> list[Outcome]:
    """What came to that in an earlier run, and by which test or for which reason."""
    if not path:
        return []
    outcomes = [Outcome(**told) for told in json.loads(Path(path).read_text())["outcomes"]]
    return [told for told in outcomes if told.outcome == outcome]
