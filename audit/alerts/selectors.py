"""Which alerts somebody may read: an officer those of their scope, a worker those in which they were asked."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, Subquery

from audit.alerts.models import Alert, AlertEntry, AlertPutBefore, AlertStep
from audit.context import current_context
from audit.models import EntrySubject, LogEntry
from audit.providers import Officer, Relationship, explain_access, people_under_review
from audit.selectors import Line, lines_of
from core.access_guard import recorded_query
from core.keyset import cursor_moment
from core.models import GuardedQuerySet

PAGE_SIZE = 25
SHOWN_AT_HOME = 10
# Entries shown behind one alert; a burst may have hundreds.
MOST_ENTRIES = 50

# What reading an alert may load about its patient: the alert and the entries behind it, nothing of the record.
_KINDS = frozenset({Alert._meta.label, AlertStep._meta.label, EntrySubject._meta.label})


@dataclass(frozen=True, slots=True)
class AlertFilters:
    """What an officer has narrowed the list to."""

    state: str = "open"
    kind: str = ""
    is_oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class AlertPage:
    alerts: Sequence[Any]
    # Where the next page begins ("" for none); pages are read in one direction, back is the browser's.
    after: str = ""


@dataclass(frozen=True, slots=True)
class KindRecord:
    """How often the alerts of one kind were right: of those decided, how many showed something not appropriate."""

    kind: str
    decided: int
    not_appropriate: int


def alerts_in_scope(officer: Officer) -> GuardedQuerySet[Any]:
    """About the officer's organisation's staff, or patients of teams it takes part in; never about the officer."""
    about = people_under_review().keys(officer.user).filter(pk=OuterRef("patient_id"))
    alerts: GuardedQuerySet[Any] = (
        Alert.objects.annotate(
            is_under_review=Exists(about), is_own_staff=Exists(officer.workers.filter(pk=OuterRef("worker")))
        )
        .filter(Q(is_own_staff=True) | Q(is_under_review=True))
        .exclude(worker=officer.user.pk)
    )
    return alerts


def alerts_listed(officer: Officer, filters: AlertFilters, after: str) -> AlertPage:
    """A page of alerts, newest or oldest first, each with its state, its worker and how often it happened."""
    alerts = _with_state(alerts_in_scope(officer)).filter(_in_state(filters.state))
    if filters.kind:
        alerts = alerts.filter(kind=filters.kind)
    if cursor := _Cursor.parse(after):
        alerts = alerts.filter(cursor.beyond(is_oldest_first=filters.is_oldest_first))
    sign = "" if filters.is_oldest_first else "-"
    found = list(alerts.order_by(f"{sign}raised_at", f"{sign}pk")[: PAGE_SIZE + 1])
    _explain_review(found)
    shown = found[:PAGE_SIZE]
    return AlertPage(shown, _Cursor.of(shown[-1]) if len(found) > PAGE_SIZE else "")


def alerts_before(officer: Officer) -> list[Any]:
    """What was put before this officer, or taken up by them, and is not closed; newest first, for their home page."""
    put = AlertPutBefore.objects.filter(alert=OuterRef("pk"), officer=officer.user)
    taken_up = AlertStep.objects.filter(alert=OuterRef("pk"), by=officer.user)
    alerts = _with_state(alerts_in_scope(officer)).filter(Exists(put) | Exists(taken_up), _in_state("open"))
    found = list(alerts.order_by("-raised_at", "-pk")[:SHOWN_AT_HOME])
    _explain_review(found)
    return found


def has_waiting_alerts(officer: Officer) -> bool:
    """Whether open alerts wait in the list that were not put before this officer."""
    put = AlertPutBefore.objects.filter(alert=OuterRef("pk"), officer=officer.user)
    waiting = _with_state(alerts_in_scope(officer)).filter(_in_state("open")).exclude(Exists(put))
    return bool(waiting.exists())


def alert_in_scope(officer: Officer, alert_id: uuid.UUID) -> Any:
    """One of them with its steps, or None."""
    alert = _with_state(alerts_in_scope(officer)).prefetch_related(_steps()).filter(pk=alert_id).first()
    if alert is not None:
        _explain_review([alert])
    return alert


def entries_behind(officer: Officer, alert: Any) -> list[Line]:
    """The entries that raised it, newest first, with those of their patients whom the officer may know."""
    keys = {
        row.entry_id: row.at for row in AlertEntry.objects.filter(alert=alert).order_by("-at")[:MOST_ENTRIES]
    }
    if not keys:
        return []
    entries = (
        LogEntry.objects.filter(
            pk__in=keys, timestamp__gte=min(keys.values()), timestamp__lte=max(keys.values())
        )
        .select_related("actor", "content_type")
        .order_by("-timestamp", "-pk")
    )
    lines = lines_of(officer, list(entries))
    if alert.is_under_review:
        # Explained for the entries just now, it has to cover the alert as well.
        review = Relationship("IG review", alert.patient_reference, only_kinds=_KINDS)
        current_context().explain({alert.patient_id: review})
    return lines


def question_to(user: Any, alert_id: uuid.UUID) -> Any:
    """An alert in which this worker was asked, with its steps, or None.

    ``alert.is_visible`` says whether they may still see the patient; only then may the page name them.
    """
    asked = AlertStep.objects.filter(alert=OuterRef("pk"), kind=AlertStep.Kind.ASKED)
    alert = (
        _with_state(Alert.objects.filter(Q(Exists(asked)), worker=user))
        .prefetch_related(_steps())
        .filter(pk=alert_id)
        .first()
    )
    if alert is None:
        return None
    alert.is_visible = bool(alert.patient_id and explain_access(user, [alert.patient_id]))
    if alert.patient_id and not alert.is_visible:
        asked_about = Relationship("alert question", alert.patient_reference, only_kinds=_KINDS)
        current_context().explain({alert.patient_id: asked_about})
    return alert


def records_of_kinds(officer: Officer) -> list[KindRecord]:
    """For each kind that was decided at least once in the officer's scope, how often it was right."""
    scope = alerts_in_scope(officer).filter(pk=OuterRef("alert"))
    with recorded_query("outcomes of alerts counted"):
        rows = list(
            AlertStep.objects.filter(Exists(scope), kind=AlertStep.Kind.DECIDED)
            .order_by()
            .values_list("alert__kind")
            .annotate(
                decided=Count("pk"),
                not_appropriate=Count("pk", filter=~Q(outcome=AlertStep.Outcome.APPROPRIATE)),
            )
        )
    return [KindRecord(*row) for row in rows]


