"""Relations keep the order of the apps, which string foreign keys would otherwise slip past import-linter."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

# Lowest first; an app may point at itself and at what stands before it.
ORDER = ["core", "audit", "accounts", "cases", "crisis_plans", "reminders", "sim_casework"]
# Libraries lie below all of ours.
LIBRARIES = {"auth", "contenttypes", "sessions", "account", "mfa", "guardian", "auditlog"}

OURS = [model for model in apps.get_models() if model._meta.app_label in ORDER]


def relations(model: type[models.Model]) -> list[models.Field]:  # type: ignore[type-arg]
    return [f for f in model._meta.get_fields() if f.is_relation and not f.auto_created and f.related_model]  # type: ignore[misc]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_relations_run_downward_only(model: type[models.Model]) -> None:
    own = ORDER.index(model._meta.app_label)
    for field in relations(model):
        target = field.related_model._meta  # type: ignore[union-attr]
        if target.label == settings.AUTH_USER_MODEL or target.app_label in LIBRARIES:
            continue
        assert ORDER.index(target.app_label) <= own, f"{model._meta.label}.{field.name} → {target.label}"


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_no_many_to_many_whose_rows_nobody_records(model: type[models.Model]) -> None:
    """auditlog logs m2m clear() wrongly, and its through rows pass the guard by: two foreign keys instead."""
    inherited = {"groups", "user_permissions"}  # Django's user; rights here come from memberships alone
    assert {field.name for field in model._meta.local_many_to_many} <= inherited


def test_every_app_of_ours_stands_in_the_order() -> None:
    ours = {
        config.label
        for config in apps.get_app_configs()
        if str(settings.BASE_DIR) == config.path.rsplit("/", 1)[0]
    }
    assert ours == set(ORDER)
