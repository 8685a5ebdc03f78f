"""The demo's alerts. The detectors read what is committed, so these stories are told for this file alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command

import sim_casework.urls  # noqa: F401  (read while DEMO is off, or this process would keep the demo's addresses)
from audit.alerts.models import Alert
from audit.context import access_context


@pytest.mark.django_db(transaction=True)
def test_of_three_alerts_one_is_new_one_was_answered_and_one_is_closed(settings: Any) -> None:
    settings.DEMO = True
    for _ in range(2):
        call_command("seed_demo", verbosity=0)
    with access_context(route="tests", is_system=True):
        alerts = Alert.objects.select_related("worker").prefetch_related("steps")
        told = {str(alert.worker): [step.kind for step in alert.steps.all()] for alert in alerts}
    assert told == {
        "Pete Parr": ["asked", "answered", "decided", "closed"],
        "Callum Carrow": ["asked", "answered"],
        "Pru Pell": [],
    }
