"""Who was shown one particular item, told from the entries of the requests that showed it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from audit.models import EntrySubject, LogEntry


@dataclass(frozen=True, slots=True)
class Opener:
    """Somebody who was shown an item: as whom, how often, first and last."""

    name: str
    role: str
    organisation: str
    times: int
    first_at: datetime
    last_at: datetime


def openers_of(key: uuid.UUID, *, patient: uuid.UUID, noted_as: str) -> list[Opener]:
    """Everybody on whose pages an item's text stood, first to last.

    Requests name the items they showed in ``current_context().notes[noted_as]``, a list of keys; the patient's
    subject rows lead to them. The request that is running is not among them yet.
    """
    of_patient = EntrySubject.objects.filter(
        patient_id=patient, at=OuterRef("timestamp"), entry_id=OuterRef("id")
    )
    entries = (
        LogEntry.objects.filter(
            Exists(of_patient),
            outcome=LogEntry.Outcome.OK,
            **{f"additional_data__{noted_as}__contains": [str(key)]},
        )
        .only("timestamp", "actor_name", "role", "organisation", "actor")
        .select_related("actor")
        .order_by("timestamp", "id")
    )
    found: dict[str, list[LogEntry]] = {}
    for entry in entries:
        found.setdefault(entry.actor_name, []).append(entry)
    return [
        Opener(
            name=str(rows[0].actor or name),
            role=rows[-1].role,
            organisation=rows[-1].organisation,
            times=len(rows),
            first_at=rows[0].timestamp,
            last_at=rows[-1].timestamp,
        )
        for name, rows in found.items()
    ]
