"""Whoever opens a permit, runs SQL or touches the recorder stands here with a reason; a stale line fails as well."""

from __future__ import annotations

import ast

import pytest
from django.apps import apps
from django.db.models import Manager

from core.models import GuardedModel, GuardedQuerySet
from tests.architecture.sources import sources

# (module, name it uses): why it may.
ALLOWED: dict[tuple[str, str], str] = {
    ("core.access_guard", "permit_statements"): "defines it",
    ("core.models", "permit_statements"): "opens it around the loading of objects, exists, save and delete",
    ("core.prepared", "permit_statements"): "opens it around one statement whose rows all become objects",
    ("core.prepared", "cursor"): "runs the statement that Django wrote for prepared query sets",
    ("core.prepared", "execute"): "runs the statement that Django wrote for prepared query sets",
    ("core.prepared", "from_db"): "makes each loaded row tell the recorder",
    ("audit.writing", "permit_statements"): "inserts the entries",
    (
        "cases.permissions",
        "permit_statements",
    ): "answers the trail alone: why somebody may see whom, and references",
    ("core.access_guard", "current_recorder"): "defines it",
    ("audit.context", "current_recorder"): "opens the context of tasks and commands",
    ("audit.middleware", "current_recorder"): "opens the context of requests",
    ("audit.sign_in_events", "current_recorder"): "asks whether there is a context to note a sign-in in",
    ("audit.writing", "execute"): "inserts the entries",
    ("core.access_guard", "execute"): "puts the refusal in front of each statement",
    ("core.access_guard", "executemany"): "puts the refusal in front of each statement",
    ("core.access_guard", "execute_wrappers"): "puts the refusal in front of each statement",
    ("core.access_guard", "RawSQL"): "refuses it",
    ("audit.writing", "cursor"): "inserts the entries, and names the request to the database",
    (
        "audit.reconciliation",
        "cursor",
    ): "asks the database to compare; what it hands out is named by an officer's right",
    (
        "audit.reconciliation",
        "execute",
    ): "asks the database to compare; what it hands out is named by an officer's right",
    ("core.table_cache", "cursor"): "the counts of wrong sign-ins; a table of its own, without patients",
    ("core.table_cache", "execute"): "the counts of wrong sign-ins; a table of its own, without patients",
    ("reminders.delivery", "cursor"): "claims due reminders with SKIP LOCKED, inside a recorded query",
    ("reminders.housekeeping", "cursor"): "adds the trail's partitions; names no guarded table",
    ("core.models", "_iterable_class"): "makes each loaded row tell the recorder",
    ("core.models", "from_db"): "makes each loaded row tell the recorder",
    ("reminders.delivery", "execute"): "claims due reminders with SKIP LOCKED, inside a recorded query",
    ("reminders.housekeeping", "execute"): "adds the trail's partitions; names no guarded table",
    (
        "sim_casework.devstack.postgres",
        "execute",
    ): "provisions the cluster as superuser, before there are patients",
    # The prover: beside the product, in a database of its own, refused where there is real data.
    ("sim_casework.proving.addresses", "cursor"): "the prover's look at all keys there are, as superuser",
    ("sim_casework.proving.addresses", "execute"): "the prover's look at all keys there are, as superuser",
    ("sim_casework.proving.planting", "cursor"): "the prover writes canaries into every row, as superuser",
    ("sim_casework.proving.planting", "execute"): "the prover writes canaries into every row, as superuser",
    ("sim_casework.proving.visitors", "execute"): "the prover's own view of who is in which team",
    (
        "sim_casework.proving.walking",
        "cursor",
    ): "the prover reads the entries of the request it has just made",
    (
        "sim_casework.proving.walking",
        "execute",
    ): "the prover reads the entries of the request it has just made",
    (
        "sim_casework.proving.walking",
        "permit_statements",
    ): "the prover reads the entries of the request it has just made",
    (
        "sim_casework.proving.walking",
        "acting",
    ): "the prover asks what its visitor has open by break-glass or exception",
    # Read without objects, each with its reason on the trail.
    ("audit.findings", "recorded_query"): "counts what the write backstop found, by kind",
    ("audit.reconciliation", "recorded_query"): "compares changes with the trail anew, for an officer",
    (
        "audit.selectors",
        "recorded_query",
    ): "subjects of a page of entries, those of other organisations unnamed",
    (
        "audit.alerts.detection",
        "recorded_query",
    ): "entries read by the detectors; no patient becomes an object",
    ("audit.alerts.selectors", "recorded_query"): "how many alerts of a kind were decided, and how",
    ("cases.closeness", "recorded_query"): "staff compared with those they opened; only a match is named",
    (
        "cases.services.break_glass_reviews",
        "recorded_query",
    ): "finds the keys of overdue reviews; each is then loaded by itself",
    (
        "cases.selectors.unmentored",
        "recorded_query",
    ): "counts open cases for their lead, and names mentors; no patient",
    ("cases.look_ups", "permit_statements"): "references for the trail alone, while it writes",
    ("cases.look_ups", "recorded_query"): "asks the database's look-up functions, which hand out no name",
    ("cases.look_ups", "cursor"): "asks the database's look-up functions",
    ("cases.look_ups", "execute"): "asks the database's look-up functions",
    # Who is at work, for the row policies.
    ("core.acting", "cursor"): "sets the transaction's settings; names no guarded table",
    ("core.acting", "execute"): "sets the transaction's settings; names no guarded table",
    ("core.acting", "acting"): "defines it",
    ("audit.writing", "acting_transaction"): "tells the database who the context is for",
    ("audit.alerts.putting", "acting_as_system"): "asks whether alerts wait to be put before officers",
    ("audit.alerts.raising", "acting_as_system"): "raises alerts, which those they are about do not read",
    ("cases.permissions", "asking_about"): "answers what somebody else may do: yes or no",
    ("reminders.delivery", "acting_as_system"): "asks whether anybody's reminder is due",
    ("reminders.housekeeping", "acting_as_system"): "closes notifications about lost patients",
    ("reminders.mail", "acting_as_system"): "counts what waits for each recipient",
    ("reminders.subscriber", "acting_as_system"): "writes and settles the reminders of colleagues",
    (
        "cases.services.patients",
        "recorded_query",
    ): "duplicates whom the user may not see; their leads are told",
    ("reminders.delivery", "recorded_query"): "claims, as work of the system",
    ("reminders.subscriber", "recorded_query"): "writes the reminders of a fact, and settles them",
}
WATCHED = {name for _, name in ALLOWED} | {
    "_base_manager",
    "_permit",
    "_raw_delete",
    "bulk_update",
    "chunked_cursor",
    "copy_expert",
    "execute_wrapper",
    "pgconn",
    "raw",
    "savepoint",
    "savepoint_rollback",
    "set_autocommit",
    "with_perm",
}
# Words that ordinary code uses for other things: only calls and definitions of them count.
_ORDINARY = {"cursor", "raw", "execute", "acting"}


