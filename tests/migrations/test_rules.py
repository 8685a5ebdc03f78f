"""Rules that every migration of ours keeps: none is missing, each app has one line, and none would break a running version."""

from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter

from sim_casework.devstack.paths import REPOSITORY

OURS = sorted(config.label for config in apps.get_app_configs() if Path(config.path).parent == REPOSITORY)

# There was no running version that they could have broken. Nothing is added here once 0.1.0 is released.
BEFORE_THE_FIRST_RELEASE = {
    ("accounts", "0010_registration_number_again"),  # asks less than the uniqueness it replaces
    ("audit", "0003_row_changes"),  # NOT NULL columns of new tables
    ("cases", "0002_patient_search"),
    ("cases", "0005_sent_once"),
    ("cases", "0009_look_ups"),  # NOT NULL columns of a new table
    ("cases", "0017_review_outcome"),  # a column has a new name
}


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=3)


@pytest.mark.django_db
@pytest.mark.parametrize("label", OURS)
def test_migrations_of_an_app_are_one_line(label: str) -> None:
    graph = MigrationLoader(connection).graph
    names = [key for key in graph.nodes if key[0] == label]
    children = [
        [child.key for child in graph.node_map[key].children if child.key[0] == label] for key in names
    ]
    assert all(len(following) <= 1 for following in children), children
    assert len(graph.leaf_nodes(label)) == (1 if names else 0)


@pytest.mark.django_db
def test_no_migration_locks_or_breaks_a_running_version() -> None:
    linter = MigrationLinter(
        str(REPOSITORY),
        include_apps=OURS,
        ignore_name=[name for _, name in BEFORE_THE_FIRST_RELEASE],
        ignore_initial_migrations=True,
        no_cache=True,
        quiet=["ok", "ignore", "warning"],
    )
    linter.lint_all_migrations()
    assert linter.nb_total > 0
    assert not linter.has_errors


@pytest.mark.django_db
@pytest.mark.parametrize("key", sorted(BEFORE_THE_FIRST_RELEASE))
def test_each_exempted_migration_is_still_there(key: tuple[str, str]) -> None:
    assert key in MigrationLoader(connection).graph.nodes
