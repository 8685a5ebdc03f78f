"""The demo as real processes: started, refused, killed, stopped. One story on one state folder, so its tests keep their order (make's --dist loadfile)."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sim_casework.devstack.children import wait_for
from sim_casework.devstack.paths import REPOSITORY

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="looks the processes up in /proc"),
]

KEPT_GOING = {
    "valkey-server": "Valkey",
    " worker --": "worker",
    " beat --": "beat",
    "run_due": "run_due",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Demo:
    """One state folder and the supervisor that runs on it, if any."""

    state: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> Path:
        return self.state.with_suffix(".output")

    def environment(self, **changes: str) -> dict[str, str]:
        ours = ("DATABASE_", "BROKER_", "SIM_TEST_", "DJANGO_", "PYTEST_", "COV", "MAKE", "MFLAGS")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return plain | {"STATE_DIR": str(self.state), "PORT": str(self.port)} | changes

    def command(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"],
                cwd=REPOSITORY,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.wait_until("SIM Casework is ready")

    def wait_until(self, words: str, seconds: float = 150) -> None:
        def has_come() -> bool:
            return words in self.said() or self.has_ended()

        wait_for(has_come, seconds, pause=0.1)
        assert words in self.said(), self.said()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def said(self) -> str:
        return self.output.read_text()

    def healthz(self) -> int:
        try:
            with urllib.request.urlopen(f"http://localhost:{self.port}/healthz", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code
        except OSError:
            return 0

    def wait_until_healthy(self) -> None:
        assert wait_for(lambda: self.healthz() == 200, 60, pause=0.3), self.logs()

    def logs(self) -> str:
        return "\n".join(f"{log}:\n{log.read_text()[-1500:]}" for log in self.state.glob("logs/*.log"))

    def processes(self) -> dict[int, str]:
        """Everything that works on this state folder, but for the supervisor: number → command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or (self.process and int(entry.name) == self.process.pid):
                continue
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                marks = command + (entry / "environ").read_text() + os.readlink(entry / "cwd")
                if command and str(self.state) in marks:
                    found[int(entry.name)] = command
        return found

    def first(self, part: str) -> int:
        """The oldest process with this in its command."""
        return min(number for number, command in self.processes().items() if part in command)

    def end_with(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=40)

    def nothing_is_left(self) -> bool:
        return wait_for(lambda: not self.processes(), 15, pause=0.1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo") / "state")
    yield demo
    if demo.process is not None and not demo.has_ended():
        demo.end_with(signal.SIGTERM)


@pytest.fixture
def running(demo: Demo) -> Demo:
    if demo.process is None or demo.has_ended():
        demo.start()
    return demo


def test_every_component_comes_up_and_the_sign_in_page_answers(running: Demo) -> None:
    running.wait_until_healthy()
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/account/login/", timeout=10) as page:
        assert page.status == 200
    assert f"http://localhost:{running.port}/account/login/" in running.said()


def test_a_second_start_on_the_same_state_is_refused_in_words(running: Demo) -> None:
    second = running.command("demo", PORT=str(free_port()))
    assert second.returncode == 1
    assert f"A demo already runs on {running.state}" in second.stdout
    assert running.healthz() == 200


def test_a_taken_port_is_refused_in_words(running: Demo, tmp_path: Path) -> None:
    other = running.command("demo", STATE_DIR=str(tmp_path / "other"))
    assert other.returncode == 1
    assert f"Port {running.port} is taken" in other.stdout


def test_commands_with_the_same_state_dir_reach_the_running_demo(running: Demo) -> None:
    shown = running.command("showmigrations", "accounts")
    assert shown.returncode == 0, shown.stderr
    assert "[X] 0001_initial" in shown.stdout


def test_killed_valkey_worker_beat_and_loop_are_started_again_and_it_is_said(running: Demo) -> None:
    before = {part: running.first(part) for part in KEPT_GOING}
    for number in before.values():
        os.kill(number, signal.SIGKILL)
    for name in KEPT_GOING.values():
        running.wait_until(f"{name} has ended (code -9) and is started again", 15)

    def all_are_new() -> bool:
        now = running.processes().values()
        return all(any(part in command for command in now) for part in KEPT_GOING)

    assert wait_for(all_are_new, 20, pause=0.1), running.processes()
    assert not set(before.values()) & set(running.processes())
    running.wait_until_healthy()


def test_ctrl_c_ends_everything_and_exits_0(running: Demo) -> None:
    assert running.end_with(signal.SIGINT) == 0
    assert running.nothing_is_left(), running.processes()


def test_a_sigkilled_supervisor_leaves_nothing_behind_and_the_data_is_kept(running: Demo) -> None:
    running.command("shell", "--command", WRITE_MARK)
    assert running.end_with(signal.SIGKILL) == -signal.SIGKILL
    assert running.nothing_is_left(), running.processes()
    running.start()
    assert "the mark is kept" in running.command("shell", "--command", READ_MARK).stdout


def test_the_web_ending_stops_everything_with_exit_code_1(running: Demo) -> None:
    assert_takes_everything_with_it(running, "gunicorn", "web has ended")


def test_postgresql_ending_stops_everything_with_exit_code_1(running: Demo) -> None:
    assert_takes_everything_with_it(running, "bin/postgres -D", "PostgreSQL has ended")


def test_ctrl_c_at_the_terminal_of_make_demo_is_no_failure_of_makes(demo: Demo) -> None:
    make = shutil.which("make")
    assert make, "make is needed"
    with Terminal([make, "demo"], demo.environment()) as terminal:
        terminal.read_until("SIM Casework is ready", 150)
        terminal.press("\x03")
        terminal.read_until("Everything has stopped", 40)
        assert terminal.process.wait(timeout=10) == 0
    assert demo.nothing_is_left(), demo.processes()


# Makes its standard input the terminal that controls it, as a shell's would be.
ON_A_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """A program on a terminal of its own, and what it shows there."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.shown = ""
        self.handle, theirs = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, *command],
            cwd=REPOSITORY,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=40)
        os.close(self.handle)

    def press(self, key: str) -> None:
        os.write(self.handle, key.encode())

    def read_until(self, words: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.shown and time.monotonic() < deadline:
            if select.select([self.handle], [], [], 0.2)[0]:
                with suppress(OSError):
                    self.shown += os.read(self.handle, 4096).decode(errors="replace")
        assert words in self.shown, self.shown


def assert_takes_everything_with_it(running: Demo, part: str, words: str) -> None:
    assert running.process is not None
    os.kill(running.first(part), signal.SIGKILL)
    assert running.process.wait(timeout=40) == 1
    assert words in running.said()
    assert running.nothing_is_left(), running.processes()


WRITE_MARK = """
from django.core.cache import cache
cache.set("mark", "kept", None)
"""
READ_MARK = """
from django.core.cache import cache
print("the mark is", cache.get("mark"))
"""
