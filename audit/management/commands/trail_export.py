"""Writes what an information governance officer may read of the trail to a CSV file, and onto the trail that it did."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from audit.command_line import active_user, add_who_and_why, given_reason, machine_account, moment
from audit.context import access_context
from audit.exports import TrailExport, export_trail
from audit.models import LogEntry
from audit.providers import find_officer
from core.errors import DomainError

DEFAULT_DAYS = 31


class Command(BaseCommand):
    help = (
        "Export the trail as CSV: the entries that USER, an information governance officer, may read. "
        "The export is recorded; if it cannot be, no file is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_who_and_why(parser)
        parser.add_argument(
            "--since",
            metavar="DATE",
            help=f"date or ISO date-time; without it, {DEFAULT_DAYS} days before the end",
        )
        parser.add_argument(
            "--until", metavar="DATE", help="date (inclusive) or ISO date-time; without it, now"
        )
        parser.add_argument("--out", required=True, type=Path, metavar="FILE")

    def handle(self, *args: object, **options: Any) -> None:
        reason = given_reason(options)
        until = moment(options["until"], is_end=True) if options["until"] else timezone.now()
        since = moment(options["since"]) if options["since"] else until - timedelta(days=DEFAULT_DAYS)
        if until <= since:
            raise CommandError("--until must lie after --since.")
        user = active_user(
            options["username"], route="trail_export", reason=reason, action=LogEntry.Action.EXPORT
        )
        out: Path = options["out"]
        if not out.parent.is_dir() or out.is_dir():
            raise CommandError(f"{out} cannot be written: give the name of a file in a folder that exists.")
        try:
            made = _export_to(out, user, since, until, reason)
        except DomainError as error:
            raise CommandError(error.message) from error
        except DatabaseError as error:
            raise CommandError(
                "The export could not be put on the trail, so no file was written. Is the database in order?"
            ) from error
        self.stdout.write(f"{made.rows} entries written to {out}; SHA-256 {made.sha256}")


def _export_to(out: Path, user: Any, since: datetime, until: datetime, reason: str) -> TrailExport:
    """The file appears under its name only after the commit of its entry."""
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            access_context(
                route="trail_export", actor=user, purpose="information governance", reason=reason
            ) as context,
        ):
            context.notes["run_by"] = machine_account()
            made = export_trail(find_officer(user), since=since, until=until, reason=reason)
            file.write(made.content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)
    return made
