"""The Celery application. Tasks carry ids only, and nothing that must not be lost lives in its broker."""

from typing import Any

from celery import Celery
from celery.signals import beat_init

from reminders.schedule import BEAT_SCHEDULE

app = Celery("sim_casework")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = BEAT_SCHEDULE
app.autodiscover_tasks()


@beat_init.connect
def send_everything_once(**_: Any) -> None:
    """Beat by itself lets the first interval pass, and /healthz would call it failed for as long."""
    for entry in BEAT_SCHEDULE.values():
        app.send_task(entry["task"], **entry["options"])
