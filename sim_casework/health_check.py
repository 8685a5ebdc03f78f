"""``python -m sim_casework.health_check web|worker|beat|loop``: the containers' and units' own health checks.

Web asks its own /healthz and cares only for what that page needs: a stopped worker must not take the pages away.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import IO

BACKGROUND = ("worker", "beat", "loop")


def web_is_up(port: str) -> bool:
    """Whether this host's web process answers and reaches the database."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/healthz",
        headers={
            "Host": os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0],
            "X-Forwarded-Proto": "https",
        },
    )
    try:
        with _answer(request) as answer:
            told = json.load(answer)
    except (OSError, ValueError):  # nobody there, or the page that says that nothing can be shown
        return False
    return bool(told.get("database") == "ok")


def _answer(request: urllib.request.Request) -> IO[bytes]:
    """The answer's body, also of a 503: it names the part that is down."""
    try:
        body: IO[bytes] = urllib.request.urlopen(request, timeout=4)  # noqa: S310  (a fixed http address)
    except urllib.error.HTTPError as error:
        return error
    return body


def background_is_up(name: str) -> bool:
    """Whether the named background process has shown life lately (its row of ``core.models.Heartbeat``)."""
    import django

    django.setup()
    from sim_casework.pages.health import background_shows_life

    return background_shows_life()[name]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in ("web", *BACKGROUND):
        print("Give one of: web, worker, beat, loop", file=sys.stderr)
        return 2
    name = arguments[0]
    is_up = web_is_up(os.environ.get("WEB_PORT", "8000")) if name == "web" else background_is_up(name)
    return 0 if is_up else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
