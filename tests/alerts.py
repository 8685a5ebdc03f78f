"""Alerts as tests need them: raised about Cal, who opened Nora's record, and taken further by Ivy, North's IG officer."""

from __future__ import annotations

from typing import Any

from audit.alerts import raise_alert
from audit.alerts.kinds import AlertKind
from audit.alerts.life import answer_alert, ask_worker, close_alert, decide_alert
from audit.alerts.models import Alert, AlertEntry
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from cases.models import Patient
from core.access_guard import recorded_query
from tests.people import Cast


def opened(cast: Cast, who: str, patient: Patient) -> None:
    """The record is opened, as by its page."""
    with access_context(route="patient_record", actor=cast[who]) as context:
        Patient.objects.get(pk=patient.pk)
        context.open(patient.pk)


def raised_alert(
    cast: Cast, *, kind: str = "same surname", worker: str = "cal", patient: Patient | None = None
) -> Alert:
    """With the entry of an opened record behind it."""
    patient = patient or cast.nora
    opened(cast, worker, patient)
    with access_context(route="tests.alert", is_system=True), recorded_query("tests"):
        key, at = (
            EntrySubject.objects.filter(patient_id=patient.pk, is_opened=True)
            .order_by("-entry_id")
            .values_list("entry_id", "at")[0]
        )
        assert LogEntry.objects.filter(pk=key).exists()
        return raise_alert(
            kind=AlertKind(kind),
            worker=cast[worker],
            patient=patient.pk,
            explanation="The worker opened this record. A surname on it is theirs.",
            entries=[(key, at)],
            at=at,
        )


def entries_behind(alert: Alert) -> int:
    """How many entries stand behind an alert, asked as the system."""
    with access_context(route="tests.alert", is_system=True):
        return AlertEntry.objects.filter(alert=alert).count()


def asked_alert(
    cast: Cast, *, by: str = "ivy", question: str = "What led you to open it?", **kwargs: Any
) -> Alert:
    alert = raised_alert(cast, **kwargs)
    with access_context(route="tests.alert", actor=cast[by]):
        ask_worker(by=cast[by], alert=alert, question=question)
    return alert


def answered_alert(
    cast: Cast, *, answer: str = "I was on duty.", worker: str = "cal", **kwargs: Any
) -> Alert:
    alert = asked_alert(cast, worker=worker, **kwargs)
    with access_context(route="tests.alert", actor=cast[worker]):
        answer_alert(by=cast[worker], alert=alert, answer=answer)
    return alert


def decided_alert(cast: Cast, *, by: str = "ivy", outcome: str = "appropriate", **kwargs: str) -> Alert:
    alert = answered_alert(cast, by=by, **kwargs)
    with access_context(route="tests.alert", actor=cast[by]):
        decide_alert(by=cast[by], alert=alert, outcome=outcome, words="They were on duty that day.")
    return alert


def closed_alert(cast: Cast, *, by: str = "ivy", **kwargs: str) -> Alert:
    alert = decided_alert(cast, by=by, **kwargs)
    with access_context(route="tests.alert", actor=cast[by]):
        close_alert(by=cast[by], alert=alert)
    return alert
