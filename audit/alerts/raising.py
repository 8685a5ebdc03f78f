"""Raising an alert: one a kind, worker, patient and day, with every entry behind it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import providers
from audit.alerts.kinds import AlertKind
from audit.alerts.models import Alert, AlertEntry, AlertStep
from core.acting import acting_as_system

# An entry's key and time: together they lead to its row.
EntryKey = tuple[int, datetime]


def raise_alert(
    *,
    kind: AlertKind,
    explanation: str,
    worker: Any = None,
    patient: uuid.UUID | None = None,
    entries: Iterable[EntryKey] = (),
    at: datetime | None = None,
) -> Alert:
    """Have somebody look into what ``worker`` did, with ``patient`` if it was about one.

    The same again on the same day (London's, of ``at``; now if not given) goes to the alert that is open already, as
    one more entry; after that one was closed, to a new one. ``explanation`` says why in plain words, names no
    patient and holds nothing clinical: officers of the worker's organisation read it too. ``worker`` may be a user
    or a user's key, or None for a change that nobody is known to have made.

    Call it inside an access context of the system, or of somebody who may see the patient: the alert itself stands on
    the patient's trail. Its rows are the system's to write: whoever caused it reads none of them afterwards.

    Raises: ValueError for an unknown kind, nobody at all, or a patient who does not exist.
    """
    about = {
        "kind": AlertKind(kind),
        "worker_id": getattr(worker, "pk", worker),
        "patient_id": patient,
        "day": timezone.localdate(at),
    }
    for _ in range(2):
        try:
            with transaction.atomic(), acting_as_system():
                alert = _open_alert(about) or _new_alert(about, explanation)
                _add_entries(alert, entries)
        except IntegrityError:
            # Raised or closed by somebody else between our look and our row; what they left decides.
            continue
        return alert
    raise RuntimeError("The alert was raised and closed by others twice while this one was being raised.")


def _open_alert(about: dict[str, Any]) -> Alert | None:
    newest = _newest(about)
    return None if newest is None or _is_closed(newest) else newest


def _newest(about: dict[str, Any]) -> Alert | None:
    terms = {(f"{name}__isnull" if value is None else name): value or True for name, value in about.items()}
    found: Alert | None = Alert.objects.filter(**terms).order_by("-number").first()
    return found


def _is_closed(alert: Alert) -> bool:
    return AlertStep.objects.filter(alert=alert, kind=AlertStep.Kind.CLOSED).exists()


def _new_alert(about: dict[str, Any], explanation: str) -> Alert:
    newest = _newest(about)
    patient = about["patient_id"]
    if patient is None and about["worker_id"] is None:
        raise ValueError("An alert is about a worker, a patient or both.")
    reference = providers.find_references([patient]).get(patient) if patient else ""
    if reference is None:
        raise ValueError("No such patient.")
    return Alert.objects.create(
        **about,
        patient_reference=reference,
        explanation=explanation,
        number=newest.number + 1 if newest else 1,
    )


def _add_entries(alert: Alert, entries: Iterable[EntryKey]) -> None:
    AlertEntry.objects.bulk_create(
        [AlertEntry(alert=alert, entry_id=key, at=at) for key, at in entries], ignore_conflicts=True
    )
