"""The Celery tasks: the doorbell. Their messages carry ids only; what they do is said in ``ticks``."""

from __future__ import annotations

import uuid
from typing import Any

from celery import shared_task

from reminders import ticks
from reminders.schedule import FROM_BEAT


@shared_task(name="reminders.tick", bind=True)
def tick(self: Any) -> None:
    """One tick; a message that beat has just sent proves beat as well (older ones expire in the broker)."""
    headers = self.request.headers or {}
    ticks.tick("worker", *(["beat"] if headers.get(FROM_BEAT) else []))


@shared_task(name="reminders.send")
def send(reminder_id: str) -> None:
    """Send one reminder at once. One that is gone, settled or sent is left alone."""
    ticks.send_one(uuid.UUID(reminder_id))
