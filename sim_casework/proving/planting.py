"""Writes a canary into every sensitive field of every guarded row, past the application, as the database's superuser.

The models are asked, so that a new model or field is covered without anybody thinking of it. What could not be planted
is told, and fails the proof unless it stands below with a reason.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.apps import apps
from django.db import models
from psycopg import sql

from core.models import GuardedModel
from sim_casework.proving.canaries import Canaries, Canary
from sim_casework.stories.patients import invented_nhs_number

# Fields that hold no text about the person, or whose value steers what the application does with the row.
EXCUSED: dict[str, str] = {
    "audit.Alert.kind": "names the rule",
    "audit.Alert.day": "with the kind, what makes an alert the same one",
    "audit.Alert.patient_reference": "the patient's reference, a canary already",
    "audit.AlertStep.answer_by": "decides when a question counts as unanswered",
    "cases.Case.opened_on": "decides whether the team has a relationship",
    "cases.Case.closed_on": "decides whether the team has a relationship",
    "cases.Draft.form": "names the form",
    "cases.Draft.about": "holds the key of the row the form is about",
    "reminders.Reminder.act": "names the act of a role, and decides who may see it",
    "reminders.Reminder.kind": "names the rule",
    "reminders.Reminder.subject": "holds the key of the row it is about",
    "reminders.Reminder.link": "an address of the application's own",
}
# Tables of the trail hold references and reasons, and are not to be altered even here. Their own rule is checked
# on the walk: no canary but a reference may stand in them.
EXCUSED_MODELS: dict[str, str] = {
    "audit.LogEntry": "the trail: read, never altered",
    "audit.RowChange": "written by triggers: names of tables, keys of rows, times",
    "audit.UnexplainedChange": "written by the comparison: names of tables, keys of rows, times",
    "audit.EntrySubject": "the trail: read, never altered; the patient's reference is a canary already",
}
_PHONES = [f"07700900{n:03d}" for n in range(300, 1000)] + [f"01632960{n:03d}" for n in range(300, 1000)]
_ANCIENT, _FAR = dt.date(1931, 1, 1), dt.date(2041, 1, 1)


@dataclass
class Planted:
    """What can be looked for, and what could not be planted (with why)."""

    canaries: Canaries = field(default_factory=Canaries)
    fields: set[str] = field(default_factory=set)
    unplanted: dict[str, str] = field(default_factory=dict)


def guarded_models() -> list[type[GuardedModel]]:
    found = [model for model in apps.get_models() if issubclass(model, GuardedModel)]
    return [model for model in found if model._meta.label not in EXCUSED_MODELS]


def sensitive_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Text, JSON and dates that somebody could recognise a person or their story by.

    Choices, numbers, times and yes-or-no say nothing that is unique; they come with the row, and its canaries.
    """
    found = []
    for column in model._meta.concrete_fields:
        if column.primary_key or column.is_relation or column.choices:
            continue
        is_text = isinstance(column, models.CharField | models.TextField | models.JSONField)
        is_day = isinstance(column, models.DateField) and not isinstance(column, models.DateTimeField)
        if is_text or is_day:
            found.append(column)
    return found


def plant(connection: psycopg.Connection[Any]) -> Planted:
    """Plant in all rows there are. ``connection`` is the superuser's, in autocommit."""
    planted = Planted()
    for model in guarded_models():
        Planter(connection, planted, model).plant()
    return planted


