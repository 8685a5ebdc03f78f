"""One contender in a process of its own: reads commands from stdin, answers on stdout, a line of JSON each.

The WSGI application is called in this process, without a server in front: for both sides alike, so that the ratio is
of the applications. CPU is this process's own clock and those of its PostgreSQL backends.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from benchmarks.contenders import load

HOST = "casework.example.org"


def environ_of(request: dict[str, Any]) -> dict[str, Any]:
    body = urlencode([(name, value) for name, value in request["form"]]).encode()
    return {
        "REQUEST_METHOD": request["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": request["path"],
        "QUERY_STRING": request["query"],
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": HOST,
        "HTTP_ORIGIN": f"https://{HOST}",
        "HTTP_ACCEPT": "text/html",
        "HTTP_USER_AGENT": "Benchmark",
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in request["cookies"].items()),
        # As the proxy in front of production sets them.
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_FOR": "10.0.0.7",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": HOST,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


class Answerer:
    """Calls the application as a server would: to the last byte, and closes what it returned."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self.application = application

    def answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        told: list[Any] = []
        result = self.application(
            environ, lambda status, headers, exc_info=None: told.extend([status, headers])
        )
        try:
            body = b"".join(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        return told[0], told[1], body

    def timed(self, task: dict[str, Any]) -> dict[str, Any]:
        """Answers each request by the clocks; whatever an answer leads on to is fetched as well, off the clocks."""
        backends = [Path(f"/proc/{pid}/schedstat") for pid in task["backends"]]
        wall, cpu, database, statuses, size = [], [], [], [], 0
        for request in task["requests"]:
            environ = environ_of(request)
            before = sum(map(_cpu_seconds, backends))
            started, worked = time.perf_counter(), time.process_time()
            status, headers, body = self.answer(environ)
            cpu.append(time.process_time() - worked)
            wall.append(time.perf_counter() - started)
            database.append(sum(map(_cpu_seconds, backends)) - before)
            statuses.append(int(status[:3]))
            size += len(body)
            if task["follow"]:
                path = urlsplit(dict(headers)["Location"]).path
                self.answer(environ_of(request | {"path": path, "query": "", "method": "GET", "form": []}))
        return {
            "wall": wall,
            "cpu": cpu,
            "database": database,
            "statuses": statuses,
            "bytes": size / len(statuses),
        }

    def page(self, request: dict[str, Any]) -> dict[str, Any]:
        status, headers, body = self.answer(environ_of(request))
        cookies = dict(
            value.partition(";")[0].split("=", 1) for name, value in headers if name.lower() == "set-cookie"
        )
        return {"status": int(status[:3]), "headers": headers, "cookies": cookies, "body": body.decode()}

    def statements(self, request: dict[str, Any]) -> list[str]:
        with statements_seen() as seen:
            self.answer(environ_of(request))
        return seen


@contextmanager
def statements_seen() -> Iterator[list[str]]:
    """Every statement that the driver hands over, as it was written; transaction control of its own is not among them."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(query if isinstance(query, str) else str(query))
        return execute(self, query, *args, **kwargs)

    psycopg.Cursor.execute = noting  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]


def _cpu_seconds(schedstat: Path) -> float:
    """Time on a CPU by the kernel's own account, in nanoseconds there."""
    return int(schedstat.read_text().split()[0]) / 1e9


def memory_mib() -> float:
    """What is resident now, after what nobody refers to has been let go."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(name: str) -> None:
    application, sign_in = load(name)
    answerer = Answerer(application)
    commands: dict[str, Callable[[Any], Any]] = {
        "timed": answerer.timed,
        "page": answerer.page,
        "statements": answerer.statements,
        "memory": lambda _: memory_mib(),
        "sign_in": sign_in,
    }
    for line in sys.stdin:
        command, argument = json.loads(line)
        sys.stdout.write(json.dumps(commands[command](argument)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
