"""S18: leaving changes nothing about access to care; closing names who is responsible now, in words to the team."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import access_context
from cases.models import Case, Visit
from cases.services.cases import close_case
from core.errors import DomainError
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def case_of(cast: Cast) -> Case:
    return Case.objects.get(patient=cast.nora)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"next_service": "  "}, "Name the service that is responsible from now on"),
        ({"step_down_note": ""}, "Write the step-down note"),
    ],
)
def test_s18_a_case_does_not_close_without_next_service_and_step_down_note(
    cast: Cast, changes: dict[str, str], words: str
) -> None:
    with access_context(route="test", actor=cast["lena"]):
        told = {"next_service": "Moor CMHT", "step_down_note": "Agreed with Nora."} | changes
        with pytest.raises(DomainError, match=words):
            close_case(by=cast["lena"], case=case_of(cast), version=1, **told)
        assert case_of(cast).is_open


def test_s18_the_page_asks_for_both_and_keeps_what_was_typed(cast: Cast) -> None:
    lena = sign_in(Client(), cast["lena"])
    address = reverse("cases:case_close", args=[cast.nora.pk])
    page = lena.post(address, {"step_down_note": "Kept words", "version": 1}).content.decode()
    assert "Name the service that is responsible from now on" in page
    assert "Kept words" in page
    assert "Leaving the programme changes nothing about access to care" in page


def test_s18_the_closed_record_says_who_is_responsible_now(cast: Cast) -> None:
    lena = sign_in(Client(), cast["lena"])
    told = {"next_service": "Moor CMHT", "step_down_note": "Nora keeps her Tuesday group.", "version": 1}
    answer = lena.post(reverse("cases:case_close", args=[cast.nora.pk]), told)
    page = lena.get(answer["Location"]).content.decode()
    assert "Responsible now" in page
    assert "Moor CMHT" in page
    assert "Nora keeps her Tuesday group." in page
    with access_context(route="test", is_system=True):
        case = case_of(cast)
        assert (case.closed_on, case.closed_by_id) == (timezone.localdate(), cast.people["lena"].pk)


def test_s18_the_database_refuses_a_closed_case_without_next_service(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        case = case_of(cast)
        case.closed_on, case.closed_by = timezone.localdate(), cast["lena"]
        with pytest.raises(IntegrityError, match="case_closed_with_next_service"), transaction.atomic():
            case.save()


def test_s18_a_case_does_not_close_over_a_visit_that_is_still_planned(cast: Cast) -> None:
    told = {"next_service": "Moor CMHT", "step_down_note": "Agreed."}
    with access_context(route="test", actor=cast["lena"]):
        case = case_of(cast)
        visit = Visit.objects.create(
            patient=cast.nora,
            case=case,
            planned_for=timezone.now() + dt.timedelta(days=1),
            purpose="review",
            controller=cast.north.trust,
            regime="UK GDPR",
            created_by=cast["lena"],
        )
        with pytest.raises(DomainError, match="A visit is still planned"):
            close_case(by=cast["lena"], case=case, version=1, **told)
        visit.planned_for = timezone.now() - dt.timedelta(days=1)
        visit.save()
        close_case(by=cast["lena"], case=case, version=1, **told)


def test_s18_what_helps_and_the_plan_stay_readable_after_closing(cast: Cast) -> None:
    from tests.plans import approved

    with access_context(route="test", is_system=True):
        approved(cast)
    with access_context(route="test", actor=cast["lena"]):
        close_case(
            by=cast["lena"], case=case_of(cast), version=1, next_service="GP", step_down_note="Agreed."
        )
    page = sign_in(Client(), cast["amira"]).get(reverse("patient_record", args=[cast.nora.pk]))
    assert "Speak slowly." in page.content.decode()
