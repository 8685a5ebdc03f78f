"""Every address of the product, with every key that can stand in it. Shared by the walk, the permission matrix and the
trail tests: a new page is met by all of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from psycopg import sql

from sim_casework.proving.planting import patient_column, pk_column

# What stands for a key where no row has one: a form's name, a token nobody was given.
FIXED_KEYS: dict[str, list[Any]] = {
    "form": ["contact-log", "no-such-form"],
    "token": ["no-such-token"],
    "uidb36": ["1"],
    "key": ["no-such-key"],
}
# Parameters that are not called after the model whose key they are.
MODELS_OF_KEYS = {
    "registered_id": "cases.Patient",
    "registration_id": "accounts.ProfessionalRegistration",
    "reference": "reminders.EmailMessageOut",
    "number": "crisis_plans.PlanVersion",
    "pk": "mfa.Authenticator",
}
COLUMNS_OF_KEYS = {"number": "number"}


@dataclass(frozen=True, slots=True)
class Address:
    route: str
    path: str
    patient: uuid.UUID | None = None


def every_route(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[str]:
    """The names of all addresses, in the order of their patterns."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from every_route(
                pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            )
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}{pattern.name}"


def parameters_of(route: str) -> list[str]:
    """The names an address takes."""
    resolver = get_resolver()
    *namespaces, name = route.split(":")
    for namespace in namespaces:
        resolver = resolver.namespace_dict[namespace][1]
    [(_, parameters)] = resolver.reverse_dict.getlist(name)[0][0]
    return list(parameters)


class Addresses:
    """All addresses about these patients and about nobody; ``most`` limits the rows of one kind for each patient.

    ``without_key`` names the routes that no row leads to: pages the walk would not see.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], patients: Iterable[uuid.UUID], *, most: int = 100
    ) -> None:
        self.connection, self.patients, self.most = connection, list(patients), most
        self.without_key: list[str] = []
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def of(self, route: str) -> list[Address]:
        names = parameters_of(route)
        if "patient_id" in names:
            others = [name for name in names if name != "patient_id"]
            found = [
                Address(route, reverse(route, kwargs={"patient_id": patient} | keys), patient)
                for patient in self.patients
                for keys in self._keys(others, patient)
            ]
        else:
            found = [Address(route, reverse(route, kwargs=keys)) for keys in self._keys(names, None)]
        if not found:
            self.without_key.append(route)
        return found

    def every(self) -> list[Address]:
        return [address for route in dict.fromkeys(every_route()) for address in self.of(route)]

    def _keys(self, names: list[str], patient: uuid.UUID | None) -> Iterator[dict[str, Any]]:
        """Each combination of keys; rows that belong to a user go with that user's own key."""
        pools = [self._pool(name, patient) for name in names]
        for combination in itertools.product(*pools):
            keys = dict(zip(names, (key for key, _ in combination), strict=True))
            owners = {owner for _, owner in combination if owner is not None}
            if "user_id" not in keys or owners <= {keys["user_id"]}:
                yield keys

    def _pool(self, name: str, patient: uuid.UUID | None) -> list[tuple[Any, Any]]:
        """Keys with the user they belong to, if they do."""
        if name in FIXED_KEYS:
            return [(key, None) for key in FIXED_KEYS[name]]
        model = _model_of(name)
        if model is None:
            return []
        rows = self._of_patient(model, patient) if name != "registered_id" else self._others(model, patient)
        column = COLUMNS_OF_KEYS.get(name, pk_column(model))
        is_users = "user_id" in {f.column for f in model._meta.concrete_fields} and not patient_column(model)
        # Rows about nobody's record (colleagues, their roles) are met by two examples, a patient's own by each.
        most = self.most if patient_column(model) else 2
        return [(row[column], row["user_id"] if is_users else None) for row in rows[:most]]

    def _of_patient(self, model: type[models.Model], patient: uuid.UUID | None) -> list[dict[str, Any]]:
        column = patient_column(model)
        rows = self._all(model)
        if column is None:
            return rows
        if patient is not None:
            return [row for row in rows if row[column] == patient]
        return [row for row in rows if row[column] in self.patients]

    def _others(self, model: type[models.Model], patient: uuid.UUID | None) -> list[dict[str, Any]]:
        return [row for row in self._all(model) if row[pk_column(model)] != patient]

    def _all(self, model: type[models.Model]) -> list[dict[str, Any]]:
        if model._meta.label not in self._rows:
            with self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
                self._rows[model._meta.label] = cursor.execute(
                    sql.SQL("SELECT * FROM {} ORDER BY {}").format(
                        *map(sql.Identifier, (model._meta.db_table, pk_column(model)))
                    )
                ).fetchall()
        return self._rows[model._meta.label]


def _model_of(name: str) -> type[models.Model] | None:
    """``contact_id`` is the key of a Contact: by convention, or by the table above."""
    if name in MODELS_OF_KEYS:
        return apps.get_model(MODELS_OF_KEYS[name])
    wanted = name.removesuffix("_id").replace("_", "")
    fitting = [model for model in apps.get_models() if model.__name__.lower() == wanted]
    return fitting[0] if fitting else None
