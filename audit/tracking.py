"""Registers models with auditlog so that the trail says what changed but never becomes a second copy of the notes."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from auditlog.registry import auditlog
from auditlog.signals import pre_log
from django.db import models

from core.models import GuardedModel

if TYPE_CHECKING:
    from audit.models import LogEntry

# The instance auditlog is about to write of; set and read within one signal call.
_instance_being_logged: ContextVar[models.Model | None] = ContextVar("instance_being_logged", default=None)


# Told by the entry itself.
_SELF_EVIDENT = {"id", "created_at", "created_by", "last_login", "date_joined"}


def real_changes(changes: object) -> dict[str, Any] | None:
    """What auditlog found, without the fields that were empty before and still are."""
    if not isinstance(changes, dict):
        return None
    empty = ("None", "", None)
    return {
        name: change
        for name, change in changes.items()
        if isinstance(change, dict) or not all(value in empty for value in change)
    }


def mask(value: str) -> str:
    """Says that there was text, not which."""
    return "" if value in ("", "None") else "(text)"


def track(model: type[models.Model], *, clear: Collection[str] = ()) -> None:
    """Put every change of a model on the trail.

    Free text, e-mail addresses, dates of birth and JSON are masked unless named in ``clear``: masked is the default,
    so that a field added later cannot leak by being forgotten.
    """
    own = [f.name for f in model._meta.concrete_fields if f.name not in _SELF_EVIDENT]
    masked = [f.name for f in model._meta.concrete_fields if _is_private(f) and f.name not in clear]
    auditlog.register(
        # Named fields keep auditlog from listing every relation that points here.
        model,
        include_fields=own,
        mask_fields=masked,
        mask_callable="audit.tracking.mask",
        serialize_data=False,
    )


def _is_private(field: models.Field[Any, Any]) -> bool:
    if field.primary_key or field.choices:
        return False
    private = (models.CharField, models.TextField, models.JSONField, models.BinaryField)
    return isinstance(field, private) or field.name == "date_of_birth"


def _remember(sender: Any, instance: models.Model, **kwargs: object) -> None:
    _instance_being_logged.set(instance)


def subjects_of(entry: LogEntry) -> Collection[uuid.UUID]:
    """The patients of the object a change entry is being made for."""
    instance = _instance_being_logged.get()
    return tuple(instance.patient_keys) if isinstance(instance, GuardedModel) else ()


pre_log.connect(_remember, dispatch_uid="audit.tracking.remember")
