"""A PostgreSQL of the proof's own, in a temporary folder, migrated, and gone with it. It never meets the demo's data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim_casework.devstack.children import Child, wait_until_ready
from sim_casework.devstack.paths import REPOSITORY, StackPaths
from sim_casework.devstack.postgres import OWNER, PostgresServer

DATABASE = "sim_casework_proving"
# The settings of the walk find their only database by it.
STATE_VARIABLE = "SIM_PROVING_STATE"
SETTINGS = "sim_casework.settings.proving"


def server_of(state: Path) -> PostgresServer:
    paths = StackPaths(state)
    return PostgresServer(paths.postgres_data, paths.sockets, state / "postgres.log", is_durable=False)


@contextmanager
def scratch_database() -> Iterator[dict[str, str]]:
    """The environment in which ``manage.py`` has nothing but this database, as the application's role."""
    state = Path(tempfile.mkdtemp(prefix="sim-proving-"))
    # The user the server runs as has to pass through.
    state.chmod(0o711)
    server = server_of(state)
    server.prepare()
    child = Child(server.plan())
    try:
        wait_until_ready(child, lambda: server.is_ready(child))
        server.provision(DATABASE)
        environment = _environment(state)
        run_manage(["migrate", "--no-input", "--verbosity=0"], environment | {"DATABASE_USER": OWNER})
        yield environment
    finally:
        child.stop()
        for folder in (state, StackPaths(state).sockets):
            shutil.rmtree(folder, ignore_errors=True)


def run_manage(arguments: list[str], environment: dict[str, str], *, check: bool = True) -> int:
    """``manage.py`` in a process of its own; its words are ours."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=check).returncode


def _environment(state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_")}
    return kept | {"DJANGO_SETTINGS_MODULE": SETTINGS, STATE_VARIABLE: str(state)}
