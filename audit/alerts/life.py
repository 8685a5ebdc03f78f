"""What becomes of an alert: a question to the worker, their answer, an outcome, the end. Each step once, by others;
a step that was sent twice is returned as the first send made it.

The database holds the same order, and that nobody of the worker's line takes a step (migrations of audit and accounts).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.alerts.models import Alert, AlertStep
from audit.alerts.putting import RAISED, subject_of
from audit.alerts.selectors import alert_in_scope, question_to
from audit.providers import READING_THE_TRAIL, find_officer, is_in_line
from core.due import Due, announce, due_moment, settle
from core.errors import DomainError, NotAllowed, NotVisible
from core.formatting import day

# The worker's time to answer, in days; people are on leave and on nights.
DAYS_TO_ANSWER = 7

QUESTION = "alert-question"
LAST_DAY = "alert-question-last-day"
ANSWERED = "alert-answered"
UNANSWERED = "alert-unanswered"

_Kind = AlertStep.Kind
# An Alert with what its selectors add to it: is_asked, is_answered, is_decided, is_closed, and its steps.
AlertNow = Any


def ask_worker(*, by: Any, alert: Alert, question: str) -> AlertStep:
    """Ask the worker, who is told in the application and has a week to answer; both are reminded when it is over.

    Raises: NotVisible, NotAllowed as every step of an officer (see ``_for_officer``); DomainError without words, where
    nobody is known who could be asked, or after they were asked or it was decided.
    """
    current = _for_officer(by, alert)
    if sent := _sent_before(by, current, _Kind.ASKED, text=question):
        return sent
    if current.worker is None:
        raise DomainError("Nobody is known who could be asked.")
    if current.is_asked:
        raise DomainError("The worker has been asked already.")
    if current.is_decided:
        raise DomainError("This alert has been decided.")
    answer_by = timezone.localdate() + timedelta(days=DAYS_TO_ANSWER)
    with transaction.atomic():
        step = _take(by, current, _Kind.ASKED, text=_words(question, "question"), answer_by=answer_by)
        settle(kind=RAISED, subject=subject_of(current))
        _remind_of_question(by, current, answer_by)
    return step


def answer_alert(*, by: Any, alert: Alert, answer: str) -> AlertStep:
    """Record the worker's own answer, once; the officer who asked is told.

    Raises: NotVisible for anybody but the worker who was asked; DomainError without words, or when it is too late.
    """
    current = question_to(by, alert.pk)
    if current is None:
        raise NotVisible("No such question.")
    if sent := _sent_before(by, current, _Kind.ANSWERED, text=answer):
        return sent
    if current.is_answered:
        raise DomainError("You have answered this already.")
    if current.is_decided:
        raise DomainError(
            "This has been decided in the meantime. If you want to add something, ring the officer."
        )
    asked = next(step for step in current.steps.all() if step.kind == _Kind.ASKED)
    with transaction.atomic():
        step = _take(by, current, _Kind.ANSWERED, text=_words(answer, "answer"))
        _settle_question(current)
        announce(
            Due(
                kind=ANSWERED,
                subject=subject_of(current),
                at=timezone.now(),
                recipients=[asked.by],
                text=f"{by} has answered your question about an alert",
                link=reverse("audit:alert", args=[current.pk]),
                is_task=False,
                act=READING_THE_TRAIL,
            )
        )
    return step


def decide_alert(*, by: Any, alert: Alert, outcome: str, words: str) -> AlertStep:
    """Record what it was, and why; the alert stays open until what follows is done.

    Nothing but "appropriate" is recorded before the worker was heard, or had their time to answer.

    Raises: NotVisible, NotAllowed as every step of an officer; DomainError without an outcome or words, before the
    worker was heard, or after it was decided.
    """
    current = _for_officer(by, alert)
    if sent := _sent_before(by, current, _Kind.DECIDED, text=words, outcome=outcome):
        return sent
    if current.is_decided:
        raise DomainError("This alert has been decided already.")
    if outcome not in AlertStep.Outcome.values:
        raise DomainError("Choose what it was", field="outcome")
    if outcome != AlertStep.Outcome.APPROPRIATE and not is_heard(current):
        raise DomainError(
            "Ask the worker first, and give them their time to answer. Only “appropriate” can be recorded without.",
            field="outcome",
        )
    with transaction.atomic():
        step = _take(by, current, _Kind.DECIDED, text=_words(words, "words"), outcome=outcome)
        _settle_question(current)
        for kind in (RAISED, ANSWERED):
            settle(kind=kind, subject=subject_of(current))
    return step


def close_alert(*, by: Any, alert: Alert) -> AlertStep:
    """Close a decided alert for good. The same access later raises a new one.

    Raises: NotVisible, NotAllowed as every step of an officer; DomainError before it is decided, or when it is closed.
    """
    current = _for_officer(by, alert)
    if sent := _sent_before(by, current, _Kind.CLOSED):
        return sent
    if current.is_closed:
        raise DomainError("This alert is closed already.")
    if not current.is_decided:
        raise DomainError("Record what it was before you close it.")
    with transaction.atomic():
        return _take(by, current, _Kind.CLOSED)


def why_not_to_act(by: Any, alert: Alert) -> str:
    """In words, why this officer takes no step in an alert they may read; empty when they may."""
    if alert.worker is not None and is_in_line(by, alert.worker, alert.day):
        return (
            f"You and {alert.worker} are of one line: one of you leads the other. Somebody outside of it has to look "
            "into this."
        )
    return ""


def is_heard(alert: AlertNow) -> bool:
    """Whether the worker has answered, or could have; where nobody is known, there is nobody to hear."""
    if alert.worker is None or alert.is_answered:
        return True
    asked = [step for step in alert.steps.all() if step.kind == _Kind.ASKED]
    return bool(asked) and asked[0].answer_by < timezone.localdate()


def _for_officer(by: Any, alert: Alert) -> AlertNow:
    """The alert as it is now, for an officer who may take a step in it.

    Raises: NotAllowed to whoever does not read the trail or is of the worker's line; NotVisible outside of the
    officer's scope, which an alert about themselves is.
    """
    officer = find_officer(by)
    if not officer.may_read:
        raise NotAllowed("Information governance officers look into alerts.")
    current = alert_in_scope(officer, alert.pk)
    if current is None:
        raise NotVisible("No such alert.")
    if words := why_not_to_act(by, current):
        raise NotAllowed(words)
    return current


def _take(by: Any, alert: AlertNow, kind: AlertStep.Kind, **fields: Any) -> AlertStep:
    try:
        with transaction.atomic():
            return AlertStep.objects.create(
                alert=alert, patient_id=alert.patient_id, kind=kind, by=by, **fields
            )
    except IntegrityError as refusal:
        if not (_is_taken_already(refusal) or _has_moved_on(alert)):
            raise
        if sent := _sent_before(
            by, alert, kind, text=fields.get("text", ""), outcome=fields.get("outcome", "")
        ):
            return sent
        raise DomainError(
            "Somebody has just taken a step in this alert. Look at it again before you go on."
        ) from refusal


def _sent_before(
    by: Any, alert: Alert, kind: AlertStep.Kind, *, text: str = "", outcome: str = ""
) -> AlertStep | None:
    """The same step of the same person, made by the first click of two."""
    same: AlertStep | None = AlertStep.objects.filter(
        alert=alert, kind=kind, by=by, text=text, outcome=outcome
    ).first()
    return same


def _is_taken_already(refusal: IntegrityError) -> bool:
    """Whether somebody else took the same step a moment before."""
    cause = refusal.__cause__
    return isinstance(cause, psycopg.Error) and cause.diag.constraint_name == "alert_step_once"


def _has_moved_on(alert: AlertNow) -> bool:
    """Whether there is a step by now that was not there when the alert was read, so that this one comes too late.

    Whatever else the database refuses is a fault, and shows as one.
    """
    known = [step.pk for step in alert.steps.all()]
    return bool(AlertStep.objects.filter(alert=alert).exclude(pk__in=known).exists())


def _words(text: str, field: str) -> str:
    if not text.strip():
        raise DomainError("Say it in words", field=field)
    return text


def _remind_of_question(by: Any, alert: Alert, answer_by: date) -> None:
    """The worker hears of it at once and has a task due on the last day; the officer hears when it is over.

    What is said to the worker is personal: who leads them, or is led by them, is kept out of it.
    """
    asked = f"You have been asked about {what_was_done(alert)}"
    unanswered = f"{alert.worker} has not answered your question about an alert"
    after = answer_by + timedelta(days=1)
    for kind, at, whom, text, page, act in (
        (QUESTION, timezone.now(), alert.worker, asked, "audit:alert_answer", ""),
        (LAST_DAY, due_moment(answer_by), alert.worker, asked, "audit:alert_answer", ""),
        (UNANSWERED, due_moment(after), by, unanswered, "audit:alert", READING_THE_TRAIL),
    ):
        announce(
            Due(
                kind=kind,
                subject=subject_of(alert),
                at=at,
                recipients=[whom],
                text=text,
                link=reverse(page, args=[alert.pk]),
                is_task=kind == LAST_DAY,
                act=act,
            )
        )


def what_was_done(alert: Alert) -> str:
    """ "a record you opened on 24 November 2026": to the worker, without saying whose."""
    on = day(alert.day)
    return f"a record you opened on {on}" if alert.patient_id else f"your use of the service on {on}"


def _settle_question(alert: Alert) -> None:
    for kind in (QUESTION, LAST_DAY, UNANSWERED):
        settle(kind=kind, subject=subject_of(alert))