def _with_state(alerts: GuardedQuerySet[Any]) -> GuardedQuerySet[Any]:
    steps = AlertStep.objects.filter(alert=OuterRef("pk"))
    behind = AlertEntry.objects.filter(alert=OuterRef("pk")).order_by().values("alert")
    with_state: GuardedQuerySet[Any] = alerts.select_related("worker").annotate(
        times=Subquery(behind.annotate(number=Count("pk")).values("number")),
        **{f"is_{kind}": Exists(steps.filter(kind=kind)) for kind in AlertStep.Kind.values},
    )
    return with_state


# States as an officer meets them; each alert is in exactly one of the last four, or closed.
_STATES: dict[str, Q] = {
    "open": Q(is_closed=False),
    "new": Q(is_closed=False, is_decided=False, is_asked=False),
    "asked": Q(is_closed=False, is_decided=False, is_asked=True, is_answered=False),
    "answered": Q(is_closed=False, is_decided=False, is_answered=True),
    "decided": Q(is_closed=False, is_decided=True),
    "closed": Q(is_closed=True),
}


def _in_state(state: str) -> Q:
    return _STATES.get(state, Q())


def _steps() -> Prefetch[Any]:
    return Prefetch("steps", queryset=AlertStep.objects.select_related("by").order_by("at", "pk"))


def _explain_review(alerts: Iterable[Any]) -> None:
    """A patient of another organisation stands on the entry as seen by way of an alert; the page does not name them.

    Those under the officer's own review are explained by it.
    """
    current_context().explain(
        {
            alert.patient_id: Relationship("alert review", alert.patient_reference, only_kinds=_KINDS)
            for alert in alerts
            if alert.patient_id and not alert.is_under_review
        }
    )


@dataclass(frozen=True, slots=True)
class _Cursor:
    at: datetime
    key: uuid.UUID

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From the address; None for the first page and for what nobody can read."""
        at, _, key = text.partition("_")
        moment = cursor_moment(at)
        try:
            return cls(moment, uuid.UUID(key)) if moment else None
        except ValueError:
            return None

    @staticmethod
    def of(alert: Alert) -> str:
        return f"{alert.raised_at.isoformat()}_{alert.pk}"

    def beyond(self, *, is_oldest_first: bool) -> Q:
        way = "gt" if is_oldest_first else "lt"
        return Q(**{f"raised_at__{way}": self.at}) | Q(raised_at=self.at, **{f"pk__{way}": self.key})
