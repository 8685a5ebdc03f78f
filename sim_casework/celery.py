"""The Celery application. Tasks carry ids only, and nothing that must not be lost lives in its broker."""

from celery import Celery

app = Celery("sim_casework")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
