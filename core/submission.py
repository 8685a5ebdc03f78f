"""How a view hands a form to a service: refusals come back to the form, and nothing half-written stays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from psycopg.errors import ExclusionViolation, UniqueViolation

from core.errors import DomainError, NotAllowed, NotVisible, VersionClash

T = TypeVar("T")


def try_service(form: Any, call: Callable[[], T], *, is_whole: bool = False) -> T | None:
    """Call a service; a refusal becomes an error of the form (of its ``field``, if it names one) and None.

    What the service wrote before refusing is rolled back. NotVisible, NotAllowed and VersionClash pass through:
    the first two become 404 and 403, the last is the view's to show with both texts. ``is_whole`` says that the
    service itself leaves nothing behind when it refuses, which spares two statements.

    A form that was sent twice at the same moment meets its own first send as a row that must be the only one: the
    service is called again, sees that row, and says what it says to the slower of two.
    """
    try:
        try:
            with nullcontext() if is_whole else transaction.atomic():
                return call()
        except IntegrityError as error:
            if is_whole or not isinstance(error.__cause__, ExclusionViolation | UniqueViolation):
                raise
            with transaction.atomic():
                return call()
    except (NotAllowed, NotVisible, VersionClash):
        raise
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, error.message)
        return None
