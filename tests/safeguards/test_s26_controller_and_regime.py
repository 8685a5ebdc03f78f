"""S26: every item carries controller and regime, derived from its author, and none is stored without."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Organisation, Regime
from audit.context import access_context
from cases.models import Case, OtherName, Patient, RelatedPerson
from cases.models.item import PatientItem
from cases.services.authorship import authorship
from core.errors import DomainError
from core.models import GuardedModel
from tests.patients import form_data, register
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

# Guarded rows that are no items about a patient: typed text without standing, reminders, the trail and its alerts.
_NO_ITEMS = {"cases.Draft", "reminders.Reminder"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_s26_every_model_about_a_patient_has_controller_and_regime() -> None:
    checked = 0
    for model in apps.get_models():
        if not issubclass(model, GuardedModel) or model._meta.label in _NO_ITEMS:
            continue
        if model._meta.app_label == "audit":
            continue
        if model is not Patient and not issubclass(model, PatientItem):
            raise AssertionError(f"{model._meta.label} is guarded and neither an item nor listed as none")
        controller = model._meta.get_field("controller")
        assert isinstance(controller, models.ForeignKey)
        assert controller.related_model is Organisation
        assert not controller.null
        assert not model._meta.get_field("regime").null
        checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("author", "controller", "regime"),
    [("amira", "Northmoor Trust", Regime.UK_GDPR), ("pete", "Northmoor Police", Regime.PART_3)],
)
def test_s26_a_registration_falls_under_its_authors_organisation(
    cast: Cast, author: str, controller: str, regime: str
) -> None:
    data = form_data(cast, aliases="Birdie", kin_name="Robin")
    register(sign_in(Client(), cast[author]), data)
    with access_context(route="test", is_system=True):
        patient = Patient.objects.select_related("controller").get(family_name="Alder")
        rows = [
            patient,
            *[
                model.objects.select_related("controller").get(patient=patient)
                for model in (Case, OtherName, RelatedPerson)
            ],
        ]
    assert {(row.controller.name, row.regime, row.created_by_id) for row in rows} == {
        (controller, regime, cast.people[author].pk)
    }


def test_s26_an_edit_does_not_move_a_record_to_the_editors_organisation(cast: Cast) -> None:
    data = {
        "given_name": "Nora",
        "family_name": "Quill",
        "date_of_birth_day": "3",
        "date_of_birth_month": "2",
        "date_of_birth_year": "1990",
        "phone": "07700 900444",
        "version": "1",
    }
    pete = sign_in(Client(), cast["pete"])
    assert pete.post(reverse("cases:patient_edit", args=[cast.nora.pk]), data).status_code == 302
    with access_context(route="test", is_system=True):
        nora = Patient.objects.select_related("controller").get(pk=cast.nora.pk)
    assert (nora.phone, nora.controller.name, nora.regime) == (
        "07700 900444",
        "Northmoor Trust",
        Regime.UK_GDPR,
    )


def test_s26_somebody_without_an_organisation_writes_nothing(cast: Cast) -> None:
    amira = cast["amira"]
    amira.organisation = None
    with pytest.raises(DomainError, match="belongs to no organisation"):
        authorship(amira)


def test_s26_the_database_refuses_a_row_without_them(cast: Cast) -> None:
    with access_context(route="test", is_system=True), pytest.raises(IntegrityError), transaction.atomic():
        OtherName.objects.create(
            patient=cast.nora, kind="alias", name="X", regime="UK GDPR", created_by=cast["amira"]
        )
