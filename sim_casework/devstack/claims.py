"""What a demo claims for itself before it starts: its state folder and its web port. Refuses in words when they are taken."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from sim_casework.devstack.children import wait_for
from sim_casework.devstack.errors import StackRefusedError
from sim_casework.devstack.paths import StackPaths

LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


@contextmanager
def state_lock(paths: StackPaths, port: int) -> Iterator[None]:
    """Held by the supervisor alone and let go by the kernel when it dies, however it dies."""
    handle = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 200).decode() or "another process"
            raise StackRefusedError(
                f"A demo already runs on {paths.state}: {holder}. "
                "Stop it there with Ctrl-C, or give another STATE_DIR and PORT."
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()}, http://localhost:{port}/".encode())
        yield
    finally:
        os.close(handle)


def claim_port(port: int, patience: float = 5) -> list[str]:
    """The addresses that make up "localhost" on this machine, all of them free."""
    # Patience, because the web processes of a supervisor just killed are still ending.
    if not wait_for(lambda: not _taken(port), patience, pause=0.2):
        raise StackRefusedError(
            f"Port {port} is taken by another program. Give another one: make demo PORT={port + 1}"
        )
    return [
        f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        for family, host in LOOPBACK
        if _try_binding(family, host, 0) is None
    ]


def _taken(port: int) -> bool:
    return any(
        isinstance(_try_binding(family, host, port), OSError) and _try_binding(family, host, 0) is None
        for family, host in LOOPBACK
    )


def _try_binding(family: socket.AddressFamily, host: str, port: int) -> OSError | None:
    """Nothing when it works; a machine may have no IPv6, then port 0 fails as well."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind((host, port))
    except OSError as problem:
        return problem
    return None
