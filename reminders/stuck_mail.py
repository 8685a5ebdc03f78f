"""E-mails nobody can vouch for go to administrators, as a task that only their decision settles."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts.roles import Act
from accounts.selectors import administrators_of
from audit.context import access_context
from core.due import Due, announce
from reminders.models import EmailMessageOut
from reminders.selectors import STUCK_EMAIL, STUCK_EMAIL_SUBJECT

logger = logging.getLogger(__name__)

_WORDS = {
    EmailMessageOut.Problem.UNKNOWN: "Find out whether an e-mail to {} arrived",
    EmailMessageOut.Problem.REFUSED: "An e-mail to {} could not be sent",
}


def hand_to_person(email: EmailMessageOut, attempt: int, problem: EmailMessageOut.Problem) -> None:
    """Stop trying and ask the administrators, in one transaction; nothing happens if the claim is not the latest."""
    with access_context(route="reminders.mail", is_system=True):
        ours = EmailMessageOut.objects.filter(pk=email.pk, attempt=attempt, sent_at__isnull=True)
        undecided = {"decision": "", "decided_at": None, "decided_by": None}
        if ours.filter(stuck_at__isnull=True).update(stuck_at=Now(), problem=problem, **undecided):
            logger.error("E-mail %s waits for a person: %s", email.pk, problem)
            _ask(EmailMessageOut.objects.select_related("recipient").get(pk=email.pk))


def ask_again() -> None:
    """Ask those who are administrators today about everything still undecided; nobody is asked twice."""
    stuck = EmailMessageOut.objects.filter(stuck_at__isnull=False, decided_at__isnull=True)
    for email in stuck.select_related("recipient"):
        with access_context(route="reminders.mail", is_system=True):
            _ask(email)


def subject_of(email: EmailMessageOut) -> str:
    return f"{STUCK_EMAIL_SUBJECT}{email.pk}"


def _ask(email: EmailMessageOut) -> None:
    since: datetime = email.stuck_at or timezone.now()
    announce(
        Due(
            kind=STUCK_EMAIL,
            subject=subject_of(email),
            at=since,
            recipients=administrators_of(email.recipient),
            text=_WORDS[EmailMessageOut.Problem(email.problem)].format(email.recipient),
            link=reverse("reminders:stuck_emails"),
            act=Act.MANAGE_PEOPLE,
        )
    )
