"""The words for rows on the trail belong to models that exist and are followed."""

from auditlog.registry import auditlog
from django.apps import apps

from sim_casework.trail_words import THINGS


def test_every_thing_with_words_is_a_model_that_the_trail_follows() -> None:
    for label in THINGS:
        assert auditlog.contains(apps.get_model(label)), label
