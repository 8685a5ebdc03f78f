"""The product's addresses, and views that try to let a record out unrecorded. For tests of the middleware only."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.urls import include, path
from django.views.decorators.http import require_POST

from accounts.gate import signed_in_user
from audit.context import current_context
from cases.models import Case, Patient
from core.access_guard import UnrecordedAccess
from core.acting import Acting, acting
from sim_casework.urls import handler400, handler403, handler404, handler500  # noqa: F401


def show(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    return HttpResponse(f"family name {Patient.objects.get(pk=patient_id).family_name}")


def load_and_break(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    name = Patient.objects.get(pk=patient_id).family_name
    raise RuntimeError(name)


def load_and_deny(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    Patient.objects.get(pk=patient_id)
    raise PermissionDenied


def stream(request: HttpRequest, patient_id: uuid.UUID) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield Patient.objects.get(pk=patient_id).family_name.encode()

    return StreamingHttpResponse(parts())


def lazily(request: HttpRequest, patient_id: uuid.UUID) -> SimpleTemplateResponse:
    """The query runs when the template does, after the view has returned."""
    template = engines["django"].from_string("{{ people.0.family_name }}")
    return SimpleTemplateResponse(template, {"people": Patient.objects.filter(pk=patient_id)})


def clash(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Refuses to save, and shows the record."""
    return HttpResponse(f"family name {Patient.objects.get(pk=patient_id).family_name}", status=409)


def everybody(request: HttpRequest) -> HttpResponse:
    """Forgets to ask whom the user may see; with ?unlocked=1 no row policy remembers it either."""
    with second_lock_open() if "unlocked" in request.GET else nullcontext():
        return HttpResponse(" ".join(patient.family_name for patient in Patient.objects.all()))


def save_and_undo(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Writes twice; the second time a savepoint is rolled back and the page goes on."""
    patient = Patient.objects.get(pk=patient_id)
    patient.phone = "01632 960111"
    patient.save()
    try:
        with transaction.atomic():
            patient.address = "1 Example Street"
            patient.save()
            raise IntegrityError
    except IntegrityError:
        return HttpResponse("kept the phone number")


def save_and_refuse(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Writes, and only then finds that it may not or cannot."""
    patient = Patient.objects.get(pk=patient_id)
    patient.phone = "01632 960111"
    patient.save()
    raise {"forbidden": PermissionDenied, "unknown": Http404, "broken": RuntimeError}[request.GET["how"]]


def register_and_undo(request: HttpRequest) -> HttpResponse:
    """A registration that is undone leaves nobody whom the entry could be about."""
    user = signed_in_user(request)
    case = Case.objects.select_related("patient").filter(clinical_mentor=user)[0]
    try:
        with transaction.atomic():
            patient = Patient.objects.get(pk=case.patient_id)
            patient.pk, patient.reference = uuid.uuid4(), "SC-ZZZZZZ"
            patient._state.adding = True
            patient.save()
            patient.save()
            raise IntegrityError
    except IntegrityError:
        return HttpResponse("undone")


def close_own_case(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    case = Case.objects.get(patient=patient_id)
    case.closed_on, case.closed_by, case.next_service = case.opened_on, signed_in_user(request), "GP"
    case.save()
    return HttpResponse("closed")


def count_behind_the_back(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    try:
        return HttpResponse(str(Patient.objects.count()))
    except UnrecordedAccess:
        return HttpResponse("refused")


def second_lock_open() -> AbstractContextManager[None]:
    """Leaves the recorder alone in the field: what the row policies would keep back is loaded."""
    return acting(Acting(is_system=True))


def match(request: HttpRequest, patient_id: uuid.UUID) -> HttpResponse:
    """Matches a patient without a relationship; with ?load=1 it shows what it was only to match."""
    current_context().concerns(patient_id, relationship="duplicate check", may_load=["cases.Patient"])
    with second_lock_open():
        Patient.objects.get(pk=patient_id)
        if "load" in request.GET:
            list(Case.objects.filter(patient=patient_id))
    return HttpResponse("same words either way")


urlpatterns = [
    path("probe/patients/<uuid:patient_id>/show/", show, name="show"),
    path("probe/patients/<uuid:patient_id>/break/", load_and_break, name="break"),
    path("probe/patients/<uuid:patient_id>/deny/", load_and_deny, name="deny"),
    path("probe/patients/<uuid:patient_id>/stream/", stream, name="stream"),
    path("probe/patients/<uuid:patient_id>/lazily/", lazily, name="lazily"),
    path("probe/patients/<uuid:patient_id>/clash/", clash, name="clash"),
    path("probe/patients/<uuid:patient_id>/undo/", save_and_undo, name="undo"),
    path("probe/patients/<uuid:patient_id>/refuse/", save_and_refuse, name="refuse"),
    path("probe/patients/<uuid:patient_id>/close/", close_own_case, name="close"),
    path("probe/patients/<uuid:patient_id>/count/", count_behind_the_back, name="count"),
    path("probe/patients/<uuid:patient_id>/post/", require_POST(show), name="post_only"),
    path("probe/match/<uuid:patient_id>/", match, name="match"),
    path("probe/everybody/", everybody, name="everybody"),
    path("probe/register/", register_and_undo, name="register"),
    path("", include("sim_casework.urls")),
]
