"""`manage.py demo`: the whole system with invented people, on this machine alone. The work is done in devstack."""

import os
import sys
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sim_casework.devstack.paths import StackPaths
from sim_casework.devstack.supervisor import Supervisor

HIGHEST_PORT = 65535


class Command(BaseCommand):
    help = (
        "Start everything the demo needs, and keep it running until Ctrl-C. PORT and STATE_DIR are honoured."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo runs under sim_casework.settings.demo only.")
        supervisor = Supervisor(StackPaths.from_environment(), _port(), self._say)
        sys.exit(supervisor.run())

    def _say(self, words: str) -> None:
        # Whoever listened may have gone (a closed terminal, a pipe); what runs must still be stopped in order.
        with suppress(OSError):
            self.stdout.write(words)
            self.stdout.flush()


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isdecimal() or not 1 <= int(given) <= HIGHEST_PORT:
        raise CommandError(f"PORT must be a number from 1 to {HIGHEST_PORT}, not {given!r}.")
    return int(given)
