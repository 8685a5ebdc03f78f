"""Who controls a new item, and under which law: derived, never chosen (S26)."""

from __future__ import annotations

import uuid
from typing import Any

from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.permissions import can, visible_patients
from core.errors import DomainError, NotAllowed, NotVisible


def authorship(by: User) -> dict[str, Any]:
    """``controller``, ``regime`` and ``created_by`` of an item that this user writes.

    Raises: DomainError when the user belongs to no organisation.
    """
    if by.organisation is None:
        raise DomainError("Your account belongs to no organisation. Ask your team administrator.")
    return {"controller": by.organisation, "regime": by.organisation.regime, "created_by": by}


def require(by: User, act: Act, patient: Patient | uuid.UUID) -> None:
    """The gate of every service on a patient.

    Raises: NotVisible when the user may not know the patient; NotAllowed when they may not do this.
    """
    if can(by, act, patient):
        return
    key = patient.pk if isinstance(patient, Patient) else patient
    if visible_patients(by).filter(pk=key).exists():
        raise NotAllowed("You may not do this for this patient.")
    raise NotVisible("No such patient.")
