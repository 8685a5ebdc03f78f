"""The Celery application. Tasks carry ids only, and nothing that must not be lost lives in its broker."""

from celery import Celery

from reminders.schedule import BEAT_SCHEDULE

app = Celery("sim_casework")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = BEAT_SCHEDULE
app.autodiscover_tasks()
