"""One tick: send what is due, mail, housekeeping, compare changes with the trail, its detectors, a sign of life.

Run by the worker and by the loop, also at once.
"""

from __future__ import annotations

import logging
import time
import uuid

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from audit.alerts.changes import raise_about_changes
from audit.alerts.detection import detect
from audit.reconciliation import compare_changes
from cases.services.break_glass_reviews import escalate_overdue_reviews
from core.models import Heartbeat
from reminders.clearance import look_at_changes
from reminders.delivery import claim_due, is_anything_due, send_claimed
from reminders.housekeeping import do_daily_work
from reminders.mail import compose_emails, send_emails

logger = logging.getLogger(__name__)

# A tick ends well before the next ones pile up; the rest is due in the next.
SECONDS_FOR_SENDING = 20
SECONDS_FOR_MAIL = 20
SECONDS_FOR_COMPARING = 5


def tick(*alive: str) -> int:
    """Do everything that is due now; how many reminders were sent.

    ``alive`` names the processes this tick proves to work ("worker", "beat", "loop"). Their sign of life is written
    last: a tick that fails shows in /healthz.
    """
    _escalate()
    look_at_changes()
    sent = send_due()
    compose_emails()
    send_emails(SECONDS_FOR_MAIL)
    do_daily_work()
    compare_changes(SECONDS_FOR_COMPARING)
    raise_about_changes()
    detect()
    show_life(alive)
    return sent


def _escalate() -> None:
    """Overdue reviews of break-glass, first: what they announce goes out with this tick. A fault in it stops nothing else."""
    try:
        escalate_overdue_reviews()
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("Overdue reviews of break-glass could not be told of")


def send_due() -> int:
    """Claim and send until nothing is due or the time is up."""
    sent = 0
    until = time.monotonic() + SECONDS_FOR_SENDING
    while time.monotonic() < until and is_anything_due():
        claims = claim_due()
        if not claims:  # others are at the rest
            break
        sent += len(send_claimed(claims))
    return sent


def send_one(reminder_id: uuid.UUID) -> None:
    """Send this reminder now if it is due and free; if it is urgent, its e-mail as well."""
    sent = send_claimed(claim_due(1, only=reminder_id))
    if any(reminder.is_urgent for reminder in sent):
        compose_emails()
        send_emails()


def show_life(names: tuple[str, ...]) -> None:
    beats = [Heartbeat(name=name, at=timezone.now()) for name in names]
    Heartbeat.objects.bulk_create(beats, update_conflicts=True, unique_fields=["name"], update_fields=["at"])
