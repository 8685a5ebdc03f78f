"""The product's addresses, and ways of letting a record out past the trail. For the test of the prover only."""

from __future__ import annotations

import csv
import uuid

import psycopg
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from accounts.gate import signed_in_user
from audit.context import current_context
from cases.models import Contact, Patient
from cases.permissions import visible_patients
from core.access_guard import recorded_query
from sim_casework.urls import handler400, handler403, handler404, handler500  # noqa: F401


def around_the_guard(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """An unrecorded view: the driver's own connection, which no guard sits in front of."""
    [name] = _behind("SELECT family_name FROM cases_patient WHERE id = %s", patient_id)
    return HttpResponse(f"The name is {name}.")


def _behind(statement: str, patient_id: uuid.UUID) -> tuple[str, ...]:
    """The first row."""
    options = connection.get_connection_params()
    options.pop("cursor_factory", None)
    options.pop("context", None)
    with psycopg.connect(**{**options, "user": "postgres"}) as own:
        row: tuple[str, ...] = own.execute(statement, [patient_id]).fetchone() or ("",)
    return row


def wrongly_explained(request: HttpRequest, patient_id: uuid.UUID, word: str) -> HttpResponse:
    """The entry names the patient, and a relationship that does not exist."""
    current_context().concerns(patient_id, relationship=word)
    rows = [
        _behind("SELECT family_name FROM cases_patient WHERE id = %s", patient_id),
        _behind("SELECT text FROM cases_contactclinicalnote WHERE patient_id = %s", patient_id),
        _behind("SELECT data::text FROM cases_draft WHERE patient_id = %s ORDER BY user_id", patient_id),
    ]
    return HttpResponse(" ".join(column for row in rows for column in row))


def through_a_join(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Names by way of another table, in a recorded query that says whose they are to nobody."""
    with recorded_query("names of contacts"):
        found = Contact.objects.filter(patient=patient_id).values_list("patient__family_name", flat=True)
        return HttpResponse(", ".join(found))


def forgotten_export(request: HttpRequest) -> HttpResponse:
    """A file of one's own caseload that notes no subject."""
    response = HttpResponse(content_type="text/csv")
    rows = csv.writer(response)
    with recorded_query("export of the caseload"):
        own = visible_patients(signed_in_user(request)).values_list("given_name", "nhs_number")
        rows.writerows(own)
    return response


def honest(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """The same in the open."""
    return HttpResponse(Patient.objects.get(pk=patient_id).family_name)


urlpatterns = [
    path("cheat/patients/<uuid:patient_id>/around/", around_the_guard, name="around_the_guard"),
    path("cheat/patients/<uuid:patient_id>/join/", through_a_join, name="through_a_join"),
    path("cheat/export/", forgotten_export, name="forgotten_export"),
    path("cheat/patients/<uuid:patient_id>/honest/", honest, name="honest"),
    *(
        path(
            f"cheat/patients/<uuid:patient_id>/{word}/",
            wrongly_explained,
            {"word": word},
            name=f"explained by {word}",
        )
        for word in ("break-glass", "exception")
    ),
    path("", include("sim_casework.urls")),
]
