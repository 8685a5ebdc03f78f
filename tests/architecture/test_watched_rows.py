"""The write backstop watches every table it has to: asked of the database's own catalogue, against the models."""

from __future__ import annotations

from typing import Any

import pytest
from auditlog.registry import auditlog
from django.apps import apps
from django.db import connection, models

from core.models import GuardedModel

pytestmark = pytest.mark.django_db

# Not watched: why.
UNWATCHED = {
    "audit_logentry": "is the trail",
    "audit_entrysubject": "is the trail",
    "audit_rowchange": "is the backstop",
    "audit_unexplainedchange": "is what the backstop found",
    "reminders_emailmessageout": "says how many reminders wait, about nobody; its delivery is kept by update()",
}
# Columns whose change alone is not noted: why.
UNNOTED = {
    ("accounts_user", "last_login"): "a sign-in has an entry of its own kind",
}
# Tables whose rows recorded queries may add and change without a change entry for each: why.
WRITTEN_BY_QUERIES = {
    "reminders_reminder": "follow from facts on the trail; claimed, sent and settled in bulk",
}
NOTES = {"audit_note_row", "audit_note_update", "audit_note_truncate"}


def watched_models() -> set[type[models.Model]]:
    """Whatever is about patients, and whatever the trail promises an entry of."""
    guarded = {model for model in apps.get_models() if issubclass(model, GuardedModel)}
    return {model for model in guarded | set(auditlog.get_models()) if model._meta.managed}


def many_to_many(found: set[type[models.Model]]) -> set[str]:
    through = [field.remote_field.through for model in found for field in model._meta.local_many_to_many]  # type: ignore[union-attr]
    return {model._meta.db_table for model in through if model._meta.auto_created}  # type: ignore[union-attr]


def asked(question: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())


def triggers() -> dict[str, set[str]]:
    """By table: the notes that fire always, for every row and statement."""
    found: dict[str, set[str]] = {}
    for table, name in asked(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgenabled = 'A' AND NOT tgisinternal"
    ):
        found.setdefault(table, set()).add(name)
    return found


def test_every_table_that_has_to_be_is_watched() -> None:
    tables = {model._meta.db_table for model in watched_models()} | many_to_many(watched_models())
    found = triggers()
    missing = {table for table in tables if not found.get(table, set()) >= NOTES}
    assert missing == set(UNWATCHED), (
        f"put watch_rows(…) of audit.watching into a migration: {sorted(missing - set(UNWATCHED))}; "
        f"stale: {sorted(set(UNWATCHED) - missing)}"
    )


def test_nothing_else_is_watched() -> None:
    """A table whose entries could never match would only make noise."""
    tables = {model._meta.db_table for model in watched_models()} | many_to_many(watched_models())
    assert {table for table, names in triggers().items() if names & NOTES} <= tables


def test_an_entry_finds_its_table_and_its_row() -> None:
    """The rule joins on app label and model name, and on the key as auditlog writes it."""
    sources = dict(
        asked("SELECT substr(proname, 12), prosrc FROM pg_proc WHERE starts_with(proname, 'audit_note_')")
    )
    for model in watched_models():
        table = model._meta.db_table
        if table in UNWATCHED:
            continue
        assert table == f"{model._meta.app_label}_{model._meta.model_name}"
        assert f"NEW.{model._meta.pk.column}::text" in sources[table], table  # type: ignore[union-attr]


def test_a_change_about_a_patient_is_noted_with_the_patient() -> None:
    sources = dict(
        asked("SELECT substr(proname, 12), prosrc FROM pg_proc WHERE starts_with(proname, 'audit_note_')")
    )
    for model in watched_models():
        if model._meta.db_table in UNWATCHED:
            continue
        columns = {
            field.column
            for field in model._meta.concrete_fields
            if getattr(field.related_model, "__name__", "") == "Patient"
        }
        if model._meta.label == "cases.Patient":
            columns = {"id"}
        noted = {column for column in columns if sources[model._meta.db_table].count(f"NEW.{column}") >= 1}
        assert noted == columns, model._meta.label


def test_every_change_is_noted_but_for_columns_with_a_reason() -> None:
    conditions = asked(
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'audit_note_update'"
    )
    assert conditions
    unnoted = {}
    for table, definition in conditions:
        _, _, condition = definition.partition("WHEN ")
        condition, _, _ = condition.partition(" EXECUTE ")
        if condition == "((old.* IS DISTINCT FROM new.*))":
            continue
        (columns,) = {part.split("}")[0] for part in condition.split("'{")[1:]}
        unnoted |= {(table, column): condition for column in columns.split(",")}
    assert set(unnoted) == set(UNNOTED)


def test_notes_are_written_with_the_owners_right_and_a_pinned_path_and_lent_to_nobody() -> None:
    functions = asked(
        "SELECT proname, prosecdef, proconfig, pg_get_userbyid(proowner),"
        " has_function_privilege('sim_app', oid, 'EXECUTE')"
        " FROM pg_proc WHERE starts_with(proname, 'audit_note_')"
    )
    assert len(functions) > 30
    for name, is_definer, config, owner, is_lent in functions:
        assert is_definer, name
        assert config == ["search_path=pg_catalog, public, pg_temp"], name
        assert (owner, is_lent) == ("sim_owner", False), name


def test_rows_are_written_by_queries_in_few_tables_and_each_has_a_reason() -> None:
    listed = {
        model._meta.db_table
        for model in apps.get_models()
        if issubclass(model, GuardedModel) and model.written_by
    }
    assert listed == set(WRITTEN_BY_QUERIES)
