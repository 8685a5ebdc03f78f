"""One record with a row of every kind, so that a selector or a service that forgets to ask has something to hand out."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.utils import timezone

from cases.models import Contact, ContactReview, OtherName, RelatedPerson, Visit
from cases.services.authorship import authorship
from cases.services.drafts import keep_draft
from core.due import Due, announce
from crisis_plans.models import PlanVersion
from reminders.models import Notification, Reminder
from tests.contact_log import at_work, logged, looking, planned, signed
from tests.people import Cast
from tests.plans import submitted


@dataclass(frozen=True)
class FullRecord:
    """Of Nora: written by Amira, with Lena as the lead who reviews and approves."""

    cast: Cast
    contact: Contact
    signed: Contact
    review: ContactReview
    visit: Visit
    version: PlanVersion


def fill_record(cast: Cast) -> FullRecord:
    amira, nora = cast["amira"], cast.nora
    with at_work(amira):
        for name in ("former name", "alias"):
            OtherName.objects.create(patient=nora, kind=name, name="Nora Heron", **authorship(amira))
        RelatedPerson.objects.create(patient=nora, kind="next of kin", name="Jo Quill", **authorship(amira))
        keep_draft(by=amira, patient=nora, form="contact", data={"account": ["Half a sentence"]})
        keep_draft(by=amira, patient=nora, form="visit", data={"place": ["Here"]}, is_clinical_only=False)
        version = submitted(cast)
    contact = logged(amira, nora, place="The canal", clinical_text="Slept badly.")
    therapy = logged(
        amira,
        nora,
        purpose="therapeutic",
        is_planned=True,
        participants=(amira, cast["pete"]),
        police_attended=True,
    )
    done = signed(amira, nora)
    visit = planned(amira, nora, amira, planned_for=timezone.now() + dt.timedelta(minutes=1))
    with looking():
        announce(
            Due(
                kind="visit-due",
                subject=f"cases.visit:{uuid.uuid4()}",
                at=timezone.now() - dt.timedelta(days=2),
                recipients=[amira],
                text="Ring the surgery",
                link="",
                is_task=True,
                patient_id=nora.pk,
            )
        )
        reminder = Reminder.objects.get(text="Ring the surgery")
        Notification.objects.create(reminder=reminder, user=amira)
        review = ContactReview.objects.get(contact=therapy)
    return FullRecord(cast, contact, done, review, visit, version)
