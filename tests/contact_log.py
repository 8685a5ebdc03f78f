"""What tests of visits and contacts share: telling a service in one line, and the fields of the contact page."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.context import access_context
from cases.models import Case, Contact, Patient, Visit
from cases.selectors.caseload import Narrowed, caseload
from cases.services.contacts import ContactFacts, log_contact
from cases.services.signed_contacts import sign_contact
from cases.services.visits import VisitPlan, plan_visit
from crisis_plans.selectors import next_review
from reminders.selectors import overdue_tasks


@contextmanager
def at_work(user: User) -> Iterator[None]:
    """An access context of this user, as a task of theirs would open."""
    with access_context(route="tests", actor=user):
        yield


@contextmanager
def looking() -> Iterator[None]:
    """A context of the system, for tests that look at rows themselves."""
    with access_context(route="tests.looking", is_system=True):
        yield


def logged(by: User, patient: Patient, *, visit: Visit | None = None, **facts: Any) -> Contact:
    """A contact saved by the service; what is not told is an ordinary meeting an hour ago."""
    key = facts.pop("submission_key", None) or uuid.uuid4()
    told: dict[str, Any] = {
        "happened_at": timezone.now() - dt.timedelta(hours=1),
        "outcome": Contact.Outcome.MET,
        "account": "We had tea and talked about the week.",
    } | facts
    with at_work(by):
        return log_contact(
            by=by, patient=patient, submission_key=key, facts=ContactFacts(**told), visit=visit
        )


def signed(by: User, patient: Patient, **facts: Any) -> Contact:
    """A contact with nothing missing, signed by its author."""
    contact = logged(by, patient, **{"purpose": "practical support", "is_planned": False} | facts)
    with at_work(by):
        sign_contact(by=by, contact=contact, version=contact.version)
    return contact


def planned(by: User, patient: Patient, *participants: User, **plan: Any) -> Visit:
    """A visit planned by the service, for today at noon unless told otherwise."""
    noon = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0)
    told: dict[str, Any] = {"planned_for": noon, "purpose": "practical support", "place": "At home"} | plan
    with at_work(by):
        return plan_visit(by=by, patient=patient, plan=VisitPlan(participants=participants or (by,), **told))


def posted(**changes: Any) -> dict[str, Any]:
    """The contact page's fields as a phone sends them: today, an early hour, the person was met."""
    fields: dict[str, Any] = {
        "happened_on_choice": "yesterday",
        "happened_on_other": "",
        "at": "9:15",
        "present": [],
        "outcome": "met",
        "account": "We talked about the move.",
        "submission_key": str(uuid.uuid4()),
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def listed(user: User) -> list[Case]:
    """The first page of the user's caseload, everybody in their team."""
    return caseload(user, Narrowed(), overdue=lambda: overdue_tasks(user), next_review=next_review).cases
