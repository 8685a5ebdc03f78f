"""S10: planning therapeutic work with police is refused, in words by the service and once more by the database."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cases.models import Visit, VisitParticipant
from cases.models.visit import Purpose
from cases.services.authorship import authorship
from cases.services.visits import VisitPlan, change_visit
from core.errors import DomainError
from tests.contact_log import at_work, looking, planned
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def fields(purpose: str, *participants: User, **changes: Any) -> dict[str, Any]:
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    return {
        "planned_on_day": str(tomorrow.day),
        "planned_on_month": str(tomorrow.month),
        "planned_on_year": str(tomorrow.year),
        "at": "14:00",
        "purpose": purpose,
        "participants": [str(user.pk) for user in participants],
    } | changes


def has_no_visit() -> bool:
    with looking():
        return not Visit.objects.exists() and not VisitParticipant.objects.exists()


def test_s10_page_refuses_it_says_why_and_what_to_do_instead(cast: Cast, client: Client) -> None:
    url = reverse("cases:visit_plan", args=[cast.nora.pk])
    answer = sign_in(client, cast["amira"]).post(
        url, fields("therapeutic", cast["amira"], cast["pete"], place="The library")
    )
    page = answer.content.decode()
    assert answer.status_code == 200
    for words in (
        "cannot be planned with Pete Parr",
        "police do not take part in planned therapeutic work",
        "NHS England said on 10 March 2023",
        "with clinicians only",
        "plan a separate visit",
        "The library",
    ):
        assert words in page
    assert has_no_visit()


@pytest.mark.parametrize("name", ["amira", "pete", "lena"])
def test_s10_service_refuses_it_to_everybody(cast: Cast, name: str) -> None:
    with pytest.raises(DomainError) as refused:
        planned(cast[name], cast.nora, cast["amira"], cast["pete"], purpose="therapeutic")
    assert refused.value.field == "participants"
    assert has_no_visit()


def test_s10_an_officer_alone_is_refused_as_well(cast: Cast) -> None:
    with pytest.raises(DomainError):
        planned(cast["pete"], cast.nora, cast["pete"], purpose="therapeutic")
    assert has_no_visit()


def test_s10_a_second_clinical_role_does_not_pass_an_officer(cast: Cast) -> None:
    with looking():
        membership = cast["pete"].memberships.get()
        membership.pk, membership.role = None, "clinical mentor"
        membership.save(force_insert=True)
    with pytest.raises(DomainError):
        planned(cast["amira"], cast.nora, cast["pete"], purpose="therapeutic")


@pytest.mark.parametrize("purpose", [value for value in Purpose.values if value != "therapeutic"])
def test_s10_other_joint_work_goes_on(cast: Cast, purpose: str) -> None:
    assert planned(cast["amira"], cast.nora, cast["amira"], cast["pete"], purpose=purpose).has_police


def test_s10_therapeutic_work_of_clinicians_is_planned(cast: Cast) -> None:
    assert not planned(cast["amira"], cast.nora, cast["amira"], cast["cal"], purpose="therapeutic").has_police


@pytest.mark.parametrize(
    ("first", "with_police", "then", "then_with_police"),
    [
        ("therapeutic", False, "therapeutic", True),
        ("practical support", True, "therapeutic", True),
        ("practical support", False, "therapeutic", True),
    ],
)
def test_s10_neither_a_later_officer_nor_a_later_purpose_passes(
    cast: Cast, client: Client, first: str, with_police: bool, then: str, then_with_police: bool
) -> None:
    amira, pete = cast["amira"], cast["pete"]
    visit = planned(amira, cast.nora, amira, *([pete] if with_police else []), purpose=first)
    people = [amira, *([pete] if then_with_police else [])]
    with at_work(amira), pytest.raises(DomainError, match="planned therapeutic work"):
        change_visit(
            by=amira,
            visit=visit,
            version=1,
            plan=VisitPlan(planned_for=visit.planned_for, purpose=then, participants=people),
        )
    url = reverse("cases:visit_change", args=[cast.nora.pk, visit.pk])
    page = sign_in(client, amira).post(url, fields(then, *people, version=1)).content.decode()
    assert "police do not take part in planned therapeutic work" in page
    with looking():
        kept = Visit.objects.get()
        assert (kept.purpose, kept.version, kept.has_police) == (first, 1, with_police)


def test_s10_officer_leaves_and_the_visit_may_become_therapeutic(cast: Cast) -> None:
    amira = cast["amira"]
    visit = planned(amira, cast.nora, amira, cast["pete"])
    plan = VisitPlan(planned_for=visit.planned_for, purpose="therapeutic", participants=[amira])
    with at_work(amira):
        assert change_visit(by=amira, visit=visit, version=1, plan=plan).purpose == "therapeutic"


def test_s10_database_refuses_the_visit_itself(cast: Cast) -> None:
    visit = planned(cast["amira"], cast.nora, purpose="therapeutic")
    with looking():
        visit.has_police = True
        with pytest.raises(IntegrityError, match="visit_s10"), transaction.atomic():
            visit.save()


def test_s10_database_refuses_an_officer_behind_the_visits_back(cast: Cast) -> None:
    amira = cast["amira"]
    visit = planned(amira, cast.nora, purpose="therapeutic")
    with at_work(amira), pytest.raises(IntegrityError, match="no police"), transaction.atomic():
        VisitParticipant.objects.create(
            patient_id=cast.nora.pk, visit=visit, user=cast["pete"], is_police=True, **authorship(amira)
        )


def test_s10_database_refuses_to_forget_the_officer(cast: Cast) -> None:
    visit = planned(cast["amira"], cast.nora, cast["amira"], cast["pete"])
    with looking():
        visit.has_police = False
        visit.purpose = "therapeutic"
        with pytest.raises(IntegrityError, match="Police take part"), transaction.atomic():
            visit.save()


def test_s10_unknown_participant_is_refused_in_words(cast: Cast, client: Client) -> None:
    url = reverse("cases:visit_plan", args=[cast.nora.pk])
    page = sign_in(client, cast["amira"]).post(
        url, fields("therapeutic", cast["amira"]) | {"participants": [str(uuid.uuid4())]}
    )
    assert page.status_code == 200
    assert has_no_visit()
