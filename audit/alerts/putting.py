"""Puts alerts before the officers who may look into them: at most five a day each, so that none is read past."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from audit.alerts.kinds import title_of
from audit.alerts.models import MOST_A_DAY, Alert, AlertPutBefore, AlertStep, Bookmark
from audit.alerts.selectors import alerts_in_scope
from audit.context import access_context
from audit.providers import READING_THE_TRAIL, find_officer, find_officers, is_in_line
from core.acting import acting_as_system
from core.due import Due, announce
from core.models import GuardedQuerySet

# Longer than any transaction of ours: an alert committed late is not passed over for having been raised early.
OVERLAP = timedelta(minutes=10)
RAISED = "alert-raised"


def put_new_alerts() -> int:
    """Put new alerts before officers, and each morning those that waited; how many.

    Called by the tick; without a new alert or a new day it costs one small query.
    """
    bookmark = Bookmark.of_detectors()
    if not _is_due(bookmark):
        return 0
    started = timezone.now()
    put = sum(_put_before(officer, timezone.localdate(started)) for officer in find_officers())
    Bookmark.objects.filter(pk=bookmark.pk).update(put_at=started)
    return put


def subject_of(alert: Alert) -> str:
    """How reminders name an alert."""
    return f"audit.alert:{alert.pk}"


def _is_due(bookmark: Bookmark) -> bool:
    if bookmark.put_at is None or timezone.localdate(bookmark.put_at) < timezone.localdate():
        return _is_any(Alert.objects.all())
    # One put before somebody was put before everybody who had room that day.
    put = AlertPutBefore.objects.filter(alert=OuterRef("pk"))
    return _is_any(Alert.objects.filter(~Exists(put), raised_at__gt=bookmark.put_at - OVERLAP))


def _is_any(alerts: GuardedQuerySet[Any]) -> bool:
    """Asked as the system, and without a context: an idle tick leaves no entry."""
    with transaction.atomic(), acting_as_system():
        return bool(alerts.exists())


def _put_before(user: Any, today: date) -> int:
    """Oldest first; what was found appropriate before between the same two people comes last."""
    # Nothing is written for an officer before whom nothing is put.
    with access_context(route="audit.put_alerts", is_system=True, purpose="information governance"):
        waiting = _waiting(user)
        if not waiting.exists():
            return 0
        # Held until the end: two ticks must not number one officer's day at the same time.
        Bookmark.objects.select_for_update().get(pk=Bookmark.DETECTORS)
        number = len(AlertPutBefore.objects.filter(officer=user, day=today))
        put = 0
        for alert in waiting.select_related("worker").order_by("was_appropriate", "raised_at", "pk"):
            if number == MOST_A_DAY:
                break
            if alert.worker is not None and is_in_line(user, alert.worker, alert.day):
                continue
            number += 1
            put += 1
            AlertPutBefore.objects.create(alert=alert, officer=user, day=today, number=number)
            announce(
                Due(
                    kind=RAISED,
                    subject=subject_of(alert),
                    at=timezone.now(),
                    recipients=[user],
                    text=f"Alert: {title_of(alert.kind)}{f', {alert.worker}' if alert.worker else ''}",
                    link=reverse("audit:alert", args=[alert.pk]),
                    is_task=False,
                    act=READING_THE_TRAIL,
                )
            )
    return put


def _waiting(user: Any) -> GuardedQuerySet[Any]:
    """What nobody has begun to look into, and was not put before this officer yet."""
    before = AlertStep.objects.filter(
        kind=AlertStep.Kind.DECIDED,
        outcome=AlertStep.Outcome.APPROPRIATE,
        alert__kind=OuterRef("kind"),
        alert__worker=OuterRef("worker"),
        alert__patient_id=OuterRef("patient_id"),
    )
    return (
        alerts_in_scope(find_officer(user))
        .filter(
            ~Q(Exists(AlertStep.objects.filter(alert=OuterRef("pk")))),
            ~Q(Exists(AlertPutBefore.objects.filter(alert=OuterRef("pk"), officer=user))),
        )
        .annotate(was_appropriate=Exists(before))
    )
