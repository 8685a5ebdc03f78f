"""Alerts as pages show them: titles, states, histories, links. Makes no query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from audit.alerts.kinds import AlertKind, title_of
from audit.alerts.life import is_heard, what_was_done
from audit.alerts.models import AlertStep
from audit.alerts.selectors import KindRecord
from audit.presenters import ShownLine, shown_line
from audit.selectors import Line
from core.formatting import counted, day

_Kind = AlertStep.Kind
# The state that counts is the last one reached.
_STATES = {
    _Kind.CLOSED: ("Closed", "grey"),
    _Kind.DECIDED: ("Decided", "green"),
    _Kind.ANSWERED: ("Answered", "yellow"),
    _Kind.ASKED: ("Waiting for an answer", "white"),
}


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert in a list, as components/tasks.jinja draws it."""

    title: str
    href: str
    about: str
    hint: str
    status: dict[str, str]


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step in the history, for components/timeline.jinja."""

    kind: str
    word: str
    title: str
    at: datetime
    by: str
    text: str = ""
    tags: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    title: str
    href: str
    status: dict[str, str]
    rows: list[dict[str, Any]]
    history: list[StepLine]
    entries: list[ShownLine]
    can_ask: bool
    can_decide: bool
    can_close: bool
    is_heard: bool


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """What a worker reads when asked."""

    was: str
    about: str
    asked_by: str
    asked_at: datetime
    question: str
    answer_by: str
    answer: str
    answered_at: datetime | None
    is_over: bool


def alert_lines(alerts: Iterable[Any]) -> list[AlertLine]:
    return [
        AlertLine(
            title=title(alert),
            href=reverse("audit:alert", args=[alert.pk]),
            about=about(alert),
            hint=_how_often(alert),
            status=_status(alert),
        )
        for alert in alerts
    ]


def title(alert: Any) -> str:
    """Same surname: Amira Adeyemi"""
    return f"{title_of(alert.kind)}{f': {alert.worker}' if alert.worker else ''}"


def about(alert: Any) -> str:
    """The reference where the officer may know the patient; empty where it is about nobody."""
    if not alert.patient_id:
        return ""
    return str(alert.patient_reference) if alert.is_under_review else "a patient of another organisation"


def shown_alert(alert: Any, lines: Sequence[Line], *, may_act: bool) -> ShownAlert:
    """Everything of one alert; what the officer may do next follows from its state, if they may do anything."""
    is_open = may_act and not alert.is_closed
    return ShownAlert(
        title=title(alert),
        href=reverse("audit:alert", args=[alert.pk]),
        status=_status(alert),
        rows=_rows(alert),
        history=[_raised(alert), *(_step(step) for step in alert.steps.all())],
        entries=[shown_line(line, of_patient=False) for line in lines],
        can_ask=is_open and not alert.is_decided and not alert.is_asked and alert.worker is not None,
        can_decide=is_open and not alert.is_decided,
        can_close=is_open and alert.is_decided,
        is_heard=is_heard(alert),
    )


def shown_question(alert: Any) -> ShownQuestion:
    """The patient's reference stands here only while the worker may still see the patient."""
    steps = {step.kind: step for step in alert.steps.all()}
    asked, answered = steps[_Kind.ASKED], steps.get(_Kind.ANSWERED)
    return ShownQuestion(
        was=what_was_done(alert),
        about=alert.patient_reference if alert.is_visible else "",
        asked_by=str(asked.by),
        asked_at=asked.at,
        question=asked.text,
        answer_by=day(asked.answer_by),
        answer=answered.text if answered else "",
        answered_at=answered.at if answered else None,
        is_over=bool(alert.is_decided),
    )


def record_rows(records: Iterable[KindRecord]) -> list[tuple[str, str]]:
    """For the summary list, in the order of the kinds; a kind that was dropped since comes last."""
    order = [kind.value for kind in AlertKind]
    known = sorted(records, key=lambda r: order.index(r.kind) if r.kind in order else len(order))
    return [
        (
            title_of(record.kind),
            f"{record.not_appropriate} of {record.decided} ({round(100 * record.not_appropriate / record.decided)}%)",
        )
        for record in known
    ]


def list_address(query: QueryDict, path: str, **more: str) -> str:
    """The list with its filters and the place of another page."""
    kept = {name: value for name, value in query.items() if value and name != "after"}
    text = urlencode(kept | more)
    return f"{path}?{text}" if text else path


def list_tags(query: QueryDict, path: str, labels: dict[str, str]) -> list[dict[str, str]]:
    """One removable tag for each filter in use; ``labels`` says them in words."""
    return [
        {
            "text": text,
            "remove_href": list_address(
                QueryDict(urlencode({k: v for k, v in query.items() if k != name})), path
            ),
        }
        for name, text in labels.items()
        if text and query.get(name)
    ]


def _status(alert: Any) -> dict[str, str]:
    for kind, (text, tone) in _STATES.items():
        if getattr(alert, f"is_{kind}"):
            return {"text": text, "tone": tone}
    return {"text": "New", "tone": "blue"}


def _rows(alert: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{"key": "Why it was raised", "value": alert.explanation}]
    worker = {"key": "Worker", "value": str(alert.worker or "Nobody is known to have done it")}
    if alert.is_own_staff:
        address = reverse("audit:worker_trail", args=[alert.worker_id])
        worker["actions"] = [{"text": "Trail", "hidden": "of this worker", "href": address}]  # type: ignore[assignment]
    rows.append(worker)
    if alert.patient_id:
        patient: dict[str, Any] = {"key": "Patient", "value": about(alert)}
        if alert.is_under_review:
            address = reverse("audit:patient_trail", args=[alert.patient_id])
            patient["actions"] = [{"text": "Trail", "hidden": "of this patient", "href": address}]
        rows.append(patient)
    rows.append({"key": "Day", "value": _how_often(alert)})
    return rows


def _how_often(alert: Any) -> str:
    times = alert.times or 1
    return f"{day(alert.day)}, {'once' if times == 1 else counted(times, 'time')}"


def _raised(alert: Any) -> StepLine:
    return StepLine("incident", "Raised", title_of(alert.kind), alert.raised_at, "by the service itself")


def _step(step: Any) -> StepLine:
    tags = [{"text": step.get_outcome_display(), "tone": "blue"}] if step.outcome else []
    if step.answer_by:
        tags = [{"text": f"Answer by {day(step.answer_by)}", "tone": "white"}]
    shape = {_Kind.ASKED: "note", _Kind.ANSWERED: "contact"}.get(step.kind, "plan")
    return StepLine(shape, step.get_kind_display(), "", step.at, str(step.by), step.text, tags)
