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
from django.db.models import BinaryField, CharField, Field, JSONField, Model, Subquery, TextField
from django.db.models.expressions import Col, RawSQL
from django.db.models.sql import Query

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

    def noted_write(self, table: str, reason: str) -> None:
        """Called for each table that a recorded query may write to."""


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
def recorded_query(reason: str, *, writes: type[GuardedModel] | None = None) -> Iterator[None]:
    """The one way to run ``values``, aggregates, ``update``, ``bulk_*`` or SQL on guarded tables.

    The reason goes into the entry of the request, task or command; without one of those the query is refused.
    ``writes`` names the one model whose rows it adds or changes: the entry then explains these changes to the write
    backstop. The model itself lists the reasons that may (``GuardedModel.written_by``); any other change that
    leaves no change entry is shown to the information governance officer.

    Raises: UnrecordedAccess outside of an access context; ValueError for a reason the model does not list.
    """
    recorder = require_recorder()
    if writes is not None:
        if reason not in writes.written_by:
            raise ValueError(f"{writes._meta.label} does not list {reason!r} among what may write its rows.")
        recorder.noted_write(writes._meta.db_table, reason)
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
    # PostgreSQL folds case, keeps partitions beside their table, and has two more ways of writing a name. Functions
    # named lookup_… answer past the row policies.
    partition = r"(?:_default|_\d{4}_\d{2})?"
    tables = rf"\b(?:{'|'.join(names)}){partition}\b" if names else r"(?!)"
    return re.compile(rf"{tables}|\blookup_\w+|\bU&\"|\b\w+_to_xml(?:schema)?\b", re.IGNORECASE)


def refuse_unpermitted(statement: str) -> None:
    """Raises: UnrecordedAccess when the statement names a guarded table and nobody permitted it."""
    if _permit.get():
        return
    found = _guarded_tables().search(statement)
    if found:
        raise UnrecordedAccess(
            f"A statement names {found.group(0)} but makes no objects that the trail could see "
            "(values, aggregate, count, update, bulk or SQL). Load objects, or use recorded_query()."
        )


def refuse_carried_columns(query: Query) -> None:
    """Objects may not carry what the recorder does not see: free text of other guarded rows, or SQL of one's own.

    An annotation may hold dates, numbers, keys and choices of guarded rows beside a guarded object (their patient
    is recorded with it), nothing of them beside any other object, and nothing of clinical-only tables at all.

    Raises: UnrecordedAccess, unless a recorded query is open.
    """
    if _permit.get():
        return
    if query.extra:
        raise UnrecordedAccess(
            "extra() reads what the trail cannot see. Load objects, or use recorded_query()."
        )
    for name, annotation in query.annotation_select.items():
        for column in _columns_of(annotation):
            if column is None or query.model is None or _is_hidden(column, query.model):
                raise UnrecordedAccess(
                    f"The annotation {name!r} carries a guarded row's text past the trail. "
                    "Load that row with select_related or prefetch_related."
                )


def _columns_of(expression: Any) -> Iterator[Field[Any, Any] | None]:
    """The columns whose values an expression hands over; None for SQL that nobody can look into.

    Conditions (``Exists``, lookups) hand over yes or no and are not followed.
    """
    if getattr(expression, "conditional", False) and not isinstance(expression, Col):
        return
    if isinstance(expression, RawSQL):
        yield None
    elif isinstance(expression, Col):
        yield expression.target
    elif isinstance(expression, Subquery | Query):
        # A query set may also stand there without being called a Subquery.
        inner = expression.query if isinstance(expression, Subquery) else expression
        for handed_over in (*inner.select, *inner.annotation_select.values()):
            yield from _columns_of(handed_over)
    elif hasattr(expression, "get_source_expressions"):
        for part in expression.get_source_expressions():
            if part is not None:
                yield from _columns_of(part)


def _is_hidden(column: Field[Any, Any], around: type[Model]) -> bool:
    from core.models import GuardedModel

    model = column.model
    if not issubclass(model, GuardedModel) or model is around:
        return False
    if not issubclass(around, GuardedModel) or model.is_clinical_only is True:
        return True
    is_free_text = isinstance(column, CharField | TextField | JSONField | BinaryField) and not column.choices
    return is_free_text and not column.primary_key


def _refuse_in_django(
    execute: Callable[..., Any],
    sql: object,
    params: object,
    many: bool,
    context: dict[str, Any],
) -> Any:
    refuse_unpermitted(str(sql))
    return execute(sql, params, many, context)


@cache
def _guarded_cursor(factory: type[Any]) -> type[Any]:
    """The driver's cursor with the refusal in front: COPY, streams and the bare connection pass Django's by."""

    class GuardedCursor(factory):
        is_guarded = True

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_unpermitted(_as_text(query, self))
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_unpermitted(_as_text(query, self))
            return super().executemany(query, *args, **kwargs)

        def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_unpermitted(_as_text(statement, self))
            return super().copy(statement, *args, **kwargs)

        def stream(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            refuse_unpermitted(_as_text(query, self))
            return super().stream(query, *args, **kwargs)

    return GuardedCursor


def _as_text(statement: Any, cursor: Any) -> str:
    if isinstance(statement, bytes):
        return statement.decode()
    return statement if isinstance(statement, str) else str(statement.as_string(cursor))


def guard_connection(connection: Any, **kwargs: object) -> None:
    """Put the refusal in front of each statement of the application's connections (the owner only migrates)."""
    if connection.settings_dict["USER"] == settings.DATABASE_OWNER_ROLE:
        return
    if _refuse_in_django not in connection.execute_wrappers:
        connection.execute_wrappers.append(_refuse_in_django)
    driver = connection.connection
    for name in ("cursor_factory", "server_cursor_factory"):
        factory = getattr(driver, name)
        if not getattr(factory, "is_guarded", False):
            setattr(driver, name, _guarded_cursor(factory))
