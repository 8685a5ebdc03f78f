"""Of two patients whom somebody may write, a row stays with its own; and nobody gives a patient to another team."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from cases.models import Case, Patient, PatientGroupObjectPermission
from cases.models.item import PatientItem
from core.access_guard import permit_statements
from core.acting import Acting, acting
from tests.contact_log import logged, looking
from tests.people import Cast, make_cast, make_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def run(cast: Cast, who: str, sql: str, values: list[Any]) -> None:
    with (
        transaction.atomic(),
        acting(Acting(user=cast[who].pk)),
        permit_statements(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
        assert cursor.rowcount == 1, "the row is not theirs to write"


def case_of(patient: Patient) -> Case:
    with looking():
        return Case.objects.get(patient=patient)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("cases_contact", "patient_id"),
        ("cases_contact", "case_id"),
        ("cases_case", "patient_id"),
        ("cases_case", "team_id"),
        ("cases_patient", "team_id"),
    ],
)
def test_a_row_stays_with_its_patient_case_and_team(cast: Cast, table: str, column: str) -> None:
    with looking():
        wren = make_patient(cast.north, cast["amira"], cast["pete"], given_name="Wren", family_name="Oak")
    row = {
        "cases_contact": logged(cast["amira"], cast.nora),
        "cases_case": case_of(cast.nora),
        "cases_patient": cast.nora,
    }[table]
    value = {"patient_id": wren.pk, "case_id": case_of(wren).pk, "team_id": cast.south.pk}[column]
    with pytest.raises(IntegrityError, match="stays with its patient, case and team"):
        run(cast, "amira", f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, row.pk])  # noqa: S608


def test_every_table_of_patients_rows_holds_them(superuser_connection: psycopg.Connection) -> None:
    wanted = {
        model._meta.db_table
        for model in apps.get_app_config("cases").get_models()
        if issubclass(model, PatientItem) and not model._meta.proxy
    } | {"cases_patient"}
    found = superuser_connection.execute(
        "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'whose_it_is_stays'"
    ).fetchall()
    assert {table for (table,) in found} == wanted


def test_nobody_gives_a_patient_to_a_team_that_is_not_theirs(cast: Cast) -> None:
    with looking():
        (grant,) = PatientGroupObjectPermission.objects.filter(content_object=cast.nora)
    copy = "INSERT INTO cases_patientgroupobjectpermission (group_id, content_object_id, permission_id) VALUES (%s, %s, %s)"
    with pytest.raises(ProgrammingError, match="row-level security"):
        run(cast, "amira", copy, [cast.south.group_id, cast.nora.pk, grant.permission_id])
    change = "UPDATE cases_patientgroupobjectpermission SET group_id = %s WHERE id = %s"
    with pytest.raises(ProgrammingError, match="row-level security"):
        run(cast, "amira", change, [cast.south.group_id, grant.pk])
