"""Wakes the Celery worker for what is due right now. Nothing depends on it: the table is the clock."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1
# After a failure the broker is left alone for so long; otherwise each saved page would wait for a dead address.
PAUSE_SECONDS = 30


class _Broker:
    """What this process last knew of the broker."""

    quiet_until = 0.0


def ring(ids: Iterable[uuid.UUID]) -> None:
    """Queue one message per reminder (ids only). Does nothing, within seconds, where no broker answers."""
    if time.monotonic() < _Broker.quiet_until:
        return
    options = current_app.conf.broker_transport_options | {
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "socket_timeout": TIMEOUT_SECONDS,
        "max_retries": 0,
    }
    try:
        with current_app.connection_for_write(
            connect_timeout=TIMEOUT_SECONDS, transport_options=options
        ) as connection:
            for reminder_id in ids:
                current_app.send_task(
                    "reminders.send", args=[str(reminder_id)], connection=connection, retry=False
                )
    except (OperationalError, OSError) as problem:
        _Broker.quiet_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("No broker; reminders go out with the next tick (%s)", type(problem).__name__)
