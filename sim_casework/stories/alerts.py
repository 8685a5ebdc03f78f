"""Three mentors and three people who happen to share their surname: one alert is new, one was answered, one is closed."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils import timezone

from accounts.models import User
from audit.alerts.detection import detect
from audit.alerts.life import answer_alert, ask_worker, close_alert, decide_alert
from audit.alerts.models import Alert, AlertStep
from audit.context import access_context
from cases.models import Contact, Patient
from cases.models.visit import Purpose
from cases.services.contacts import ContactFacts, log_contact
from cases.services.patients import PatientDetails, register_patient
from cases.services.signed_contacts import sign_contact
from sim_casework.stories.patients import Pair, days_ago, invented_nhs_number, told_by

# Each with the mentor of the same surname, who looks at their record.
_NAMESAKES = [("Dot", "Parr"), ("Lou", "Carrow"), ("Ida", "Pell")]


def tell_namesakes(pairs: list[Pair]) -> None:
    """Register the three; their namesakes log a contact, which the detectors will notice."""
    first, second = pairs
    for index, (pair, author) in enumerate(
        [(first, first.police), (second, second.clinical), (second, second.police)]
    ):
        given, family = _NAMESAKES[index]
        with told_by(first.clinical):
            patient = register_patient(
                by=first.clinical,
                team=pair.team,
                clinical_mentor=pair.clinical,
                police_mentor=pair.police,
                details=PatientDetails(
                    given_name=given,
                    family_name=family,
                    date_of_birth=dt.date(1969 + 9 * index, 3 + index, 14),
                    nhs_number=invented_nhs_number(50 + index),
                    phone=f"07700 900{180 + index}",
                ),
                submission_key=uuid.uuid4(),
            )
        with told_by(author):
            _log(author, patient, is_police=author == pair.police)


def tell_alerts(officer: User) -> None:
    """Let the detectors read what was told, and the officer look into two of the three. Once.

    The detectors read what is committed, so this comes after the stories.
    """
    with access_context(route="demo.story", is_system=True, reason="demo"):
        if AlertStep.objects.exists():
            return
    detect()
    with access_context(route="demo.story", is_system=True, reason="demo"):
        found = list(Alert.objects.select_related("worker").order_by("raised_at"))
    about = {alert.worker.last_name: alert for alert in found if alert.worker}
    for family in ("Parr", "Carrow"):
        if family in about:
            _ask_and_answer(officer, about[family])
    if "Parr" in about:
        with told_by(officer):
            words = "No relation. He is the police mentor of her case team, and logged a contact that day."
            decide_alert(by=officer, alert=about["Parr"], outcome=AlertStep.Outcome.APPROPRIATE, words=words)
            close_alert(by=officer, alert=about["Parr"])


def _ask_and_answer(officer: User, alert: Alert) -> None:
    with told_by(officer):
        ask_worker(by=officer, alert=alert, question="This person has your surname. Are you related?")
    assert alert.worker is not None
    with told_by(alert.worker):
        answer_alert(
            by=alert.worker,
            alert=alert,
            answer="No, it is a common name around here. I am on the case team and was logging a contact.",
        )


def _log(author: User, patient: Patient, *, is_police: bool) -> None:
    facts = ContactFacts(
        happened_at=min(days_ago(0, 9, 30), timezone.now()),
        outcome=Contact.Outcome.PHONE,
        account=f"{patient.given_name} rang to say that the letter has come.",
        participants=[author],
        police_attended=is_police,
        agreed_to_police="yes" if is_police else "",
        offered_without_police="yes" if is_police else "",
        purpose=Purpose.PRACTICAL_SUPPORT,
        is_planned=False,
    )
    contact = log_contact(by=author, patient=patient, submission_key=uuid.uuid4(), facts=facts)
    sign_contact(by=author, contact=contact, version=contact.version)
