"""What the tests of break-glass share: the form as a browser sends it, and openings brought as far as a test needs them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Role
from cases.models import BreakGlass, Case, Patient
from cases.selectors.break_glass import Statement
from cases.services.break_glass import Answer, BreakGlassRequest, open_break_glass_for
from cases.services.break_glass_reviews import review_break_glass
from reminders.models import Reminder
from tests.contact_log import at_work, looking
from tests.people import Cast

SENTENCE = "The crisis line has them on the phone and their team does not answer."


def stated(patient: Patient, **changes: Any) -> dict[str, Any]:
    """The form by the patient's reference; ``changes`` replace fields."""
    return {
        "known_by": "reference",
        "reference": patient.reference,
        "reason": "crisis",
        "sentence": SENTENCE,
        "hours": "1",
        "submission_key": str(uuid.uuid4()),
    } | changes


def by_name(name: str, born: dt.date, **changes: Any) -> dict[str, Any]:
    return {
        "known_by": "name",
        "full_name": name,
        "name_born_day": str(born.day),
        "name_born_month": str(born.month),
        "name_born_year": str(born.year),
        "reason": "crisis",
        "sentence": SENTENCE,
        "hours": "1",
        "submission_key": str(uuid.uuid4()),
    } | changes


def by_number(number: str, born: dt.date, **changes: Any) -> dict[str, Any]:
    return {
        "known_by": "NHS number",
        "nhs_number": number,
        "number_born_day": str(born.day),
        "number_born_month": str(born.month),
        "number_born_year": str(born.year),
        "reason": "crisis",
        "sentence": SENTENCE,
        "hours": "1",
        "submission_key": str(uuid.uuid4()),
    } | changes


def ask(client: Client, fields: dict[str, Any]) -> HttpResponse:
    return client.post(reverse("cases:break_glass"), fields)  # type: ignore[return-value]


def opened(by: User, patient: Patient, **changes: Any) -> BreakGlass:
    """An opening through the service."""
    asked = {
        "whom": Statement(reference=patient.reference),
        "reason": "crisis",
        "sentence": SENTENCE,
        "hours": 1,
        "submission_key": uuid.uuid4(),
    } | changes
    with at_work(by):
        opening = open_break_glass_for(by=by, request=BreakGlassRequest(**asked))
    assert opening.answer is Answer.OPENED, opening
    with looking():
        return BreakGlass.objects.get(created_by=by, submission_key=asked["submission_key"])


def reviewed(by: User, glass: BreakGlass, outcome: str = "appropriate") -> None:
    with at_work(by):
        review_break_glass(
            by=by,
            patient_id=glass.patient_id,
            key=glass.pk,
            outcome=outcome,
            words="Rang the crisis line; it was needed.",
        )


def record_of(patient: Patient) -> str:
    return reverse("patient_record", args=[patient.pk])


def review_of(glass: BreakGlass) -> str:
    return reverse("cases:break_glass_review", args=[glass.patient_id, glass.pk])


def over(glass: BreakGlass) -> dt.datetime:
    return glass.ends_at + dt.timedelta(minutes=1)


def glasses() -> list[BreakGlass]:
    with looking():
        return list(BreakGlass.objects.select_related("created_by").order_by("opened_at"))


def told(*kinds: str) -> dict[str, str]:
    """By user name: the words of the reminders of these kinds."""
    with looking():
        found = Reminder.objects.filter(kind__in=kinds).select_related("recipient")
        return {reminder.recipient.username: reminder.text for reminder in found}


def close_for_good(cast: Cast) -> None:
    """Nora's case ended long ago: her own team has no relationship any more."""
    long_ago = timezone.localdate() - dt.timedelta(days=400)
    with looking():
        case = Case.objects.get(patient=cast.nora)
        case.opened_on, case.closed_on = long_ago, long_ago
        case.closed_by, case.next_service = cast["lena"], "GP"
        case.save()


def appointed(cast: Cast) -> None:
    """A new information governance officer of Nora's trust."""
    with looking():
        Membership.objects.create(
            user=cast["odd"],
            role=Role.IG_OFFICER,
            organisation=cast.north.trust,
            starts_on=dt.date(2024, 1, 1),
        )


def mentors_in_south_too(cast: Cast, user: User) -> None:
    with looking():
        Membership.objects.create(
            user=user,
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
