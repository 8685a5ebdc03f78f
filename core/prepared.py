"""Query sets that are compiled once and read together in one statement, for the few pages on which people wait.

The rows become objects and tell the recorder like any others. A prepared query gets what changes from request to request
as named values, so nothing of one request can stay in it for the next.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.query import get_related_populators

from core.access_guard import permit_statements, refuse_carried_columns

M = TypeVar("M", bound=models.Model)
Converter = Callable[[Any], Any]


if TYPE_CHECKING:
    _Lookup = models.Lookup[Any]
else:
    _Lookup = models.Lookup


class AnyOf(_Lookup):
    """``field__any_of=keys``: one parameter for a list of any length, as a prepared statement needs it."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s)", [*lhs_params, self.rhs]


for _field in (models.UUIDField, models.ForeignKey):
    _field.register_lookup(AnyOf)


@dataclass(frozen=True, slots=True)
class Read(Generic[M]):
    """A prepared query with the values of one request; hand it to ``read_together``."""

    prepared: Prepared[M]
    values: Mapping[str, Any]


class Prepared(Generic[M]):
    """``build`` makes the query set from named marks, whose kinds stand beside it: ``Prepared(build, user=int)``.

    Kinds are int, str, uuid.UUID, date, datetime and list (of keys, for ``any_of``). A day or a time that is not a mark is
    refused: it would be that of the first request for good. So is a mark that is not found again in the statement.
    """

    def __init__(self, build: Callable[..., models.QuerySet[M]], **kinds: type) -> None:
        self._build = build
        self._marks = {name: _mark(kind, number) for number, (name, kind) in enumerate(kinds.items())}

    def __call__(self, **values: Any) -> Read[M]:
        if values.keys() != self._marks.keys():
            raise TypeError(f"values needed: {sorted(self._marks)}")
        return Read(self, values)

    @cached_property
    def compiled(self) -> _Compiled:
        return _Compiled(self._build(**self._marks), self._marks)


# Trying every order of eight tables costs more than the reading; these queries begin at the row that is asked for.
_JOINS_AS_WRITTEN = "SET LOCAL join_collapse_limit = 1"
_JOINS_AS_PLANNED = "SET LOCAL join_collapse_limit TO DEFAULT"


def read_together(*reads: Read[Any]) -> list[list[Any]]:
    """The objects of each read, in its order, by one statement.

    Raises: UnrecordedAccess outside of an access context, as soon as a guarded row is found.
    """
    parts = [read.prepared.compiled for read in reads]
    statement = (
        f"{_JOINS_AS_WRITTEN}; SELECT {', '.join(part.as_json for part in parts)}; {_JOINS_AS_PLANNED}"
    )
    values = [
        value for part, read in zip(parts, reads, strict=True) for value in part.parameters(read.values)
    ]
    # A permit must never be open while the caller's code runs.
    with permit_statements(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        cursor.nextset()
        row: Sequence[Any] = cursor.fetchone() or ()
    return [list(part.objects(json.loads(text))) for part, text in zip(parts, row, strict=True)]


class _Compiled:
    """The statement of one query set, and how its rows become objects."""

    def __init__(self, queryset: models.QuerySet[Any], marks: Mapping[str, Any]) -> None:
        refuse_carried_columns(queryset.query)
        compiler: Any = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        statement, values = compiler.as_sql()
        names = {_identity(mark): name for name, mark in marks.items()}
        self._parameters = [_named(value, names) for value in values]
        if lost := set(marks) - {name for name, _ in self._parameters}:
            # A lookup that changes its value (icontains, a cast) would hold the mark for good instead of each request's.
            raise TypeError(f"A prepared query loses {sorted(lost)}: hand them over as they are stored.")
        columns = ", ".join(f"c{number}" for number in range(len(compiler.select)))
        rows = f"SELECT json_agg(json_build_array({columns})) FROM ({statement}) AS t({columns})"  # noqa: S608
        self.as_json = f"coalesce(({rows}), '[]')::text"
        info = compiler.klass_info
        first, last = info["select_fields"][0], info["select_fields"][-1] + 1
        self._model = info["model"]
        self._own = slice(first, last)
        self._names = [column.target.attname for column, *_ in compiler.select[first:last]]
        self._related = get_related_populators(info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # the stubs are those of Django 6
        self._annotations = dict(compiler.annotation_col_map or {})
        self._converters = [
            (number, converter)
            for number, (column, *_) in enumerate(compiler.select)
            if (converter := _converter(column.output_field)) is not None
        ]

    def parameters(self, values: Mapping[str, Any]) -> Iterator[Any]:
        for name, value in self._parameters:
            yield values[name] if name else value

    def objects(self, rows: list[list[Any]]) -> Iterator[models.Model]:
        for row in rows:
            for number, convert in self._converters:
                if row[number] is not None:
                    row[number] = convert(row[number])
            made = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._own])
            for related in self._related:
                related.populate(row, made)
            for name, number in self._annotations.items():
                setattr(made, name, row[number])
            yield made


def _mark(kind: type, number: int) -> Any:
    """A value that no query means; its place among the parameters is where the request's value goes."""
    marks: dict[type, Callable[[], Any]] = {
        int: lambda: 2_000_000_000 + number,
        str: lambda: f"\x00mark {number}",
        uuid.UUID: lambda: uuid.UUID(int=number),
        dt.date: lambda: dt.date(1, 1, 1 + number),
        dt.datetime: lambda: dt.datetime(1, 1, 1 + number, tzinfo=dt.UTC),
        list: lambda: [uuid.UUID(int=number)],
    }
    return marks[kind]()


def _identity(value: Any) -> tuple[type, str]:
    return type(value), repr(value)


def _named(value: Any, names: Mapping[tuple[type, str], str]) -> tuple[str, Any]:
    name = names.get(_identity(value), "")
    if not name and isinstance(value, dt.date):
        raise TypeError("A prepared query holds a day or time of its own: give it as a value.")
    return name, value


# What JSON hands over as text.
_CONVERTERS: dict[str, Converter | None] = {
    "UUIDField": uuid.UUID,
    "DateTimeField": dt.datetime.fromisoformat,
    "DateField": dt.date.fromisoformat,
    **dict.fromkeys(
        (
            "AutoField", "BigAutoField", "IntegerField", "BigIntegerField", "PositiveIntegerField",
            "PositiveSmallIntegerField", "SmallIntegerField", "BooleanField", "CharField", "EmailField", "TextField",
            "JSONField", "GenericIPAddressField",
        )
    ),
}  # fmt: skip


def _converter(field: models.Field[Any, Any]) -> Converter | None:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return _CONVERTERS[field.get_internal_type()]
