"""Each selector asks who may see the patient by itself: here the second lock is open, and nothing may come through.

Amira wrote everything herself and is still in the team, but the team's grant on the patient is taken back: so nothing but
the filter by ``visible_patients`` stands between her and the rows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import READING_ACTS, Act, Role
from accounts.selectors import may
from cases.models import Patient, PatientGroupObjectPermission, PatientUserObjectPermission
from cases.selectors import caseload, contacts, drafts, patients, unmentored, visits
from cases.selectors.access import find_access
from cases.services.authorship import require
from core.errors import NotVisible
from crisis_plans import selectors as plans
from reminders import selectors as reminders
from reminders.models import Reminder
from tests.contact_log import looking
from tests.people import make_cast, register
from tests.permissions.full_record import FullRecord, fill_record

pytestmark = pytest.mark.django_db
BORN = dt.date(1990, 2, 3)
Ask = Callable[[User, FullRecord], Any]

OF_A_MENTOR: dict[str, Ask] = {
    "caseload": lambda user, it: (
        caseload.caseload(
            user, caseload.Narrowed(), overdue=Reminder.objects.none, next_review=plans.next_review
        ).cases
    ),
    "visible_namesakes": lambda user, it: patients.visible_namesakes(
        user, nhs_number="", given_name="Nora", family_name="Quill", born=BORN
    ),
    "names_of": lambda user, it: patients.names_of(user, it.cast.nora),
    "related_to": lambda user, it: patients.related_to(user, it.cast.nora),
    "open_case_for": lambda user, it: patients.open_case_for(user, it.cast.nora, Act.LOG_CONTACT),
    "timeline": lambda user, it: contacts.timeline(user, it.cast.nora).entries,
    "contact_of": lambda user, it: contacts.contact_of(user, it.cast.nora, it.contact.pk),
    "readable_contacts": lambda user, it: list(contacts.readable_contacts(user, it.cast.nora)),
    "own_unsigned_contact": lambda user, it: contacts.own_unsigned_contact(user, it.cast.nora, it.contact.pk),
    "own_clinical_text": lambda user, it: contacts.own_clinical_text(user, it.contact),
    "contacts_to_sign": lambda user, it: list(contacts.contacts_to_sign(user)),
    "last_place": lambda user, it: contacts.last_place(user, it.cast.nora),
    "review_of": lambda user, it: contacts.review_of(user, it.cast.nora, it.review.contact_id),
    "visits_of": lambda user, it: list(visits.visits_of(user, it.cast.nora)),
    "visit_of": lambda user, it: visits.visit_of(user, it.cast.nora, it.visit.pk),
    "visits_today": lambda user, it: list(visits.visits_today(user)),
    "unfinished_drafts": lambda user, it: list(drafts.unfinished_drafts(user)),
    "unfinished_drafts, clinical": lambda user, it: [
        d for d in drafts.unfinished_drafts(user) if d.is_clinical_only
    ],
    "unfinished_drafts, others": lambda user, it: [
        d for d in drafts.unfinished_drafts(user) if not d.is_clinical_only
    ],
    "versions": lambda user, it: list(plans.versions(user, it.cast.nora)),
    "whole_versions": lambda user, it: list(plans.whole_versions(user, it.cast.nora)),
    "open_tasks": lambda user, it: list(reminders.open_tasks(user)),
    "overdue_tasks": lambda user, it: list(reminders.overdue_tasks(user)),
    "notifications": lambda user, it: list(reminders.notifications(user)),
}
OF_A_LEAD: dict[str, Ask] = {
    "open_reviews": lambda user, it: list(contacts.open_reviews(user)),
    "plans_awaiting_approval": lambda user, it: list(plans.plans_awaiting_approval(user)),
    "team_overdue_tasks": lambda user, it: list(reminders.team_overdue_tasks(user)),
}


@pytest.fixture
def record() -> FullRecord:
    return fill_record(make_cast())


def take_back_grant(record: FullRecord) -> None:
    PatientGroupObjectPermission.objects.filter(content_object_id=record.cast.nora.pk).delete()


def assert_asks(record: FullRecord, name: str, asks: dict[str, Ask]) -> None:
    before, after = {}, {}
    with looking():
        for which, ask in asks.items():
            before[which] = bool(ask(record.cast[name], record))
        take_back_grant(record)
        for which, ask in asks.items():
            after[which] = bool(ask(record.cast[name], record))
    assert [which for which, found in before.items() if not found] == []
    assert [which for which, found in after.items() if found] == []


def test_selectors_of_a_mentor_find_nothing_without_the_grant(record: FullRecord) -> None:
    assert_asks(record, "amira", OF_A_MENTOR)


def test_selectors_of_a_lead_find_nothing_without_the_grant(record: FullRecord) -> None:
    assert_asks(record, "lena", OF_A_LEAD)


def test_a_case_that_lacks_a_mentor_is_shown_to_no_lead_without_the_grant(record: FullRecord) -> None:
    with looking():
        Membership.objects.filter(user=record.cast["pete"]).update(ends_on=dt.date(2024, 6, 1))
        assert list(unmentored.cases_without_mentor(record.cast["lena"]))
        take_back_grant(record)
        assert not list(unmentored.cases_without_mentor(record.cast["lena"]))


def test_the_edge_of_a_page_may_be_nobody_whom_the_user_does_not_see(record: FullRecord) -> None:
    """The edge's name decides where the next page begins: of somebody unseen it would be told by comparison."""
    ask = caseload.Narrowed()
    with looking():
        # Behind everybody of South.
        nora = Patient.objects.get(pk=record.cast.nora.pk)
        nora.family_name = "Zeal"
        nora.save()
        shown = caseload.caseload(
            record.cast["sol"],
            ask,
            overdue=Reminder.objects.none,
            next_review=plans.next_review,
            after=record.cast.nora.pk,
        )
        whole = caseload.caseload(
            record.cast["sol"], ask, overdue=Reminder.objects.none, next_review=plans.next_review
        )
    assert whole.cases
    assert [case.pk for case in shown.cases] == [case.pk for case in whole.cases]