class Planter:
    """One model's rows."""

    def __init__(
        self, connection: psycopg.Connection[Any], planted: Planted, model: type[GuardedModel]
    ) -> None:
        self.connection, self.planted, self.model = connection, planted, model
        self.label = model._meta.label
        self.fields = [f for f in sensitive_fields(model) if f"{self.label}.{f.name}" not in EXCUSED]
        self.patient_column = patient_column(model) or ""

    def plant(self) -> None:
        if not self.patient_column:
            self.planted.unplanted[self.label] = "nobody can tell whose rows these are: no patient_id"
            return
        rows = list(self._rows())
        if not rows and (why := self._make_row()):
            self.planted.unplanted[self.label] = f"no row in the scene, and none could be made: {why}"
            return
        refused: dict[str, str] = {}
        for row in rows or self._rows():
            refused |= self._plant_row(row)
        for column in self.fields:
            name = f"{self.label}.{column.name}"
            if name not in self.planted.fields:
                self.planted.unplanted[name] = refused.get(name, "no row of a patient")

    def _rows(self) -> Iterator[dict[str, Any]]:
        with self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            table = sql.Identifier(self.model._meta.db_table)
            yield from cursor.execute(sql.SQL("SELECT * FROM {}").format(table)).fetchall()

    def _plant_row(self, row: dict[str, Any]) -> dict[str, str]:
        """Returns what the database refused, with its words."""
        patient = row[self.patient_column]
        if not isinstance(patient, uuid.UUID):
            return {}  # about nobody yet
        key = str(row[pk_column(self.model)])
        self._add_natural(patient, key, row)
        refused = {}
        for column in self.fields:
            name = f"{self.label}.{column.name}"
            canary = self._canary(name, patient, key, row)
            value = self._value(column, canary, row)
            if value is None or (why := self._write(column, value, row)):
                refused[name] = "it is too short for a canary" if value is None else why
            else:
                self.planted.fields.add(name)
        return refused

    def _canary(self, name: str, patient: uuid.UUID, key: str, row: dict[str, Any]) -> Canary:
        is_clinical = self.model.is_clinical_only is True or bool(row.get("is_clinical_only"))
        owner = row.get("user_id") if self.label == "cases.Draft" else None
        return Canary(name, patient, key, is_clinical, owner)

    def _add_natural(self, patient: uuid.UUID, key: str, row: dict[str, Any]) -> None:
        """A patient's key and reference are unique as they are, and stand in addresses."""
        if self.label == "cases.Patient":
            canaries = self.planted.canaries
            canaries.keys[key] = Canary("cases.Patient.id", patient, key)
            canaries.add_known_word(row["reference"], Canary("cases.Patient.reference", patient, key))
            self.planted.fields |= {"cases.Patient.id", "cases.Patient.reference"}

    def _value(self, column: models.Field[Any, Any], canary: Canary, row: dict[str, Any]) -> Any:
        canaries = self.planted.canaries
        if column.name == "reference":
            return row[str(column.column)]
        if isinstance(column, models.DateField):
            is_birth = "birth" in column.name
            on = (_ANCIENT if is_birth else _FAR) + dt.timedelta(days=len(canaries.days) * 3)
            canaries.days[on] = canary
            return on
        if isinstance(column, models.JSONField):
            return json.dumps(_with_words(row[str(column.column)], canaries, canary))
        if column.name in ("nhs_number", "phone"):
            index = len(canaries.digits)
            number = invented_nhs_number(5000 + index) if column.name == "nhs_number" else _PHONES[index]
            canaries.digits[number] = canary
            return number
        word = canaries.add_word(canary)
        if isinstance(column, models.TextField):
            return f"{word} {word} {word}"  # some text has to be of some length
        if isinstance(column, models.EmailField):
            word = f"{word}@example.org"
        return word if len(word) <= (column.max_length or len(word)) else None

    def _write(self, column: models.Field[Any, Any], value: Any, row: dict[str, Any]) -> str:
        """The database's words if it refuses. Triggers run, so that what is derived from the row follows; where one
        of them refuses (a signed text), it is passed by."""
        statement = sql.SQL("UPDATE {} SET {} = %s WHERE {} = %s").format(
            *map(sql.Identifier, (self.model._meta.db_table, str(column.column), pk_column(self.model)))
        )
        why = ""
        for role in ("origin", "replica"):
            try:
                with self.connection.transaction():
                    self.connection.execute(
                        sql.SQL("SET LOCAL session_replication_role = {}").format(sql.Literal(role))
                    )
                    self.connection.execute(statement, [value, row[pk_column(self.model)]])
                return ""
            except psycopg.DatabaseError as error:
                why = str(error).splitlines()[0]
        return why

    def _make_row(self) -> str:
        """A row for a model that nothing in the scene makes: plausible values, for the first patient there is."""
        found = self.connection.execute("SELECT id FROM cases_patient ORDER BY created_at LIMIT 1").fetchone()
        if found is None:
            return "there is no patient"
        columns = [f for f in self.model._meta.concrete_fields if not isinstance(f, models.AutoField)]
        values = {str(column.column): self._filler(column, found[0]) for column in columns}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(self.model._meta.db_table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join([sql.Placeholder()] * len(values)),
        )
        try:
            with self.connection.transaction():
                self.connection.execute("SET LOCAL session_replication_role = replica")
                self.connection.execute(statement, list(values.values()))
        except psycopg.DatabaseError as error:
            return str(error).splitlines()[0]
        return ""

    def _filler(self, column: models.Field[Any, Any], patient: uuid.UUID) -> Any:
        if column.column == self.patient_column:
            return patient
        if column.is_relation:
            return None if column.null else self._some_key(column, patient)
        if column.has_default():
            value = column.get_default()
            return json.dumps(value) if isinstance(column, models.JSONField) else value
        if column.null:
            return None
        if column.choices:
            return next(value for value, _ in column.flatchoices if value != "")
        return _PLAIN_FILLERS.get(column.get_internal_type())

    def _some_key(self, column: models.Field[Any, Any], patient: uuid.UUID) -> Any:
        """A row of the patient's own where the other table has patients, or any."""
        related = column.related_model
        assert isinstance(related, type) and issubclass(related, models.Model)
        of_patient = patient_column(related)
        condition = sql.SQL("{} = {}").format(
            sql.Identifier(of_patient or pk_column(related)),
            sql.Literal(patient) if of_patient else sql.Identifier(pk_column(related)),
        )
        found = self.connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} LIMIT 1").format(
                sql.Identifier(pk_column(related)), sql.Identifier(related._meta.db_table), condition
            )
        ).fetchone()
        return found[0] if found else None


_PLAIN_FILLERS: dict[str, Any] = {
    "CharField": "x",
    "TextField": "x",
    "JSONField": "{}",
    "DateField": dt.date(2026, 1, 1),
    "DateTimeField": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "UUIDField": uuid.UUID(int=1),
    "BooleanField": False,
    "PositiveIntegerField": 1,
    "PositiveSmallIntegerField": 1,
    "IntegerField": 1,
    "BigIntegerField": 1,
    "BinaryField": b"x",
}


def pk_column(model: type[models.Model]) -> str:
    return str(model._meta.pk.column)


def patient_column(model: type[models.Model]) -> str | None:
    """The column that says whose row it is."""
    if model._meta.label == "cases.Patient":
        return pk_column(model)
    names = {column.column for column in model._meta.concrete_fields}
    return "patient_id" if "patient_id" in names else None


def _with_words(value: Any, canaries: Canaries, canary: Canary) -> Any:
    if isinstance(value, dict):
        return {key: _with_words(part, canaries, canary) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_words(part, canaries, canary) for part in value]
    return canaries.add_word(canary) if isinstance(value, str) else value
