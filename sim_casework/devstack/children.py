"""One child process: started in a session of its own, watched, stopped. Knows no service and no order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.service_user import ServiceUser

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Plan:
    """How a child is started and stopped."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path = Path("/")
    user: ServiceUser | None = None
    keep_reach: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    # What the kernel sends when the supervisor is killed; nobody is left to send a second one.
    death_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10


def plain_environment() -> dict[str, str]:
    """For services: none of the caller's settings, and a locale that exists everywhere."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def command_line(plan: Plan) -> list[str | Path]:
    """What to run for the plan to come about: the launcher, told who it becomes."""
    terms = {
        "parent": os.getpid(),
        "death_signal": int(plan.death_signal),
        "uid": plan.user.uid if plan.user else os.geteuid(),
        "gid": plan.user.gid if plan.user else os.getegid(),
        "keep_reach": plan.keep_reach,
    }
    return [sys.executable, "-I", "-S", LAUNCHER, json.dumps(terms), *plan.argv]


@dataclass
class Child:
    """Start it from the main thread: the kernel takes the end of the starting thread for the parent's death."""

    plan: Plan
    exit_code: int | None = field(default=None, init=False)
    started_at: float = field(init=False)
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = time.monotonic()
        with self.plan.log.open("ab") as log:
            self._process = subprocess.Popen(
                command_line(self.plan),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.plan.env,
                cwd=self.plan.cwd,
                # Ctrl-C in the terminal is for the supervisor alone.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        if self.exit_code is not None:
            return False
        # Looked at before it is reaped: until then its number cannot pass to another process,
        # and what it left behind in its group can be ended safely.
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.exit_code = self._process.wait()
        return False

    def ask_to_stop(self) -> None:
        if self.is_running():
            self._process.send_signal(self.plan.stop_signal)

    def wait_until_stopped(self) -> None:
        """Wait as long as the plan grants, then kill."""
        if not wait_for(lambda: not self.is_running(), self.plan.grace_seconds):
            self._process.kill()
            wait_for(lambda: not self.is_running(), 5)

    def stop(self) -> None:
        self.ask_to_stop()
        self.wait_until_stopped()

    def last_lines(self, count: int = 15) -> str:
        lines = self.plan.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])


def wait_for(condition: Callable[[], bool], seconds: float, pause: float = 0.02) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def wait_until_ready(child: Child, is_ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a service just started; say why if it ends or stays silent instead."""
    has_settled = wait_for(lambda: not child.is_running() or is_ready(), seconds)
    if not has_settled or not child.is_running():
        raise StackRefusedError(
            f"{child.plan.name} did not start. The end of {child.plan.log}:\n{child.last_lines()}"
        )
