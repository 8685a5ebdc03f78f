"""When the daily digest goes out: England's working days. Bank holidays are not known here yet."""

from __future__ import annotations

from datetime import date, datetime, time

from django.conf import settings
from django.utils import timezone

from core.due import due_moment

SATURDAY = 5


def is_working_day(on: date) -> bool:
    """Monday to Friday. A digest on a bank holiday is one mail too many, never one too few."""
    return on.weekday() < SATURDAY


def digest_cutoff(now: datetime) -> datetime | None:
    """The moment before which a notification must have come to be in today's digest; None while there is none.

    That is ``REMINDER_DIGEST_HOUR`` o'clock in London, on a working day, once it has passed.
    """
    today = timezone.localdate(now)
    assert settings.REMINDER_DIGEST_HOUR is not None
    cutoff = due_moment(today, time(settings.REMINDER_DIGEST_HOUR))
    return cutoff if is_working_day(today) and now >= cutoff else None
