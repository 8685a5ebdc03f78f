"""The demo's processes in their order: PostgreSQL, Valkey, database, seed stories, web, worker, beat, loop; ended in reverse.

PostgreSQL or the web ending stops everything; the others are started again. What each one is, is said in demo_plans.
"""

import http.client
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from sim_casework.devstack import demo_plans
from sim_casework.devstack.children import Child, Plan, wait_until_ready
from sim_casework.devstack.claims import claim_port, state_lock
from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.paths import StackPaths
from sim_casework.devstack.postgres import PostgresServer
from sim_casework.devstack.terminal import terminal_to_ourselves
from sim_casework.devstack.valkey import ValkeyServer

DATABASE = "sim_casework"
LONGEST_PAUSE_SECONDS = 30
LIVED_WELL_SECONDS = 60


class StopRequestedError(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM; not a failure."""


@dataclass
class Watched:
    """One running process. An essential one that ends takes all with it; any other is started again, ever more slowly."""

    start: Callable[[], Child]
    child: Child
    is_essential: bool
    failures: int = 0
    again_at: float | None = None

    def tend(self, say: Callable[[str], None]) -> None:
        now = time.monotonic()
        if self.again_at is not None:
            if now >= self.again_at:
                self.again_at = None
                self.child = self.start()
        elif not self.child.is_running():
            has_ended = f"{self.child.plan.name} has ended (code {self.child.exit_code})"
            if self.is_essential:
                raise StackRefusedError(
                    f"{has_ended}, so everything is stopped. "
                    f"The end of {self.child.plan.log}:\n{self.child.last_lines()}"
                )
            lived_well = now - self.child.started_at > LIVED_WELL_SECONDS
            self.failures = 0 if lived_well else self.failures + 1
            pause = min(2**self.failures - 1, LONGEST_PAUSE_SECONDS)
            self.again_at = now + pause
            say(f"{has_ended} and is started again in {pause} s. Its log: {self.child.plan.log}")


@dataclass
class Supervisor:
    paths: StackPaths
    port: int
    say: Callable[[str], None]
    is_stop_requested: bool = field(default=False, init=False)
    # Both in the order of their start.
    services: list[Watched] = field(default_factory=list, init=False)
    users: list[Watched] = field(default_factory=list, init=False)

    def run(self) -> int:
        """The exit code: 0 when asked to stop, 1 when something refused or ended."""
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(wanted, self._note_stop)
        try:
            with ExitStack() as held:
                held.enter_context(state_lock(self.paths, self.port))
                addresses = claim_port(self.port)
                held.enter_context(terminal_to_ourselves())
                held.callback(self._stop_everything)
                self._start_everything(addresses)
                while True:
                    self._heed()
                    for watched in self.services + self.users:
                        watched.tend(self.say)
                    time.sleep(0.2)
        except StopRequestedError:
            self.say("Everything has stopped. The data stays.")
            return 0
        except StackRefusedError as refusal:
            self.say(str(refusal))
        return 1

    def _start_everything(self, addresses: list[str]) -> None:
        began = time.monotonic()
        self.say(f"Starting PostgreSQL and Valkey in {self.paths.state}")
        demo_plans.make_folders(self.paths)
        postgres = PostgresServer(
            self.paths.postgres_data, self.paths.sockets, self.paths.logs / "postgres.log"
        )
        valkey = ValkeyServer(
            self.paths.valkey_data, self.paths.valkey_socket, self.paths.logs / "valkey.log"
        )
        postgres.prepare()
        database = self._watch(self.services, partial(Child, postgres.plan()), is_essential=True)
        self._watch(self.services, valkey.start)
        self._until_ready(database, lambda: postgres.is_ready(database))
        postgres.provision(DATABASE)
        # Loads the application meanwhile, and opens its port when all is prepared.
        web = self._watch(
            self.users, partial(Child, demo_plans.web(self.paths, addresses)), is_essential=True
        )
        self._run_to_end(demo_plans.migrate(self.paths), "Bringing the database up to date")
        self._run_to_end(demo_plans.seed(self.paths), "Telling the stories of invented people")
        demo_plans.web_gate_file(self.paths).touch()
        self._until_ready(web, self._web_answers)
        for plan in demo_plans.background(self.paths):
            self._watch(self.users, partial(Child, plan))
        self.say(demo_plans.welcome(self.paths, self.port, time.monotonic() - began))

    def _watch(self, among: list[Watched], start: Callable[[], Child], is_essential: bool = False) -> Child:
        child = start()
        among.append(Watched(start, child, is_essential))
        return child

    def _run_to_end(self, plan: Plan, what: str) -> None:
        self.say(what)
        child = Child(plan)
        try:
            while child.is_running():
                self._heed()
                time.sleep(0.02)
        finally:
            child.stop()
        if child.exit_code != 0:
            raise StackRefusedError(f"{plan.name} failed:\n{child.last_lines(40)}")

    def _until_ready(self, child: Child, is_ready: Callable[[], bool]) -> None:
        def heedful() -> bool:
            self._heed()
            return is_ready()

        wait_until_ready(child, heedful)

    def _web_answers(self) -> bool:
        """Any answer counts: whether all is well is the answer's business."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/healthz", headers={"Host": f"localhost:{self.port}"})
            connection.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _stop_everything(self) -> None:
        """In reverse: first all that use the services, then the services one by one, PostgreSQL last."""
        self.say("Stopping …")
        for watched in reversed(self.users):
            watched.child.ask_to_stop()
        for watched in reversed(self.users):
            watched.child.wait_until_stopped()
        for watched in reversed(self.services):
            watched.child.stop()

    def _note_stop(self, _number: int, _frame: FrameType | None) -> None:
        # Only noted: an exception from here could fall between a child's start and its entry in our list.
        self.is_stop_requested = True

    def _heed(self) -> None:
        if self.is_stop_requested:
            raise StopRequestedError
