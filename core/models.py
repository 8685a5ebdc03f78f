"""Base models. A guarded model is one whose rows concern patients or the trail; see core.access_guard."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.query import ModelIterable
from django.utils import timezone

from core.access_guard import permit_statements, refuse_carried_columns, require_recorder

M = TypeVar("M", bound=models.Model)


class _RecordedIterable(ModelIterable):  # type: ignore[type-arg]
    """Loads all rows under one permit; a permit must never be open while the caller's code runs."""

    def __iter__(self) -> Iterator[Any]:
        refuse_carried_columns(self.queryset.query)
        with permit_statements():
            rows = list(super().__iter__())
        yield from rows


class GuardedQuerySet(models.QuerySet[M]):
    """Makes objects (each is recorded) and answers ``exists``; everything else is refused by the guard."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._iterable_class: Any = _RecordedIterable

    def exists(self) -> bool:
        with permit_statements():
            return super().exists()


class BaseModel(models.Model):
    """For models without patients (users, teams). Its lists may follow relations into guarded tables: the rows
    found there are recorded, so its queries carry the same permit."""

    objects = GuardedQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class GuardedModel(models.Model):
    """A row whose reading and writing must be on the trail."""

    # True, or a field of that name, where a police role must never load the row (S12).
    is_clinical_only: bool = False
    # The recorded queries, by their reasons, whose entry explains rows added or changed without a change entry.
    written_by: frozenset[str] = frozenset()

    objects = GuardedQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        """The patients this row is about. Raises AttributeError where the row was loaded without saying so."""
        raise NotImplementedError

    @classmethod
    def from_db(  # type: ignore[override]  # the stubs are those of Django 6
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        recorder = require_recorder()
        instance = super().from_db(db, field_names, values)
        recorder.saw(instance)
        return instance

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        require_recorder()
        super().save_base(*args, **kwargs)

    def _save_table(self, *args: Any, **kwargs: Any) -> bool:
        # The permit is open for the row's own statement, not for the signal receivers around it.
        with permit_statements():
            return bool(super()._save_table(*args, **kwargs))  # type: ignore[misc]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        require_recorder()
        with permit_statements():
            return super().delete(*args, **kwargs)


class Heartbeat(BaseModel):
    """When each background process last showed life; read by /healthz."""

    name = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField(default=timezone.now)

    class Meta(BaseModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__in=["worker", "beat", "loop"]),
                name="heartbeat_name_known",
            )
        ]

    def __str__(self) -> str:
        return self.name