def uses() -> set[tuple[str, str]]:
    found = set()
    for source in sources():
        called = {name for name, _ in source.calls()}
        for name in source.names() & WATCHED:
            if name in _ORDINARY and name not in called and not _defines(source.tree, name):
                continue
            found.add((source.module, name))
    return found


def _defines(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree))


def test_nobody_opens_a_way_around_the_guard_without_a_reason() -> None:
    new = uses() - set(ALLOWED) - {("core.access_guard", "_permit")}
    assert not new, f"give a reason in ALLOWED, or load objects instead: {sorted(new)}"


def test_no_reason_outlives_its_use() -> None:
    stale = set(ALLOWED) - uses()
    assert not stale, f"remove from ALLOWED: {sorted(stale)}"


def test_every_reason_says_something() -> None:
    assert all(len(reason) >= 10 for reason in ALLOWED.values())


def test_statements_never_come_from_extra_or_raw_sql() -> None:
    for source in sources():
        for name, call in source.calls():
            assert name not in ("RawSQL", "raw"), f"{source.module}:{call.lineno}"
            is_of_query = name == "extra" and isinstance(call.func, ast.Attribute)
            assert not is_of_query, f"{source.module}:{call.lineno}"


GUARDED = [model for model in apps.get_models() if issubclass(model, GuardedModel)]


@pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
def test_every_manager_of_a_guarded_model_makes_recorded_objects(model: type[GuardedModel]) -> None:
    managers: list[Manager] = [*model._meta.managers, model._base_manager, model._default_manager]  # type: ignore[type-arg]
    for manager in managers:
        assert issubclass(manager.get_queryset().__class__, GuardedQuerySet), manager


@pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
def test_no_guarded_model_takes_the_guard_off_again(model: type[GuardedModel]) -> None:
    for name in ("from_db", "save_base", "_save_table"):
        found = getattr(model, name)
        assert getattr(found, "__func__", found) is getattr(
            getattr(GuardedModel, name), "__func__", getattr(GuardedModel, name)
        )
    assert "patient_keys" in {
        key for base in model.__mro__[:-1] for key in vars(base) if base is not GuardedModel
    }


def test_every_model_about_a_patient_is_guarded() -> None:
    """Whatever points at a patient is about one. Guardian's grants are read by cases.permissions alone (see below)."""
    grants = {"cases.PatientGroupObjectPermission", "cases.PatientUserObjectPermission"}
    for model in apps.get_models():
        points = [f.name for f in model._meta.fields if getattr(f.related_model, "__name__", "") == "Patient"]
        if points and model._meta.label not in grants:
            assert issubclass(model, GuardedModel), model._meta.label
    readers = {
        source.module
        for source in sources()
        if {"PatientGroupObjectPermission", "PatientUserObjectPermission"} & source.names()
    }
    assert readers == {"cases.models", "cases.permissions"}
