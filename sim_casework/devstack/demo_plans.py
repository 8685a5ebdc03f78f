"""What each process of the demo is: its command, environment, log and signals. Nothing is started here."""

import os
import shlex
import signal
import sys
from pathlib import Path

from sim_casework.devstack import web_gate
from sim_casework.devstack.children import Plan
from sim_casework.devstack.paths import REPOSITORY, StackPaths

SETTINGS = "sim_casework.settings.demo"
# The caller's own database and broker are no business of the demo's.
NOT_PASSED_ON = ("DATABASE_", "BROKER_", "PG", "GUNICORN_")
WEB_PROCESSES = 2
LOGGED = ("--loglevel", "INFO")


def make_folders(paths: StackPaths) -> None:
    paths.secret_key()
    for folder in (paths.outbox, paths.logs):
        folder.mkdir(mode=0o700, exist_ok=True)
    for old in [*paths.logs.glob("*.log"), web_gate_file(paths)]:
        old.unlink(missing_ok=True)


def migrate(paths: StackPaths) -> Plan:
    """The one thing done as the owner of the tables."""
    return _manage(paths, "migrate", "--no-input", DATABASE_USER="sim_owner")


def seed(paths: StackPaths) -> Plan:
    return _manage(paths, "seed_demo")


def web(paths: StackPaths, addresses: list[str]) -> Plan:
    binds = " ".join(f"--bind {address}" for address in addresses)
    command = (
        f"gunicorn sim_casework.wsgi:application {binds} --workers {WEB_PROCESSES} --worker-class gthread"
        " --threads 4 --preload --graceful-timeout 5 --no-control-socket"
        f" --config python:{web_gate.__name__}"
    )
    return _django(paths, "web", command.split(), death_signal=signal.SIGQUIT)


def web_gate_file(paths: StackPaths) -> Path:
    """The web opens its port when this file is there."""
    return paths.state / "web-may-open"


def background(paths: StackPaths) -> list[Plan]:
    worker = "celery --app sim_casework worker --concurrency 1 --without-gossip --without-mingle"
    beat = ["celery", "--app", "sim_casework", "beat", "--pidfile="]
    schedule = ["--schedule", str(paths.state / "beat-schedule")]
    return [
        # Its pool dies with it; a task cut short is claimed again when its lease is over.
        _django(paths, "worker", [*worker.split(), *LOGGED], death_signal=signal.SIGKILL),
        _django(paths, "beat", [*beat, *schedule, *LOGGED], death_signal=signal.SIGKILL),
        _manage(paths, "run_due", "--loop"),
    ]


def welcome(paths: StackPaths, port: int, seconds: float) -> str:
    return f"""
SIM Casework is ready after {seconds:.1f} s: http://localhost:{port}/

  Sign in as one of the invented people: http://localhost:{port}/account/login/
  E-mails it has sent: {paths.outbox}
  Logs: {paths.logs}
  Commands, in another terminal: STATE_DIR={shlex.quote(str(paths.state))} .venv/bin/python manage.py …

Ctrl-C stops everything; the data stays."""


def _manage(paths: StackPaths, command: str, *arguments: str, **env: str) -> Plan:
    return _python(paths, command, [str(REPOSITORY / "manage.py"), command, *arguments], env)


def _django(paths: StackPaths, name: str, module: list[str], death_signal: signal.Signals) -> Plan:
    return _python(paths, name, ["-m", *module], {}, death_signal)


def _python(
    paths: StackPaths,
    name: str,
    arguments: list[str],
    env: dict[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
) -> Plan:
    return Plan(
        name=name,
        argv=[Path(sys.executable), *arguments],
        log=paths.logs / f"{name}.log",
        env=_environment(paths) | env,
        cwd=REPOSITORY,
        death_signal=death_signal,
    )


def _environment(paths: StackPaths) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED_ON)}
    return kept | {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "STATE_DIR": str(paths.state),
        web_gate.GATE_VARIABLE: str(web_gate_file(paths)),
        "PYTHONUNBUFFERED": "1",
    }
