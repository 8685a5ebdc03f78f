"""S28: no list, search or filter shows people of another team, however it is asked."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Act, Role
from audit.context import access_context
from cases.models import Case, OtherName, Patient, Visit, VisitParticipant
from cases.selectors.access import find_access
from cases.selectors.caseload import Narrowed, caseload
from cases.selectors.drafts import unfinished_drafts
from cases.selectors.patients import (
    find_patients,
    names_of,
    open_case_for,
    related_to,
    visible_namesakes,
)
from cases.services.drafts import keep_draft
from core import due
from crisis_plans.selectors import next_review
from reminders.selectors import overdue_tasks
from tests.patients import invented_nhs_number
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
NUMBER = invented_nhs_number(4)


@pytest.fixture
def cast() -> Cast:
    """Sam of the South has everything a list could show: another name, a visit today, a task, a draft, a number."""
    made = make_cast()
    author = {"controller": made.south.trust, "regime": "UK GDPR", "created_by": made["sol"]}
    with access_context(route="test", is_system=True):
        sam = Patient.objects.get(pk=made.sam.pk)
        sam.nhs_number = NUMBER
        sam.save()
        OtherName.objects.create(patient=sam, kind="alias", name="Sammy", **author)
        case = Case.objects.get(patient=sam)
        visit = Visit.objects.create(
            patient=sam, case=case, planned_for=timezone.now(), purpose="review", **author
        )
        # Even a participant from another team by mistake does not see the person.
        VisitParticipant.objects.create(
            visit=visit, patient=sam, user=made["amira"], is_police=False, **author
        )
        due.announce(
            due.Due(
                kind="test",
                subject="test:1",
                at=timezone.now() - dt.timedelta(days=2),
                recipients=[made["amira"], made["lena"]],
                text="Hidden task about Sam",
                link="/",
                patient_id=sam.pk,
            )
        )
    with access_context(route="test", actor=made["sol"]):
        keep_draft(by=made["sol"], patient=made.sam, form="patient-edit", data={"a": ["x"]})
    return made


_LISTS = [
    "home",
    "caseload",
    "cases:drafts",
    "cases:find",
    "cases:to_sign",
    "cases:contact_reviews",
    "reminders:tasks",
    "reminders:team_tasks",
    "reminders:notifications",
]


@pytest.mark.parametrize("name", ["amira", "pete", "lena", "dev", "tess", "ivy", "rhea", "odd"])
@pytest.mark.parametrize("page", _LISTS)
def test_s28_no_list_names_somebody_of_another_team(cast: Cast, page: str, name: str) -> None:
    client = sign_in(Client(), cast[name])
    for query in ("", "?scope=team", "?scope=team&overdue=on", f"?after={cast.sam.pk}"):
        answer = client.get(reverse(page) + query)
        assert answer.status_code in {200, 403}
        told = answer.content.decode()
        assert cast.sam.reference not in told
        assert "Teal" not in told
        assert "Hidden task" not in told


@pytest.mark.parametrize("terms", ["Sam", "Teal", "Sammy", "reference", NUMBER, "sam teal"])
@pytest.mark.parametrize("name", ["amira", "pete", "lena"])
def test_s28_no_search_finds_somebody_of_another_team(cast: Cast, name: str, terms: str) -> None:
    client = sign_in(Client(), cast[name])
    typed = cast.sam.reference if terms == "reference" else terms
    page = client.post(reverse("cases:find"), {"terms": typed}).content.decode()
    assert "Nobody among the people you may see matches" in page
    born = {"date_of_birth_day": "3", "date_of_birth_month": "2", "date_of_birth_year": "1990"}
    assert cast.sam.reference not in client.post(reverse("cases:find"), born).content.decode()


def test_s28_no_selector_hands_out_anything_about_somebody_of_another_team(cast: Cast) -> None:
    amira, sam = cast["amira"], cast.sam
    with access_context(route="test", actor=amira):
        found = find_patients(amira, "Sam", None)
        assert found.patients == []
        assert names_of(amira, sam) == []
        assert related_to(amira, sam) == []
        assert find_access(amira, sam.pk) is None
        assert open_case_for(amira, sam, Act.LOG_CONTACT) is None
        assert list(unfinished_drafts(amira)) == []
        assert (
            visible_namesakes(
                amira, nhs_number=NUMBER, given_name="Sam", family_name="Teal", born=dt.date(1990, 2, 3)
            )
            == []
        )
        page = caseload(
            amira, Narrowed(), overdue=lambda: overdue_tasks(amira), next_review=next_review, after=sam.pk
        )
        assert [case.patient_id for case in page.cases] == [cast.nora.pk]


def test_s28_a_mentor_of_two_teams_sees_both_and_a_former_one_neither(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        Membership.objects.create(
            user=cast["amira"],
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    both = sign_in(Client(), cast["amira"]).get(reverse("caseload") + "?scope=team").content.decode()
    assert cast.sam.reference in both
    assert cast.nora.reference in both
    with access_context(route="test", is_system=True):
        for membership in Membership.objects.filter(user=cast["amira"]):
            membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
            membership.save()
    assert sign_in(Client(), cast["amira"]).get(reverse("caseload")).status_code == 403
