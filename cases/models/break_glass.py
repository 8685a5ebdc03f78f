"""Break-glass: one record opened for a while without a relationship, with a reason, and what somebody else found in review."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce, Length, Trim
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from cases.models.item import PatientItem
from core.models import BaseModel

LONGEST = timedelta(hours=4)
SHORTEST_SENTENCE = 20


class BreakGlass(PatientItem):
    """Its author may read this patient's record from ``opened_at`` to ``ends_at``, or to ``ended_at`` if that is earlier.

    A row is never edited: it is ended once, escalated once, and never made longer (a trigger holds it).
    """

    class Reason(models.TextChoices):
        DANGER = "danger", "Somebody’s life or safety is in danger now"
        CRISIS = "crisis", "The person is in crisis and in contact with me now"
        COVER = "cover", "I stand in for a colleague or a team that cannot be reached"
        SAFEGUARDING = "safeguarding", "A safeguarding question that cannot wait"
        OTHER = "other", "Something else that cannot wait"

    reason = models.CharField(max_length=20, choices=Reason.choices)
    sentence = models.TextField()
    # Role, team and organisation at that moment, in words: memberships change.
    opened_as = models.CharField(max_length=300)
    opened_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    review_due_at = models.DateTimeField()
    escalated_at = models.DateTimeField(null=True)
    # The last time that the background work meant to escalate it; once a day at most.
    escalation_tried_at = models.DateTimeField(null=True)
    # From the form, so that a second send finds the first (UniqueConstraint below).
    submission_key = models.UUIDField(editable=False)

    class Meta(PatientItem.Meta):
        verbose_name = "opening by break-glass"
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "submission_key"], name="break_glass_submitted_once"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("opened_at")) & Q(ends_at__lte=F("opened_at") + LONGEST),
                name="break_glass_at_most_four_hours",
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Length(Trim("sentence")), SHORTEST_SENTENCE),
                name="break_glass_says_why",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False, ended_at__gte=F("opened_at"))
                & Q(ended_at__lte=F("ends_at")),
                name="break_glass_ended_at_and_by",
            ),
            ExclusionConstraint(
                name="break_glass_one_at_a_time",
                expressions=[
                    ("created_by", RangeOperators.EQUAL),
                    ("patient", RangeOperators.EQUAL),
                    (
                        Func(
                            F("opened_at"),
                            Coalesce("ended_at", "ends_at"),
                            RangeBoundary(),
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        indexes = [
            # Asked on every page about patients, so it stays as small as what is open.
            models.Index(
                fields=["created_by", "patient", "ends_at"],
                condition=Q(ended_at__isnull=True),
                name="break_glass_open",
            ),
        ]

    @property
    def over_at(self) -> datetime:
        """When it ended or will end."""
        return self.ended_at or self.ends_at

    @property
    def is_open(self) -> bool:
        return self.ended_at is None and self.ends_at > timezone.now()


class BreakGlassReview(PatientItem):
    """What somebody else than its author thinks of it; one row, never edited."""

    class Outcome(models.TextChoices):
        APPROPRIATE = "appropriate", "Appropriate"
        INAPPROPRIATE = "inappropriate", "Inappropriate"
        TRAINING = "training", "Understandable; training or advice follows"
        REFERRED = "referred", "Referred for a decision elsewhere"

    break_glass = models.OneToOneField(BreakGlass, on_delete=models.PROTECT, related_name="review")
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    words = models.TextField()

    class Meta(PatientItem.Meta):
        verbose_name = "review of an opening by break-glass"
        constraints = [models.CheckConstraint(condition=~Q(words=""), name="break_glass_review_in_words")]


class BreakGlassAttempt(BaseModel):
    """Somebody stated whom they need and it matched nobody, or more than one: counted, so that nobody tries names."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta(BaseModel.Meta):
        verbose_name = "attempt at break-glass"
        indexes = [models.Index(fields=["user", "at"], name="break_glass_attempts")]

    def __str__(self) -> str:
        return f"Attempt {self.pk}"
