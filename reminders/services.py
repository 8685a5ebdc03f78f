"""What users do about reminders: read them, tick off the few that no fact settles, decide about a stuck e-mail."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may
from core.due import settle
from core.errors import DomainError, NotAllowed, NotVisible
from reminders.models import EmailMessageOut, Notification
from reminders.selectors import STUCK_EMAIL, notifications, open_tasks, stuck_emails
from reminders.stuck_mail import subject_of


def mark_read(*, by: User, notification_id: uuid.UUID) -> None:
    """Note that the user has read one of their notifications.

    Raises: NotVisible for somebody else's, for none, and for one about a patient the user may not see any more.
    """
    if not notifications(by).filter(pk=notification_id).exists():
        raise NotVisible("No such notification.")
    Notification.objects.filter(pk=notification_id, read_at__isnull=True).update(read_at=Now())


def mark_all_read(*, by: User) -> None:
    """Note that the user has read everything, also what they may not see any more: nothing waits afterwards."""
    Notification.objects.filter(user=by, read_at__isnull=True).update(read_at=Now())


def tick_off(*, by: User, reminder_id: uuid.UUID) -> None:
    """Settle a task of the user that no fact settles, for everybody who was given it.

    Raises: NotVisible when it is not an open task of the user; DomainError when it is done elsewhere.
    """
    reminder = open_tasks(by).filter(pk=reminder_id).first()
    if reminder is None:
        raise NotVisible("No such task.")
    if not reminder.is_ticked_off:
        raise DomainError("This task is done by doing what it asks for. Follow its link.")
    settle(kind=reminder.kind, subject=reminder.subject)


def decide_about_email(*, by: User, reference: uuid.UUID, decision: str) -> EmailMessageOut:
    """Record what an administrator found out about a stuck e-mail, or have it sent again under its old reference.

    Raises: NotAllowed without the right to manage people; NotVisible when the user was not asked about it, or it is
    decided already; DomainError when the decision is none of the three.
    """
    if not may(by, Act.MANAGE_PEOPLE):
        raise NotAllowed("Administrators decide about e-mails.")
    if decision not in EmailMessageOut.Decision.values:
        raise DomainError("Choose what is to happen with this e-mail.")
    with transaction.atomic():
        email = stuck_emails(by).filter(pk=reference).select_for_update(of=("self",)).first()
        if email is None or email.decided_at is not None:
            raise NotVisible("No such e-mail.")
        email.decision, email.decided_by, email.decided_at = decision, by, timezone.now()
        if decision == EmailMessageOut.Decision.SEND_AGAIN:
            email.stuck_at, email.problem, email.marked_at, email.lease_until = None, "", None, None
        elif decision == EmailMessageOut.Decision.ARRIVED:
            email.marked_at = email.marked_at or email.stuck_at
            email.sent_at = email.marked_at
        email.save()
        settle(kind=STUCK_EMAIL, subject=subject_of(email))
    return email
