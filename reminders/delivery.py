"""From a due reminder to a notification, exactly once: claim with a lease, then one transaction for both.

When to do so is told by ``ticks``; e-mail is ``mail``'s business.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import members_who_may
from audit.context import access_context
from cases.models import Case
from core.access_guard import recorded_query
from core.acting import acting_as_system
from core.due import Due, announce
from core.models import GuardedQuerySet
from reminders.models import Notification, Reminder
from reminders.selectors import stands_for

logger = logging.getLogger(__name__)

CLAIMED_AT_ONCE = 20
# A worker that died lets go of its claims after this; each later claim of the same row holds twice as long.
LEASE_SECONDS = 30
LEASE_DOUBLINGS = 6

_DUE = """
    sent_at IS NULL AND settled_at IS NULL AND withdrawn_at IS NULL
    AND due_at <= statement_timestamp() AND (lease_until IS NULL OR lease_until < statement_timestamp())
"""
# The rows are chosen in a CTE of their own: inside UPDATE … WHERE id IN (…), the planner may choose more than LIMIT.
_CLAIM = f"""
WITH chosen AS MATERIALIZED (
    SELECT id FROM reminders_reminder WHERE {_DUE} AND (%(only)s::uuid IS NULL OR id = %(only)s)
    ORDER BY is_urgent DESC, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE reminders_reminder AS reminder
SET claimed_at = statement_timestamp(), attempt = attempt + 1,
    lease_until = statement_timestamp()
        + make_interval(secs => %(lease)s * power(2, least(attempt, %(doublings)s)))
FROM chosen WHERE reminder.id = chosen.id
RETURNING reminder.id, reminder.attempt
"""  # noqa: S608  (the condition is the constant above)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one reminder until somebody else claims it; ``attempt`` tells which claim it was."""

    reminder_id: uuid.UUID
    attempt: int


def claim_due(limit: int = CLAIMED_AT_ONCE, *, only: uuid.UUID | None = None) -> list[Claim]:
    """Take up to ``limit`` due reminders (or the one named) that nobody else is at, urgent ones first."""
    with (
        access_context(route="reminders.claim", is_system=True),
        recorded_query("due reminders claimed", writes=Reminder),
        connection.cursor() as cursor,
    ):
        terms = {"only": only, "limit": limit, "lease": LEASE_SECONDS, "doublings": LEASE_DOUBLINGS}
        cursor.execute(_CLAIM, terms)
        return [Claim(*row) for row in cursor.fetchall()]


def is_anything_due() -> bool:
    """Whether a claim would find something; asked first, so that an idle tick leaves no entry on the trail."""
    waiting = Reminder.objects.filter(
        sent_at__isnull=True, settled_at__isnull=True, withdrawn_at__isnull=True, due_at__lte=Now()
    ).exclude(lease_until__gte=Now())
    with transaction.atomic(), acting_as_system():
        return waiting.exists()


def send_claimed(claims: Sequence[Claim]) -> list[Reminder]:
    """Send each in a transaction of its own; one that fails keeps its lease and is tried again later.

    Returns those that were sent. Raises: whatever the database raises when it cannot be reached.
    """
    sent = []
    for claim in claims:
        try:
            reminder = send(claim)
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logger.exception("Reminder %s could not be sent (attempt %d)", claim.reminder_id, claim.attempt)
        else:
            sent += [reminder] if reminder else []
    return sent


def send(claim: Claim) -> Reminder | None:
    """Make the notification and note the reminder as sent, in one transaction.

    Nothing is sent when the claim is not the latest, when the fact has been settled, or when somebody is changing
    the row right now (the lease brings it back). A recipient who left, or for whom it does not stand any more, gets
    nothing: the reminder is withdrawn, and a task that nobody else holds goes to the leads of the patient's teams, or
    to those of its own team who may do it.
    """
    with access_context(route="reminders.send", is_system=True):
        reminder = (
            Reminder.objects.select_related("recipient", "team")
            .select_for_update(skip_locked=True, of=("self",))
            .filter(
                pk=claim.reminder_id,
                attempt=claim.attempt,
                sent_at__isnull=True,
                settled_at__isnull=True,
                withdrawn_at__isnull=True,
            )
            .first()
        )
        if reminder is None:
            return None
        if not _may_receive(reminder, reminder.recipient):
            _withdraw(reminder)
            return None
        Notification.objects.bulk_create([Notification(user=reminder.recipient, reminder=reminder)])
        with recorded_query("reminder sent", writes=Reminder):
            Reminder.objects.filter(pk=reminder.pk).update(sent_at=Now())
        return reminder


def _may_receive(reminder: Reminder, user: User) -> bool:
    if not user.is_active:
        return False
    return Reminder.objects.filter(stands_for(user), pk=reminder.pk).exists()


def _withdraw(reminder: Reminder) -> None:
    with recorded_query("reminder withdrawn", writes=Reminder):
        Reminder.objects.filter(pk=reminder.pk).update(withdrawn_at=Now())
    can_be_handed_on = reminder.patient_id is not None or reminder.team is not None
    if reminder.is_task and can_be_handed_on and not _somebody_else_has(reminder):
        _hand_on(reminder)


def _somebody_else_has(reminder: Reminder) -> bool:
    others = Reminder.objects.filter(
        kind=reminder.kind, subject=reminder.subject, due_at=reminder.due_at, withdrawn_at__isnull=True
    ).select_related("recipient")
    return any(_may_receive(other, other.recipient) for other in others if other.pk != reminder.pk)


def _hand_on(reminder: Reminder) -> None:
    takers = [user for user in _nearest(reminder) if _may_receive(reminder, user)]
    if not takers:
        logger.warning("Reminder %s is withdrawn and nobody may take it over", reminder.pk)
    announce(
        Due(
            kind=reminder.kind,
            subject=reminder.subject,
            at=reminder.due_at,
            recipients=takers,
            text=reminder.text,
            link=reminder.link,
            patient_id=reminder.patient_id,
            is_task=True,
            is_urgent=reminder.is_urgent,
            is_ticked_off=reminder.is_ticked_off,
            team=reminder.team_id,
            act=reminder.act,
        )
    )


def _nearest(reminder: Reminder) -> list[User]:
    """Who would take it over: the leads of the patient's teams; of what is about nobody, whoever may do it in its team."""
    if reminder.patient_id is None and reminder.team is not None:
        return list(members_who_may(reminder.team, Act(reminder.act)))
    cases: GuardedQuerySet[Case] = Case.objects.filter(patient=reminder.patient_id).select_related("team")
    return [lead for case in cases for lead in members_who_may(case.team, Act.REVIEW_CONTACT)]
