"""What tests of the trail share: the cast, and a reader of entries that leaves none itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import transaction

from audit.models import EntrySubject, LogEntry
from core.access_guard import current_recorder
from core.acting import Acting, acting
from tests.people import Cast, make_cast


class Blind:
    """A recorder that keeps nothing, so that reading the trail in a test does not lengthen it."""

    def saw(self, instance: object) -> None: ...

    def noted_query(self, reason: str) -> None: ...

    def noted_write(self, table: str, reason: str) -> None: ...


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def unrecorded(db: None) -> Iterator[None]:
    """For tests that look at guarded rows themselves."""
    token = current_recorder.set(Blind())
    with transaction.atomic(), acting(Acting(is_system=True)):
        yield
    current_recorder.reset(token)


@pytest.fixture
def entries() -> Callable[..., list[LogEntry]]:
    """The entries that fit, oldest first, each with ``.subjects`` (its subject rows)."""

    def read(**conditions: object) -> list[LogEntry]:
        token = current_recorder.set(Blind())
        try:
            found = list(LogEntry.objects.filter(**conditions).select_related("actor").order_by("id"))
            for entry in found:
                entry.subjects = list(
                    EntrySubject.objects.filter(entry_id=entry.pk).order_by("patient_reference")
                )
            return found
        finally:
            current_recorder.reset(token)

    return read
