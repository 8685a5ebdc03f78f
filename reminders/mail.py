"""E-mails that say how many reminders wait, and nothing else: composed once, marked before the call, never sent twice.

What they are about is read in the application only (no personal data leaves by e-mail).
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from core.acting import acting_as_system
from core.formatting import counted
from core.models import GuardedQuerySet
from reminders import stuck_mail
from reminders.models import EmailMessageOut, Notification
from reminders.outbox import Finding, look_up
from reminders.selectors import STUCK_EMAIL, stands_for
from reminders.working_days import digest_cutoff

logger = logging.getLogger(__name__)

# Longer than the mail server may take (EMAIL_TIMEOUT), so that two workers never call it for one mail.
LEASE = timedelta(seconds=120)
# Tries at a server that refuses, ever less often: about a day, then a person is asked.
TRIES = 24
LONGEST_PAUSE = timedelta(hours=1)


class MailRefusedError(Exception):
    """The mail certainly did not leave."""


@dataclass(frozen=True, slots=True)
class ClaimedEmail:
    """A mail to be sent now; ``was_marked`` tells that somebody before may have sent it already."""

    email: EmailMessageOut
    attempt: int
    was_marked: bool


def compose_emails(now: datetime | None = None) -> None:
    """Put what is unread into mails: urgent kinds at once, the rest in the recipient's one digest of a working day.

    A notification belongs to at most one mail, a recipient has at most one digest a day (both held by the database).
    With ``REMINDER_DIGEST_HOUR = None`` everything goes out at once.
    """
    urgent = Q(reminder__is_urgent=True)
    if settings.REMINDER_DIGEST_HOUR is None:
        _compose_for_everybody(Q())
        return
    _compose_for_everybody(urgent, is_urgent=True)
    cutoff = digest_cutoff(now or timezone.now())
    if cutoff:
        _compose_for_everybody(~urgent & Q(created_at__lt=cutoff), digest_on=timezone.localdate(cutoff))


def send_emails(seconds: float = 60) -> int:
    """Send what is composed, for at most about ``seconds``; how many left. Looks up what an earlier try left marked."""
    sent = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until and (claimed := claim_email()):
        sent += send_claimed_email(claimed)
    return sent


def claim_email() -> ClaimedEmail | None:
    """Take one mail nobody else is at, and mark it: this is committed before the mail server is called."""
    with transaction.atomic():
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
        email = (
            EmailMessageOut.objects.select_related("recipient")
            .select_for_update(skip_locked=True, of=("self",))
            .filter(
                free,
                sent_at__isnull=True,
                stuck_at__isnull=True,
                recipient__is_active=True,
            )
            .order_by("-is_urgent", "queued_at")
            .first()
        )
        if email is None:
            return None
        claimed = ClaimedEmail(email, email.attempt + 1, email.marked_at is not None)
        row = EmailMessageOut.objects.filter(pk=email.pk)
        row.update(marked_at=Now(), lease_until=Now() + LEASE, attempt=claimed.attempt)
        return claimed


def send_claimed_email(claimed: ClaimedEmail) -> bool:
    """Call the mail server, unless the mail turns out to have left before. Whether it has left now."""
    backend = get_connection()
    finding = _find(backend, claimed) if claimed.was_marked else Finding.NOT_SENT
    if finding is Finding.NOT_SENT:
        try:
            _call(backend, message_of(claimed.email))
        except MailRefusedError as refusal:
            _note_refusal(claimed, refusal)
            return False
        except Exception:
            logger.exception("E-mail %s: the call ended in doubt", claimed.email.pk)
            finding = _find(backend, claimed)
            if finding is Finding.NOT_SENT:
                _note_refusal(claimed, MailRefusedError("not found after the failed call"))
                return False
        else:
            finding = Finding.SENT
    if finding is Finding.UNKNOWN:
        stuck_mail.hand_to_person(claimed.email, claimed.attempt, EmailMessageOut.Problem.UNKNOWN)
        return False
    _still_ours(claimed).update(sent_at=Now())
    return True


def message_of(email: EmailMessageOut) -> EmailMessage:
    """How many wait, where to read them, and not a word more."""
    count = counted(email.reminder_count, "reminder")
    them = "it" if email.reminder_count == 1 else "them"
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return EmailMessage(
        subject=f"Reminders in {settings.SERVICE_NAME}",
        body=f"You have {count} in {settings.SERVICE_NAME}. Sign in to read {them}.\n\n{settings.SERVICE_URL}\n",
        to=[email.recipient.email],
        headers={"Message-ID": f"<{email.pk}@{domain}>", "Auto-Submitted": "auto-generated"},
    )


def _compose_for_everybody(which: Q, *, digest_on: date | None = None, is_urgent: bool = False) -> None:
    waiting = _not_mailed(which).filter(user=OuterRef("pk"))
    users = User.objects.filter(Exists(waiting), is_active=True)
    if digest_on:
        users = users.exclude(
            Exists(EmailMessageOut.objects.filter(recipient=OuterRef("pk"), digest_on=digest_on))
        )
    with transaction.atomic(), acting_as_system():
        recipients = list(users.order_by("pk"))
    for user in recipients:
        _compose(user, which, digest_on, is_urgent)


def _compose(user: User, which: Q, digest_on: date | None, is_urgent: bool) -> None:
    with transaction.atomic(), acting_as_system():
        visible = _not_mailed(which).filter(stands_for(user, "reminder__"), user=user)
        covered = list(visible.select_for_update(skip_locked=True, of=("self",)))
        if not covered:
            return
        email = EmailMessageOut(
            recipient=user, reminder_count=len(covered), digest_on=digest_on, is_urgent=is_urgent
        )
        # Another worker's digest of the same day wins; ours is then not there, and its reminders wait a day.
        EmailMessageOut.objects.bulk_create([email], ignore_conflicts=True)
        if EmailMessageOut.objects.filter(pk=email.pk).exists():
            Notification.objects.filter(pk__in=[n.pk for n in covered]).update(email=email)


def _not_mailed(which: Q) -> GuardedQuerySet[Notification]:
    # About an e-mail that got stuck, no e-mail is sent: it might get stuck as well.
    return Notification.objects.filter(which, read_at__isnull=True, email__isnull=True).exclude(
        reminder__kind=STUCK_EMAIL
    )


def _call(backend: object, message: EmailMessage) -> None:
    """Hand the mail over. Raises: MailRefusedError when it certainly did not leave; anything else is doubt."""
    assert hasattr(backend, "open")
    try:
        backend.open()
    except Exception as problem:
        raise MailRefusedError(type(problem).__name__) from problem
    try:
        if not backend.send_messages([message]):  # type: ignore[attr-defined]
            raise MailRefusedError("no recipient")
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as answer:
        raise MailRefusedError(type(answer).__name__) from answer
    finally:
        with contextlib.suppress(Exception):  # the mail has left or not, whatever the farewell
            backend.close()  # type: ignore[attr-defined]


def _find(backend: object, claimed: ClaimedEmail) -> Finding:
    try:
        return look_up(backend, claimed.email.pk)
    except Exception:
        logger.exception("E-mail %s could not be looked up", claimed.email.pk)
        return Finding.UNKNOWN


def _still_ours(claimed: ClaimedEmail) -> GuardedQuerySet[EmailMessageOut]:
    return EmailMessageOut.objects.filter(
        pk=claimed.email.pk, attempt=claimed.attempt, sent_at__isnull=True, stuck_at__isnull=True
    )


def _note_refusal(claimed: ClaimedEmail, refusal: MailRefusedError) -> None:
    """It did not leave, so the mark goes: the next try needs no look-up."""
    logger.warning("E-mail %s did not leave (try %d): %s", claimed.email.pk, claimed.attempt, refusal)
    # Attempts go on counting after a person said "send again": they fence. So it is every 24th that asks.
    if claimed.attempt % TRIES == 0:
        stuck_mail.hand_to_person(claimed.email, claimed.attempt, EmailMessageOut.Problem.REFUSED)
        return
    pause = min(timedelta(minutes=2 ** ((claimed.attempt - 1) % TRIES)), LONGEST_PAUSE)
    _still_ours(claimed).update(marked_at=None, lease_until=Now() + pause)
