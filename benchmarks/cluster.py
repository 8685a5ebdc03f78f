"""The benchmark's own PostgreSQL: durable, embedded, in a folder of its own for each size; seeded once, then kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from benchmarks.seeding import seed
from benchmarks.sizes import Size
from sim_casework.devstack.children import Child, wait_until_ready
from sim_casework.devstack.paths import REPOSITORY, StackPaths
from sim_casework.devstack.postgres import OWNER, PostgresServer

DATABASE = "sim_bench"
# The application's role without its policies: what row-level security costs is measured against it.
UNPOLICED = "sim_bench_unpoliced"
# What a small server would have; PostgreSQL's defaults are for a machine of 1995. Commits stay durable.
TUNING = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "maintenance_work_mem": "512MB",
    "jit": "off",
}


def state_of(size: str) -> StackPaths:
    """Where a size's database lies: in BENCH_STATE_DIR, or in .bench beside the demo's .state."""
    given = os.environ.get("BENCH_STATE_DIR", "")
    root = Path(given).expanduser().absolute() if given else REPOSITORY / ".bench"
    return StackPaths(root / size)


@contextmanager
def running(size: Size) -> Iterator[PostgresServer]:
    """The server of this size, migrated and seeded with what the code of today would seed."""
    paths = state_of(size.name)
    fingerprint = _fingerprint(size)
    kept = paths.state / "fingerprint"
    if paths.state.exists() and not (kept.exists() and kept.read_text() == fingerprint):
        shutil.rmtree(paths.state)
    paths.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    # The user the server runs as has to pass through.
    paths.state.parent.chmod(0o711)
    server = PostgresServer(paths.postgres_data, paths.sockets, paths.state / "postgres.log")
    server.prepare()
    _tune(paths.postgres_data)
    child = Child(server.plan())
    try:
        wait_until_ready(child, lambda: server.is_ready(child))
        if not kept.exists():
            _fill(server, size)
            kept.write_text(fingerprint)
        yield server
    finally:
        child.stop()


def environment(size: Size, *, user: str = "") -> dict[str, str]:
    """For processes that work on this size's database."""
    given = {
        "BENCH_SIZE": size.name,
        "BENCH_SOCKETS": os.environ.get("BENCH_SOCKETS", str(state_of(size.name).sockets)),
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "SIM_TEST"))}
    return inherited | given | ({"DATABASE_USER": user} if user else {})


def _fill(server: PostgresServer, size: Size) -> None:
    server.provision(DATABASE)
    _manage(size, "migrate", "--no-input", user=OWNER)
    fill_migrated(server, size)


def fill_migrated(server: PostgresServer, size: Size) -> None:
    """Seed the migrated database of this name, add the role without policies, and collect the static files."""
    _manage(size, "collectstatic", "--no-input")
    with server.connect(DATABASE) as connection:
        with suppress(psycopg.errors.DuplicateObject):
            connection.execute(f"CREATE ROLE {UNPOLICED} LOGIN BYPASSRLS IN ROLE sim_app")
        seed(connection, size)


def _manage(size: Size, *arguments: str, user: str = "") -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments, "--verbosity=0"],
        cwd=REPOSITORY,
        env=environment(size, user=user),
        check=True,
    )


def _tune(data: Path) -> None:
    lines = [f"{name} = '{value}'" for name, value in TUNING.items()]
    (data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")


def _fingerprint(size: Size) -> str:
    """Changes with the migrations, the seed and the size: then the database is made anew."""
    digest = hashlib.sha256(repr(size).encode())
    for pattern in ("*/migrations/*.py", "core/sql/*.sql", "benchmarks/sql/*.sql", "benchmarks/seeding.py"):
        for path in sorted(REPOSITORY.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
