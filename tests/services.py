"""pytest plugin (`-p tests.services`): PostgreSQL and Valkey for one run, up before Django's settings are read.

Folder and servers are the run's own, never the demo's, and gone with it. Each worker of pytest-xdist has servers of its own:
a transaction that another worker's test holds open would hold back the horizon up to which the trail is read. The fixtures
are in tests/databases.py.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim_casework.devstack.children import Child, wait_until_ready
from sim_casework.devstack.paths import StackPaths
from sim_casework.devstack.postgres import PostgresServer
from sim_casework.devstack.valkey import ValkeyServer

# Set by the process that started the servers; processes that a test starts find them by it.
STATE_VARIABLE = "SIM_TEST_STATE"
OUTSIDE_SETTINGS = ("DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_PORT")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    # A wrapper, because pytest-django reads the settings in this very hook.
    known = early_config.known_args_namespace
    runs_no_test = known.collectonly or known.help or known.version or _leaves_tests_to_workers(known)
    if STATE_VARIABLE not in os.environ and not runs_no_test:
        services = Services()
        early_config.add_cleanup(services.stop)
        services.start()
    return (yield)


def _leaves_tests_to_workers(known: argparse.Namespace) -> bool:
    return bool(getattr(known, "numprocesses", None)) and "PYTEST_XDIST_WORKER" not in os.environ


def pytest_configure(config: pytest.Config) -> None:
    from tests import databases

    # Registered after pytest-django, so that its fixtures are overridden.
    config.pluginmanager.register(databases, "sim-casework-databases")


def test_paths() -> StackPaths:
    return StackPaths(Path(os.environ[STATE_VARIABLE]))


def postgres_of(paths: StackPaths) -> PostgresServer:
    return PostgresServer(paths.postgres_data, paths.sockets, paths.state / "postgres.log", is_durable=False)


class Services:
    """Both servers of a run; the settings hear of them by way of the environment."""

    def __init__(self) -> None:
        self.paths = StackPaths(Path(tempfile.mkdtemp(prefix="sim-tests-")))
        # The user the servers run as has to pass through.
        self.paths.state.chmod(0o711)
        self.children: list[Child] = []

    def start(self) -> None:
        valkey = ValkeyServer(
            self.paths.valkey_data,
            self.paths.valkey_socket,
            self.paths.state / "valkey.log",
            is_durable=False,
        )
        broker = valkey.start()
        self.children.append(broker)
        postgres = postgres_of(self.paths)
        postgres.prepare()
        database = Child(postgres.plan())
        self.children.append(database)
        wait_until_ready(broker, valkey.answers)
        wait_until_ready(database, lambda: postgres.is_ready(database))
        for name in OUTSIDE_SETTINGS:
            os.environ.pop(name, None)
        os.environ["DATABASE_HOST"] = str(self.paths.sockets)
        os.environ["BROKER_URL"] = f"redis+socket://{self.paths.valkey_socket}"
        os.environ[STATE_VARIABLE] = str(self.paths.state)

    def stop(self) -> None:
        os.environ.pop(STATE_VARIABLE, None)
        for child in reversed(self.children):
            child.stop()
        for folder in (self.paths.state, self.paths.sockets):
            shutil.rmtree(folder, ignore_errors=True)
