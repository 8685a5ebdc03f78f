"""Settings, URLs, and the few screens where the apps meet. Imported by no app."""

from sim_casework.celery import app as celery_app

__all__ = ["celery_app"]
