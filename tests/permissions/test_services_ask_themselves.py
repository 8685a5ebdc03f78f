"""Each service on a patient asks by itself, whoever calls it: here without any page in front and with the second lock open.

To an outsider there is no such patient; a colleague whose role lacks the act is refused; so is whoever may read alone.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from cases.models import Case, Patient, PatientGroupObjectPermission
from cases.services import cases, contact_reviews, contacts, drafts, patients, signed_contacts, visits
from cases.services.contacts import ContactFacts
from cases.services.patients import PatientDetails
from cases.services.visits import VisitPlan
from core.errors import DomainError, NotAllowed, NotVisible
from crisis_plans import services as plans
from reminders.models import Reminder
from tests.break_glass import opened
from tests.contact_log import looking
from tests.patients import invented_nhs_number
from tests.people import make_cast
from tests.permissions.full_record import FullRecord, fill_record
from tests.plans import full_content

pytestmark = pytest.mark.django_db
Do = Callable[[User, FullRecord], Any]
KEY, NUMBER = uuid.uuid4(), invented_nhs_number(7)


def facts(**changes: Any) -> ContactFacts:
    told = {"happened_at": timezone.now(), "outcome": "met", "account": "Tea."} | changes
    return ContactFacts(**told)


def visit_plan(user: User) -> VisitPlan:
    return VisitPlan(
        planned_for=timezone.now() + dt.timedelta(hours=2),
        purpose="practical support",
        place="Here",
        participants=(user,),
    )


def case_of(record: FullRecord) -> Case:
    return Case.objects.select_related("team").get(patient=record.cast.nora)


SERVICES: dict[str, Do] = {
    "edit_patient": lambda by, it: patients.edit_patient(
        by=by, patient=it.cast.nora, version=1, details=PatientDetails("Nora", "Quill", dt.date(1990, 2, 3))
    ),
    "plan_visit": lambda by, it: visits.plan_visit(by=by, patient=it.cast.nora, plan=visit_plan(by)),
    "change_visit": lambda by, it: visits.change_visit(by=by, visit=it.visit, version=1, plan=visit_plan(by)),
    "record_visit_outcome": lambda by, it: visits.record_visit_outcome(
        by=by, visit=it.visit, kind="cancelled", note="Rang."
    ),
    "log_contact": lambda by, it: contacts.log_contact(
        by=by, patient=it.cast.nora, submission_key=uuid.uuid4(), facts=facts()
    ),
    "change_contact": lambda by, it: contacts.change_contact(
        by=by, contact=it.contact, version=1, facts=facts()
    ),
    "sign_contact": lambda by, it: signed_contacts.sign_contact(by=by, contact=it.contact, version=1),
    "add_addendum": lambda by, it: signed_contacts.add_addendum(
        by=by, contact=it.signed, reason="More", text="Rain."
    ),
    "strike_out_contact": lambda by, it: signed_contacts.strike_out_contact(
        by=by, contact=it.signed, reason="Wrong"
    ),
    "keep_draft": lambda by, it: drafts.keep_draft(by=by, patient=it.cast.nora, form="probe", data={}),
    "start_draft": lambda by, it: plans.start_draft(by=by, patient=it.cast.nora),
    "save_draft": lambda by, it: plans.save_draft(
        by=by, version=it.version, revision=it.version.revision, content=full_content()
    ),
    "submit": lambda by, it: plans.submit(by=by, version=it.version, revision=it.version.revision),
    "withdraw_submission": lambda by, it: plans.withdraw_submission(by=by, version=it.version),
    "discard_draft": lambda by, it: plans.discard_draft(
        by=by, version=it.version, revision=it.version.revision
    ),
}
FOR_LEADS: dict[str, Do] = {
    "hand_over": lambda by, it: cases.hand_over(
        by=by,
        case=case_of(it),
        version=1,
        clinical_mentor=it.cast["cal"],
        police_mentor=it.cast["pete"],
    ),
    "close_case": lambda by, it: cases.close_case(
        by=by, case=case_of(it), version=1, next_service="GP", step_down_note="Agreed."
    ),
    "close_review": lambda by, it: contact_reviews.close_review(by=by, review=it.review, finding="Talked."),
    "approve": lambda by, it: plans.approve(by=by, version=it.version, revision=it.version.revision),
    "return_to_author": lambda by, it: plans.return_to_author(
        by=by, version=it.version, revision=it.version.revision, comment="Say more."
    ),
}
CLINICAL: dict[str, Do] = {
    "log_contact": lambda by, it: contacts.log_contact(
        by=by, patient=it.cast.nora, submission_key=uuid.uuid4(), facts=facts(clinical_text="Slept badly.")
    ),
    "add_addendum": lambda by, it: signed_contacts.add_addendum(
        by=by, contact=it.signed, reason="More", text="Rain.", is_clinical_only=True
    ),
}


@pytest.fixture
def record() -> FullRecord:
    return fill_record(make_cast())


def outcomes(record: FullRecord, by: str, services: dict[str, Do]) -> dict[str, str]:
    """What each service answers this person, everything undone afterwards."""
    answers = {}
    with looking():
        for name, do in services.items():
            mark = transaction.savepoint()
            try:
                do(record.cast[by], record)
                answers[name] = "done"
            except Exception as error:
                answers[name] = type(error).__name__
            transaction.savepoint_rollback(mark)
    return answers


@pytest.mark.parametrize("outsider", ["sol", "saul", "sia", "tess", "ivy", "odd"])
def test_to_outsiders_there_is_no_such_patient(record: FullRecord, outsider: str) -> None:
    everything = SERVICES | FOR_LEADS
    assert outcomes(record, outsider, everything) == dict.fromkeys(everything, NotVisible.__name__)


@pytest.mark.parametrize("mentor", ["amira", "cal", "pete"])
def test_what_leads_do_is_refused_to_mentors(record: FullRecord, mentor: str) -> None:
    assert outcomes(record, mentor, FOR_LEADS) == dict.fromkeys(FOR_LEADS, NotAllowed.__name__)


def test_police_write_nothing_clinical(record: FullRecord) -> None:
    assert outcomes(record, "pete", CLINICAL) == dict.fromkeys(CLINICAL, NotAllowed.__name__)


def test_a_closed_case_is_read_and_written_no_more(record: FullRecord) -> None:
    with looking():
        case = case_of(record)
        case.closed_on, case.closed_by, case.next_service = timezone.localdate(), record.cast["lena"], "GP"
        case.save()
    writing = {name: do for name, do in SERVICES.items() if name not in ("keep_draft", "strike_out_contact")}
    assert outcomes(record, "lena", writing | FOR_LEADS) == dict.fromkeys(
        writing | FOR_LEADS, NotAllowed.__name__
    )


def registered_again(record: FullRecord) -> Patient:
    """Amira registers somebody of Nora's name, birthday and number, after her team has lost its grant on Nora."""
    cast = record.cast
    PatientGroupObjectPermission.objects.filter(content_object_id=cast.nora.pk).delete()
    details = PatientDetails("Nora", "Quill", cast.nora.date_of_birth, nhs_number=NUMBER)
    return patients.register_patient(
        by=cast["amira"],
        team=cast.north,
        clinical_mentor=cast["amira"],
        police_mentor=cast["pete"],
        details=details,
        submission_key=KEY,
    )


