"""When the daily digest goes out: on England's working days (core.working_days)."""

from __future__ import annotations

from datetime import datetime, time

from django.conf import settings
from django.utils import timezone

from core.due import due_moment
from core.working_days import is_working_day


def digest_cutoff(now: datetime) -> datetime | None:
    """The moment before which a notification must have come to be in today's digest; None while there is none.

    That is ``REMINDER_DIGEST_HOUR`` o'clock in London, on a working day, once it has passed.
    """
    today = timezone.localdate(now)
    assert settings.REMINDER_DIGEST_HOUR is not None
    cutoff = due_moment(today, time(settings.REMINDER_DIGEST_HOUR))
    return cutoff if is_working_day(today) and now >= cutoff else None
