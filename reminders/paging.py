"""Keyset pages of the lists of this app: a cursor is the time and key of the last row shown."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db import models
from django.db.models import Q

from core.keyset import cursor_moment
from core.models import GuardedQuerySet

M = TypeVar("M", bound=models.Model)

PAGE_LENGTH = 25


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows of one page; ``next`` is the cursor of the page after it, empty on the last one."""

    rows: list[M]
    next: str


def page_after(
    rows: GuardedQuerySet[M], cursor: str, *, field: str, newest_first: bool, length: int = PAGE_LENGTH
) -> Page[M]:
    """The page after the cursor, of rows ordered by ``field`` and ``id``. A cursor that is none starts at the top."""
    found = _parse(cursor)
    if found:
        at, key = found
        beyond = "lt" if newest_first else "gt"
        rows = rows.filter(Q(**{f"{field}__{beyond}": at}) | Q(**{field: at, f"id__{beyond}": key}))
    shown = list(rows[: length + 1])
    is_last = len(shown) <= length
    shown = shown[:length]
    return Page(shown, "" if is_last else _write(getattr(shown[-1], field), shown[-1].pk))


def _write(at: datetime, key: uuid.UUID) -> str:
    return f"{at.isoformat()}_{key}"


def _parse(cursor: str) -> tuple[datetime, uuid.UUID] | None:
    at, _, key = cursor.partition("_")
    moment = cursor_moment(at)
    try:
        return (moment, uuid.UUID(key)) if moment else None
    except ValueError:
        return None
