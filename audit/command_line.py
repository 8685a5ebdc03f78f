"""What commands that read the trail share: who it is done as, who really ran it, and days on the command line."""

from __future__ import annotations

import getpass
import os
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from audit.context import AccessContext
from audit.models import LogEntry
from audit.writing import write_refusal


def add_who_and_why(parser: CommandParser) -> None:
    """``--as USER --reason TEXT``, without which no command reads the trail."""
    parser.add_argument("--as", dest="username", required=True, metavar="USER", help="whose right it is")
    parser.add_argument("--reason", required=True, help="why; kept on the trail")


def given_reason(options: dict[str, Any]) -> str:
    """Raises: CommandError for one of blanks."""
    reason: str = options["reason"].strip()
    if not reason:
        raise CommandError("Say why you look: --reason must not be empty.")
    return reason


def active_user(username: str, *, route: str, reason: str, action: int) -> Any:
    """The user named by ``--as``. Raises: CommandError where there is none; the attempt is on the trail then."""
    user = get_user_model()._default_manager.filter(username=username, is_active=True).first()
    if user is None:
        context = AccessContext(actor_name=username, route=route, reason=reason)
        context.action = action
        with transaction.atomic():
            write_refusal(context, outcome=LogEntry.Outcome.DENIED)
        raise CommandError(f"There is no active user {username!r}.")
    return user


def machine_account() -> str:
    """The account of the machine that ran the command; the right is that of ``--as``."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def moment(text: str, *, is_end: bool = False) -> datetime:
    """A date means all of that day, in the installation's time zone; so does a time without an offset."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        start = datetime.combine(day + timedelta(days=1) if is_end else day, time.min)
        return timezone.make_aware(start)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no date: write 2026-11-21 or 2026-11-21T14:05.") from None
    return found if timezone.is_aware(found) else timezone.make_aware(found)
