"""The detectors' tick: reads the trail once, in the order of its transactions, and raises what has to be looked into.

No page pays for it. The bookmark moves in the transaction that raises, so each entry counts exactly once; after a
stop it goes on where it was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.contenttypes.models import ContentType
from django.db.models import BigIntegerField, Func, Q
from django.utils import timezone

from audit.alerts.kinds import TIES, AlertKind
from audit.alerts.models import Alert, AlertStep, Bookmark
from audit.alerts.putting import put_new_alerts
from audit.alerts.raising import EntryKey, raise_alert
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from audit.providers import find_closeness
from core.access_guard import recorded_query
from core.models import GuardedQuerySet

# Entries read in one transaction, so that catching up holds no lock and no snapshot for long.
STEP = 500
SECONDS_FOR_DETECTION = 15
# So many refusals within so long are a burst.
BURST = 10
BURST_WITHIN = timedelta(minutes=10)

# The page on which a worker answers the question of an alert.
ANSWERING = "audit:alert_answer"

_REFUSED = (LogEntry.Outcome.DENIED, LogEntry.Outcome.NOT_FOUND)


class _Horizon(Func):
    """The oldest transaction still under way. What lies before it is complete: nothing can come in between any more."""

    template = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    output_field = BigIntegerField()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the detectors know of an entry."""

    epoch: int
    xid: int
    key: int
    at: datetime
    actor: int
    outcome: str
    action: int
    route: str
    content_type: int | None

    @property
    def is_answer(self) -> bool:
        """Whether it is about an alert itself: who answers a question has opened no record by that."""
        about = [ContentType.objects.get_for_model(model).pk for model in (Alert, AlertStep)]
        return self.route == ANSWERING or self.content_type in about


def detect() -> int:
    """Read on until nothing is new or the time is up, then put alerts before officers; how many entries were read.

    Returns at once where another process is at it.
    """
    read = 0
    until = time.monotonic() + SECONDS_FOR_DETECTION
    while time.monotonic() < until and is_anything_new():
        count = detect_step()
        if not count:
            break
        read += count
    put_new_alerts()
    return read


def is_anything_new() -> bool:
    """Whether a step would find an entry; asked first, so that an idle tick leaves none of its own on the trail."""
    return bool(_unread(Bookmark.of_detectors()).exists())


def detect_step() -> int:
    """Read the next entries of people (the system's own are no matter) in one transaction; how many."""
    with access_context(route="audit.detect", is_system=True, purpose="information governance"):
        bookmark = Bookmark.objects.select_for_update(skip_locked=True).filter(pk=Bookmark.DETECTORS).first()
        if bookmark is None:
            return 0
        entries = _read(bookmark)
        if entries:
            _compare_people(entries)
            _count_refusals(entries)
            last = entries[-1]
            bookmark.epoch, bookmark.xid, bookmark.entry_id = last.epoch, last.xid, last.key
            bookmark.save(update_fields=["epoch", "xid", "entry_id"])
    return len(entries)


def _unread(bookmark: Bookmark) -> GuardedQuerySet[LogEntry]:
    """In the order of epoch, transaction and key. An epoch begins when a restored trail counts transactions anew."""
    in_epoch = Q(epoch=bookmark.epoch, xid__gte=bookmark.xid) & (
        Q(xid__gt=bookmark.xid) | Q(pk__gt=bookmark.entry_id)
    )
    entries: GuardedQuerySet[LogEntry] = LogEntry.objects.filter(
        in_epoch | Q(epoch__gt=bookmark.epoch), xid__lt=_Horizon(), actor__isnull=False
    )
    return entries


def _read(bookmark: Bookmark) -> list[_Seen]:
    with recorded_query("entries read for alerts"):
        rows = (
            _unread(bookmark)
            .order_by("epoch", "xid", "pk")
            .values_list(
                "epoch", "xid", "pk", "timestamp", "actor", "outcome", "action", "route", "content_type"
            )
        )
        return [_Seen(*row) for row in rows[:STEP]]


