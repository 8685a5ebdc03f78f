"""Reminders, what became of them in the application, and the e-mails that only say that some are waiting.

State is told by times, not by a status word. Why something falls due is the business of the apps below.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from core.models import BaseModel, GuardedModel


class Reminder(GuardedModel):
    """Something due, for one recipient. Written in the transaction of the fact that causes it (``core.due``).

    ``settled_at``: the fact is dealt with. ``withdrawn_at``: it was not sent, because it does not stand for the
    recipient any more. ``attempt`` fences: whoever sends must hold the number of the latest claim.
    """

    written_by = frozenset(
        {
            "due reminders claimed",
            "reminder sent",
            "reminder withdrawn",
            "reminders settled",
            "reminders written",
        }
    )

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    due_at = models.DateTimeField()
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey("cases.Patient", on_delete=models.PROTECT, related_name="+", null=True)
    text = models.TextField()
    link = models.CharField(max_length=300, blank=True)
    is_task = models.BooleanField()
    is_urgent = models.BooleanField()
    # Nothing but the recipient's own word settles it; otherwise the fact it is about does.
    is_ticked_off = models.BooleanField(default=False)
    # For whom it stands without a patient (core.due): ``selectors.stands_for`` decides, and the row policy once more.
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )
    act = models.CharField(max_length=60, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta(GuardedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "due_at", "recipient"], name="reminder_once_per_fact_and_recipient"
            ),
            models.CheckConstraint(
                condition=~Q(kind="") & ~Q(subject="") & ~Q(text=""), name="reminder_says_what_it_is_about"
            ),
            models.CheckConstraint(
                condition=Q(claimed_at__isnull=True, lease_until__isnull=True, attempt=0)
                | Q(claimed_at__isnull=False, lease_until__isnull=False, attempt__gte=1),
                name="reminder_claimed_with_lease_and_attempt",
            ),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="reminder_sent_or_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(link="") | Q(link__startswith="/") & ~Q(link__startswith="//"),
                name="reminder_links_inside",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(sent_at__isnull=True, settled_at__isnull=True, withdrawn_at__isnull=True),
                name="reminder_waiting",
            ),
            models.Index(
                fields=["recipient", "due_at", "id"],
                condition=Q(is_task=True, settled_at__isnull=True),
                name="reminder_open_tasks",
            ),
        ]

    def __str__(self) -> str:
        return f"Reminder {str(self.pk)[:8]}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        key = self.__dict__["patient_id"]
        return (key,) if key else ()

    @property
    def is_settled(self) -> bool:
        return self.settled_at is not None


class EmailMessageOut(BaseModel):
    """One e-mail to one user: how many reminders wait, and nothing about anybody.

    ``marked_at`` is committed before the mail server is called; a row that stays marked has met a crash, and its
    reference (also its Message-ID) is looked up. What cannot be looked up is stuck, and a person decides.
    """

    class Problem(models.TextChoices):
        UNKNOWN = "unknown", "Nobody can tell whether it was sent"
        REFUSED = "refused", "The mail server keeps refusing it"

    class Decision(models.TextChoices):
        ARRIVED = "arrived", "It arrived"
        SEND_AGAIN = "send again", "Send it again"
        LEAVE = "leave", "Leave it; they have been told another way"

    reference = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reminder_count = models.PositiveIntegerField()
    is_urgent = models.BooleanField(default=False)
    # The working day whose digest this is; empty where mail goes out at once.
    digest_on = models.DateField(null=True)
    queued_at = models.DateTimeField(default=timezone.now, editable=False)

    marked_at = models.DateTimeField(null=True)
    # Nobody else takes it before this time; after a refusal also the time of the next try.
    lease_until = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    stuck_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=10, choices=Problem.choices, blank=True)
    decision = models.CharField(max_length=10, choices=Decision.choices, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    class Meta(BaseModel.Meta):
        verbose_name = "e-mail"
        constraints = [
            models.UniqueConstraint(
                fields=["recipient", "digest_on"],
                condition=Q(digest_on__isnull=False),
                name="email_one_digest_a_day",
            ),
            models.CheckConstraint(condition=Q(reminder_count__gte=1), name="email_has_something_to_say"),
            models.CheckConstraint(
                condition=Q(sent_at__isnull=True) | Q(marked_at__isnull=False),
                name="email_marked_before_sent",
            ),
            models.CheckConstraint(
                condition=Q(stuck_at__isnull=True, problem="") | Q(stuck_at__isnull=False) & ~Q(problem=""),
                name="email_stuck_with_its_problem",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True, decision="")
                | Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(decision=""),
                name="email_decided_by_at_and_how",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queued_at"],
                condition=Q(sent_at__isnull=True),
                name="email_not_sent",
            )
        ]

    def __str__(self) -> str:
        return f"E-mail {str(self.pk)[:8]}"


class Notification(BaseModel):
    """A reminder as its recipient sees it: made in the transaction that notes the reminder as sent, so exactly once.

    It holds no word about anybody (the text stays with the guarded reminder): the count in the header may read it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reminder = models.OneToOneField(Reminder, on_delete=models.PROTECT, related_name="notification")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    read_at = models.DateTimeField(null=True)
    # The one e-mail that counts it.
    email = models.ForeignKey(
        EmailMessageOut, on_delete=models.PROTECT, related_name="notifications", null=True
    )

    class Meta(BaseModel.Meta):
        indexes = [
            models.Index(F("user"), F("created_at").desc(), F("id").desc(), name="notification_newest_first"),
            models.Index(fields=["user"], condition=Q(read_at__isnull=True), name="notification_unread"),
            models.Index(
                fields=["user", "created_at"],
                condition=Q(read_at__isnull=True, email__isnull=True),
                name="notification_not_mailed",
            ),
        ]

    def __str__(self) -> str:
        return f"Notification {str(self.pk)[:8]}"


class DailyWork(BaseModel):
    """The last day (London's) on which a daily piece of housekeeping was done; one row a piece."""

    name = models.CharField(primary_key=True, max_length=40)
    done_on = models.DateField(null=True)

    def __str__(self) -> str:
        return self.name
