"""``manage.py run_due [--loop]``: the ticks without a broker. A process of its own, beside worker and beat."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as AnyDatabaseError
from django.db import connection

from reminders.ticks import tick

logger = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 30


class Command(BaseCommand):
    help = "Send what is due now; with --loop go on doing so until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="go on until SIGTERM or Ctrl-C")
        parser.add_argument(
            "--every",
            type=float,
            default=settings.REMINDER_TICK_SECONDS,
            metavar="SECONDS",
            help="pause between two ticks (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["loop"]:
            self.stdout.write(f"{tick()} sent")
            return
        is_over = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            is_over.set()

        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, end)
        run_until(is_over, every=options["every"])


def run_until(is_over: threading.Event, *, every: float) -> None:
    """Tick until told to stop; the tick under way is finished. A database that is away is awaited, ever less often."""
    failures = 0
    while not is_over.is_set():
        try:
            tick("loop")
        except AnyDatabaseError as problem:
            failures += 1
            logger.warning("The database did not answer (%s); trying again", type(problem).__name__)
            _forget_connection()
        except Exception:
            failures += 1
            logger.exception("The tick failed")
        else:
            failures = 0
            connection.close()  # hands it back; the pool checks it before the next tick
        is_over.wait(min(2.0 ** (failures - 1), LONGEST_PAUSE_SECONDS, every) if failures else every)


def _forget_connection() -> None:
    """A connection that the database has dropped must not be used again, nor the pool it came from."""
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()  # type: ignore[attr-defined]
