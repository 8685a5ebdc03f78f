"""Nothing leaves a guarded table unseen: every statement that names one needs a permit, and every row tells the recorder.

What is written on the trail is the business of ``audit``; what may be seen, of ``cases.permissions``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from django.apps import apps
from django.conf import settings

if TYPE_CHECKING:
    from core.models import GuardedModel


class UnrecordedAccess(RuntimeError):
    """A guarded table was about to be read or written in a way that the trail would not see."""


class Recorder(Protocol):
    """What collects, for one request, task or command, whose records were seen."""

    def saw(self, instance: GuardedModel) -> None:
        """Called for each guarded row that becomes an object."""

    def noted_query(self, reason: str) -> None:
        """Called for each statement that reads guarded tables without making objects."""


current_recorder: ContextVar[Recorder | None] = ContextVar("current_recorder", default=None)
_permit: ContextVar[bool] = ContextVar("guarded_statement_permit", default=False)


@contextmanager
def permit_statements() -> Iterator[None]:
    """Let statements on guarded tables pass.

    For this module and the base models only: object loading, ``save``, ``delete`` and ``exists``.
    An architecture test refuses other callers.
    """
    token = _permit.set(True)
    try:
        yield
    finally:
        _permit.reset(token)


@contextmanager
def recorded_query(reason: str) -> Iterator[None]:
    """The one way to run ``values``, aggregates, ``update``, ``bulk_*`` or SQL on guarded tables.

    The reason goes into the entry of the request, task or command; without one of those the query is refused.

    Raises: UnrecordedAccess outside of an access context.
    """
    recorder = require_recorder()
    recorder.noted_query(reason)
    with permit_statements():
        yield


def require_recorder() -> Recorder:
    recorder = current_recorder.get()
    if recorder is None:
        raise UnrecordedAccess(
            "A guarded record was touched outside of an access context. Requests have one; "
            "tasks and commands open one with audit.context.access_context()."
        )
    return recorder


@cache
def _guarded_tables() -> re.Pattern[str]:
    from core.models import GuardedModel

    names = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, GuardedModel))
    return re.compile(r"\b(?:" + "|".join(names) + r")\b") if names else re.compile(r"(?!)")


def _refuse_unpermitted(
    execute: Callable[..., Any],
    sql: object,
    params: object,
    many: bool,
    context: dict[str, Any],
) -> Any:
    if not _permit.get():
        found = _guarded_tables().search(str(sql))
        if found:
            raise UnrecordedAccess(
                f"A statement names {found.group(0)} but makes no objects that the trail could see "
                "(values, aggregate, count, update, bulk or SQL). Load objects, or use recorded_query()."
            )
    return execute(sql, params, many, context)


def guard_connection(connection: Any, **kwargs: object) -> None:
    """Put the refusal in front of each statement of the application's connections (the owner only migrates)."""
    if connection.settings_dict["USER"] == settings.DATABASE_OWNER_ROLE:
        return
    if _refuse_unpermitted not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse_unpermitted)