def test_a_registration_tells_nothing_of_a_record_the_user_may_not_know(record: FullRecord) -> None:
    with looking():
        nora = Patient.objects.get(pk=record.cast.nora.pk)
        nora.nhs_number = NUMBER
        nora.save()
        again = registered_again(record)
        told = list(Reminder.objects.filter(kind=patients.POSSIBLE_DUPLICATE))
    assert again.pk != nora.pk
    assert again.is_nhs_number_in_question
    assert told


def test_a_patient_is_registered_by_who_registers_people_in_that_team(record: FullRecord) -> None:
    """Refused before the row is written, not when its case is opened."""
    cast = record.cast
    with looking(), pytest.raises(NotAllowed, match="register patients"):
        patients.register_patient(
            by=cast["sol"],
            team=cast.north,
            clinical_mentor=cast["amira"],
            police_mentor=cast["pete"],
            details=PatientDetails("Wren", "Alder", dt.date(1990, 2, 3)),
        )


@pytest.mark.parametrize("name", ["amira", "sol", "sia", "ivy"])
def test_a_duplicate_is_settled_by_who_leads_the_team(record: FullRecord, name: str) -> None:
    with looking(), pytest.raises(NotVisible):
        patients.settle_duplicate(
            by=record.cast[name],
            patient=record.cast.nora.pk,
            registered=record.cast.sam.pk,
            decision="Rang them",
        )


def test_under_break_glass_alone_no_draft_is_kept(record: FullRecord) -> None:
    opened(record.cast["sol"], record.cast.nora)
    with looking(), pytest.raises(NotAllowed, match="write nothing"):
        drafts.keep_draft(by=record.cast["sol"], patient=record.cast.nora, form="contact", data={})


def test_without_an_open_case_nothing_is_done_under_it(
    record: FullRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had been closed between the two questions."""
    monkeypatch.setattr(visits, "open_case_for", lambda *_: None)
    with looking(), pytest.raises(NotVisible, match="case"):
        visits.required_case(record.cast["amira"], Act.PLAN_VISIT, record.cast.nora)


def test_a_second_send_hands_out_no_record_that_was_taken_away(record: FullRecord) -> None:
    with looking():
        first = registered_again(record)
        PatientGroupObjectPermission.objects.get(content_object_id=first.pk).delete()
        with pytest.raises(DomainError):
            registered_again(record)


def test_nothing_is_refused_that_is_theirs(record: FullRecord) -> None:
    """Guards the claims above: what is refused to everybody would prove nothing."""
    amira = outcomes(record, "amira", SERVICES)
    refused = {name for name, answer in amira.items() if answer in ("NotVisible", "NotAllowed")}
    assert refused == set()
    lena = outcomes(record, "lena", FOR_LEADS)
    assert {name for name, answer in lena.items() if answer in ("NotVisible", "NotAllowed")} == set()
