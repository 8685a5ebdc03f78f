"""Writes what an information governance officer may read of the trail to a CSV file, and onto the trail that it did."""

from __future__ import annotations

import getpass
import os
import tempfile
from argparse import ArgumentParser
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit.context import AccessContext, access_context
from audit.exports import TrailExport, export_trail
from audit.models import LogEntry
from audit.providers import find_officer
from audit.writing import write_refusal
from core.errors import DomainError

DEFAULT_DAYS = 31


class Command(BaseCommand):
    help = (
        "Export the trail as CSV: the entries that USER, an information governance officer, may read. "
        "The export is recorded; if it cannot be, no file is left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--as", dest="username", required=True, metavar="USER", help="whose right it is")
        parser.add_argument("--reason", required=True, help="why; kept on the trail")
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
        reason = options["reason"].strip()
        if not reason:
            raise CommandError("Say why you export the trail: --reason must not be empty.")
        until = _moment(options["until"], is_end=True) if options["until"] else timezone.now()
        since = _moment(options["since"]) if options["since"] else until - timedelta(days=DEFAULT_DAYS)
        if until <= since:
            raise CommandError("--until must lie after --since.")
        user = self._user(options["username"], reason)
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

    def _user(self, username: str, reason: str) -> Any:
        user = get_user_model()._default_manager.filter(username=username, is_active=True).first()
        if user is None:
            _record_unknown(username, reason)
            raise CommandError(f"There is no active user {username!r}.")
        return user


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
            context.notes["run_by"] = _account()
            made = export_trail(find_officer(user), since=since, until=until, reason=reason)
            file.write(made.content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, out)
    finally:
        Path(name).unlink(missing_ok=True)
    return made


def _account() -> str:
    """The account of the machine that ran the command; the right is that of ``--as``."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _record_unknown(username: str, reason: str) -> None:
    context = AccessContext(actor_name=username, route="trail_export", reason=reason)
    context.action = LogEntry.Action.EXPORT
    with transaction.atomic():
        write_refusal(context, outcome=LogEntry.Outcome.DENIED)


def _moment(text: str, *, is_end: bool = False) -> datetime:
    """A date means all of that day, in the installation's time zone; so does a time without an offset."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        start = datetime.combine(day + timedelta(days=1) if is_end else day, time.min)
        return timezone.make_aware(start)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no date: write 2026-11-21 or 2026-11-21T14:05.") from None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