def _compare_people(entries: Sequence[_Seen]) -> None:
    """Opened records of people who are close to the worker (S32); who merely stood in a list is not looked at."""
    opened = _opened(
        {
            entry.key: entry
            for entry in entries
            if entry.outcome == LogEntry.Outcome.OK and not entry.is_answer
        }
    )
    for close in find_closeness(opened.keys()):
        behind = opened[close.worker, close.patient]
        ties = [kind for kind in TIES if kind in close.ties]
        for day in _by_day(behind):
            raise_alert(
                # One alert for what all of them say together: the strongest names it.
                kind=ties[0],
                worker=close.worker,
                patient=close.patient,
                explanation=" ".join(["The worker opened this record.", *(TIES[kind] for kind in ties)]),
                entries=[(entry.key, entry.at) for entry in day],
                at=day[0].at,
            )


def _by_day(entries: Iterable[_Seen]) -> list[list[_Seen]]:
    days: dict[date, list[_Seen]] = {}
    for entry in entries:
        days.setdefault(timezone.localdate(entry.at), []).append(entry)
    return list(days.values())


def _opened(entries: dict[int, _Seen]) -> dict[tuple[int, uuid.UUID], list[_Seen]]:
    if not entries:
        return {}
    times = [entry.at for entry in entries.values()]
    with recorded_query("patients of entries read for alerts"):
        rows = list(
            EntrySubject.objects.filter(
                entry_id__in=entries, at__gte=min(times), at__lte=max(times), is_opened=True
            )
            .order_by("at", "entry_id")
            .values_list("entry_id", "patient_id")
        )
    found: dict[tuple[int, uuid.UUID], list[_Seen]] = {}
    for key, patient in rows:
        found.setdefault((entries[key].actor, patient), []).append(entries[key])
    return found


def _count_refusals(entries: Iterable[_Seen]) -> None:
    """Ten refusals of one worker within ten minutes: somebody tries doors."""
    refused: dict[int, list[_Seen]] = {}
    for entry in entries:
        if _is_refusal(entry):
            refused.setdefault(entry.actor, []).append(entry)
    for actor, own in refused.items():
        new = {entry.key for entry in own}
        for burst in bursts(_refusals_around(actor, own)):
            if new & {key for key, _ in burst}:
                raise_alert(
                    kind=AlertKind.REFUSALS,
                    worker=actor,
                    explanation=f"The worker was refused {BURST} times or more within ten minutes.",
                    entries=burst,
                    at=burst[0][1],
                )


def _refusals_around(actor: int, new: Sequence[_Seen]) -> list[EntryKey]:
    """The new ones and those of the ten minutes before, oldest first."""
    times = [entry.at for entry in new]
    with recorded_query("refusals counted for alerts"):
        return list(
            LogEntry.objects.filter(
                actor=actor,
                outcome__in=_REFUSED,
                timestamp__gte=min(times) - BURST_WITHIN,
                timestamp__lte=max(times),
            )
            .exclude(action=LogEntry.Action.SIGN_IN)
            .order_by("timestamp", "pk")
            .values_list("pk", "timestamp")
        )


def bursts(refusals: Sequence[EntryKey]) -> list[list[EntryKey]]:
    """The longest runs, oldest first, in which each refusal is one of ten within ten minutes."""
    found: list[list[EntryKey]] = []
    covered = 0
    for end in range(BURST, len(refusals) + 1):
        start = end - BURST
        if refusals[end - 1][1] - refusals[start][1] >= BURST_WITHIN:
            continue
        if found and start < covered:
            found[-1] += refusals[covered:end]
        else:
            found.append(list(refusals[start:end]))
        covered = end
    return found


def _is_refusal(entry: _Seen) -> bool:
    # A wrong password is somebody else's attempt as likely as not, and has a lock of its own.
    return entry.outcome in _REFUSED and entry.action != LogEntry.Action.SIGN_IN
