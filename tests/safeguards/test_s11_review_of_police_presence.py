"""S11: police at planned therapeutic work is recorded without hindrance, and reviewed by somebody who was not involved."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from cases.models import Contact, ContactParticipant, ContactReview
from cases.services.authorship import authorship
from cases.services.contact_reviews import close_review, review_subject
from cases.services.contacts import ContactFacts, change_contact
from cases.services.signed_contacts import sign_contact
from core.errors import DomainError, NotAllowed, NotVisible
from reminders.models import Reminder
from tests.contact_log import at_work, logged, looking, planned, posted
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

THERAPY = {"purpose": "therapeutic", "is_planned": True}


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def review_of(contact: Contact) -> ContactReview | None:
    with looking():
        return ContactReview.objects.filter(contact=contact).first()


def asked(contact: Contact) -> set[str]:
    with looking():
        rows = Reminder.objects.filter(
            kind="police-presence-review", subject=review_subject(contact), settled_at__isnull=True
        ).select_related("recipient")
        return {row.recipient.username for row in rows}


def therapy(by: User, cast: Cast, *participants: User) -> Contact:
    return logged(by, cast.nora, participants=participants or (by, cast["pete"]), **THERAPY)


def review_url(contact: Contact) -> str:
    return reverse("cases:contact_review", args=[contact.patient_id, contact.pk])


def close(
    by: User, contact: Contact, finding: str = "Talked with both; it will not be repeated."
) -> ContactReview:
    review = review_of(contact)
    assert review is not None
    with at_work(by):
        return close_review(by=by, review=review, finding=finding)


def test_s11_recording_is_accepted_and_opens_a_review_for_the_lead(cast: Cast, client: Client) -> None:
    amira, pete = cast["amira"], cast["pete"]
    sign_in(client, amira).post(
        reverse("cases:contact_log", args=[cast.nora.pk]),
        posted(
            present=[str(amira.pk), "police"],
            officers=[str(pete.pk)],
            purpose="therapeutic",
            is_planned="yes",
        ),
    )
    with looking():
        contact = Contact.objects.get()
    assert review_of(contact) is not None
    assert asked(contact) == {"lena"}
    assert (
        "Recording it was right"
        in client.get(reverse("cases:contact", args=[cast.nora.pk, contact.pk])).content.decode()
    )


@pytest.mark.parametrize(
    ("facts", "is_reviewed"),
    [
        ({"purpose": "therapeutic", "is_planned": True}, True),
        ({"purpose": "therapeutic", "is_planned": False}, False),
        ({"purpose": "therapeutic", "is_planned": None}, False),
        ({"purpose": "practical support", "is_planned": True}, False),
    ],
)
def test_s11_only_planned_therapeutic_work_is_reviewed(
    cast: Cast, facts: dict[str, object], is_reviewed: bool
) -> None:
    contact = logged(cast["amira"], cast.nora, participants=[cast["amira"], cast["pete"]], **facts)
    assert (review_of(contact) is not None) is is_reviewed


def test_s11_without_police_there_is_nothing_to_review(cast: Cast) -> None:
    assert review_of(logged(cast["amira"], cast.nora, participants=[cast["amira"]], **THERAPY)) is None


def test_s11_police_from_elsewhere_open_it_as_well(cast: Cast) -> None:
    assert review_of(logged(cast["amira"], cast.nora, police_attended=True, **THERAPY)) is not None


def test_s11_an_officer_who_came_along_to_a_therapeutic_visit_opens_it(cast: Cast) -> None:
    visit = planned(cast["amira"], cast.nora, purpose="therapeutic")
    contact = logged(cast["amira"], cast.nora, visit=visit, participants=[cast["amira"], cast["pete"]])
    assert review_of(contact) is not None


def test_s11_what_is_said_later_opens_it_later(cast: Cast) -> None:
    amira = cast["amira"]
    people = [amira, cast["pete"]]
    changed = logged(amira, cast.nora, participants=people)
    with at_work(amira):
        facts = ContactFacts(
            happened_at=changed.happened_at, outcome="met", account="x", participants=people, **THERAPY
        )
        change_contact(by=amira, contact=changed, version=1, facts=facts)
    assert review_of(changed) is not None
    signed = logged(amira, cast.nora, participants=people)
    answers = THERAPY | {"agreed_to_police": "yes", "offered_without_police": "no"}
    with at_work(amira):
        sign_contact(by=amira, contact=signed, version=1, answers=answers)
    assert review_of(signed) is not None


def test_s11_taking_the_facts_back_does_not_close_it(cast: Cast) -> None:
    amira = cast["amira"]
    contact = therapy(amira, cast)
    with at_work(amira):
        facts = ContactFacts(happened_at=contact.happened_at, outcome="met", account="x", purpose="safety")
        change_contact(by=amira, contact=contact, version=1, facts=facts)
    review = review_of(contact)
    assert review is not None
    assert review.closed_at is None


def test_s11_lead_who_was_not_there_closes_it_with_a_finding(cast: Cast, client: Client) -> None:
    contact = therapy(cast["amira"], cast)
    sign_in(client, cast["lena"])
    assert contact.patient.reference in client.get(reverse("cases:contact_reviews")).content.decode()
    page = client.post(review_url(contact), {"finding": "  "}).content.decode()
    assert "Write what you found" in page
    client.post(review_url(contact), {"finding": "It was a misunderstanding."})
    review = review_of(contact)
    assert review is not None
    assert (review.closed_by_id, review.finding) == (cast["lena"].pk, "It was a misunderstanding.")
    assert asked(contact) == set()
    assert "It was a misunderstanding." in client.get(review_url(contact)).content.decode()
    assert "No review is open" in client.get(reverse("cases:contact_reviews")).content.decode()


@pytest.mark.parametrize("name", ["amira", "cal", "pete", "pru"])
def test_s11_mentors_close_no_review(cast: Cast, client: Client, name: str) -> None:
    contact = therapy(cast["amira"], cast)
    with pytest.raises(NotAllowed):
        close(cast[name], contact)
    assert sign_in(client, cast[name]).post(review_url(contact), {"finding": "Fine"}).status_code == 403
    assert client.get(reverse("cases:contact_reviews")).status_code == 403


def test_s11_lead_of_another_team_knows_nothing_of_it(cast: Cast, client: Client) -> None:
    contact = therapy(cast["amira"], cast)
    with pytest.raises(NotVisible):
        close(cast["sia"], contact)
    assert sign_in(client, cast["sia"]).get(review_url(contact)).status_code == 404
    assert contact.patient.reference not in client.get(reverse("cases:contact_reviews")).content.decode()


@pytest.mark.parametrize("part", ["author", "participant"])
def test_s11_lead_who_was_involved_cannot_close_it(cast: Cast, client: Client, part: str) -> None:
    lena = cast["lena"]
    author = lena if part == "author" else cast["amira"]
    people = [cast["amira"], cast["pete"]] if part == "author" else [lena, cast["pete"]]
    contact = therapy(author, cast, *people)
    assert asked(contact) == {"dev"}
    with pytest.raises(NotAllowed, match="somebody else has to review it"):
        close(lena, contact)
    page = sign_in(client, lena).get(review_url(contact)).content.decode()
    assert "somebody else has to review it" in page
    assert "comes to the deputy" in page
    assert "Dev Dhar" in page
    assert 'name="finding"' not in page
    assert client.post(review_url(contact), {"finding": "All fine"}).status_code == 403
    assert close(cast["dev"], contact).closed_by_id == cast["dev"].pk


def test_s11_where_all_were_involved_all_are_told_and_none_may_close(cast: Cast, client: Client) -> None:
    lena, dev = cast["lena"], cast["dev"]
    contact = therapy(lena, cast, dev, cast["pete"])
    assert asked(contact) == {"lena", "dev"}
    for user in (lena, dev):
        with pytest.raises(NotAllowed):
            close(user, contact)
    page = sign_in(client, lena).get(review_url(contact)).content.decode()
    assert "ask for another clinical lead" in page


def test_s11_it_is_closed_once(cast: Cast) -> None:
    contact = therapy(cast["amira"], cast)
    close(cast["lena"], contact)
    with pytest.raises(DomainError, match="closed already"):
        close(cast["dev"], contact)


@pytest.mark.parametrize("name", ["lena", "amira"])
def test_s11_database_refuses_whoever_was_involved(cast: Cast, name: str) -> None:
    contact = therapy(cast["amira"], cast, cast["lena"], cast["pete"])
    review = review_of(contact)
    assert review is not None
    with looking():
        review.finding, review.closed_at, review.closed_by = "Fine", timezone.now(), cast[name]
        with pytest.raises(IntegrityError, match="involved"), transaction.atomic():
            review.save()


def test_s11_database_keeps_a_closed_review_and_removes_none(cast: Cast) -> None:
    closed = close(cast["lena"], therapy(cast["amira"], cast))
    with looking():
        closed.finding = "Other words"
        with pytest.raises(IntegrityError, match="closed once"), transaction.atomic():
            closed.save()
        with pytest.raises(IntegrityError, match="closed once"), transaction.atomic():
            closed.delete()


def test_s11_database_wants_who_when_and_finding_together(cast: Cast) -> None:
    review = review_of(therapy(cast["amira"], cast))
    assert review is not None
    with looking():
        review.closed_at = timezone.now()
        with pytest.raises(IntegrityError, match="closed_by_at_and_finding"), transaction.atomic():
            review.save()


def test_s11_database_refuses_to_forget_that_police_were_there(cast: Cast) -> None:
    contact = therapy(cast["amira"], cast)
    with looking():
        contact.police_attended = False
        with pytest.raises(IntegrityError, match="Police took part"), transaction.atomic():
            contact.save()


def test_s11_database_refuses_an_officer_behind_the_contacts_back(cast: Cast) -> None:
    amira = cast["amira"]
    contact = therapy(amira, cast, amira)
    with at_work(amira), pytest.raises(IntegrityError, match="no police attended"), transaction.atomic():
        ContactParticipant.objects.create(
            patient_id=cast.nora.pk, contact=contact, user=cast["pete"], is_police=True, **authorship(amira)
        )