def test_what_the_search_index_finds_is_asked_about_again(
    record: FullRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the index or its function erred."""
    monkeypatch.setattr(patients, "patients_named", lambda **_: [record.cast.nora.pk])
    with looking():
        assert patients.find_patients(record.cast["amira"], "Quill", None).patients
        take_back_grant(record)
        assert not patients.find_patients(record.cast["amira"], "Quill", None).patients


def test_the_gate_of_services_says_not_visible_and_not_not_allowed(record: FullRecord) -> None:
    """ "Not allowed" would tell that there is such a patient."""
    with looking():
        take_back_grant(record)
        with pytest.raises(NotVisible):
            require(record.cast["amira"], Act.EDIT_PATIENT, record.cast.nora)


def acts_found(name: str, record: FullRecord) -> Collection[Act]:
    found = find_access(record.cast[name], record.cast.nora.pk)
    assert found is not None
    return found.acts


def test_a_clinical_role_elsewhere_reads_nothing_clinical_here(record: FullRecord) -> None:
    south = record.cast.south
    with looking():
        register(record.cast["pete"], "99A0099E")
        Membership.objects.create(
            user=record.cast["pete"], role=Role.CLINICAL_MENTOR, team=south, organisation=south.trust
        )
        assert may(record.cast["pete"], Act.READ_CLINICAL)
        assert set(acts_found("pete", record)) & READING_ACTS == {Act.OPEN_RECORD}


def test_an_exception_opens_no_more_than_the_role_of_who_has_it(record: FullRecord) -> None:
    with looking():
        for name in ("saul", "sol"):
            PatientUserObjectPermission.objects.create(
                user=record.cast[name],
                content_object_id=record.cast.nora.pk,
                permission=Permission.objects.get(codename="view_patient"),
                reason="A joint conference",
                granted_by=record.cast["lena"],
                expires_at=timezone.now() + dt.timedelta(hours=1),
            )
        assert set(acts_found("saul", record)) == {Act.OPEN_RECORD}
        assert set(acts_found("sol", record)) == READING_ACTS
