"""An alert and what becomes of it: rows that are added and never changed (held by triggers, migration 0004).

Its state is told by its steps: asked, answered, decided, closed; each once.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import BaseModel, GuardedModel

# So many alerts a day are put before one officer; the rest wait in the list.
MOST_A_DAY = 5


class Alert(GuardedModel):
    """Why somebody's access is to be looked into: one a kind, worker, patient and day (London's).

    ``worker`` is empty where nobody is known to have done it (a change past the application). ``number`` goes up when
    the same happens again on the day after the earlier alert was closed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    worker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    # As on the trail: plain values, for the app that keeps patients lies above.
    patient_id = models.UUIDField(null=True)
    patient_reference = models.CharField(max_length=12, blank=True)
    day = models.DateField()
    number = models.PositiveSmallIntegerField(default=1)
    explanation = models.TextField()
    raised_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(GuardedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "worker", "patient_id", "day", "number"],
                nulls_distinct=False,
                name="alert_once_a_day",
            ),
            models.CheckConstraint(
                condition=~Q(kind="") & Q(explanation__regex=r"\S"), name="alert_says_what_and_why"
            ),
            models.CheckConstraint(
                condition=Q(patient_id__isnull=True, patient_reference="")
                | Q(patient_id__isnull=False) & ~Q(patient_reference=""),
                name="alert_patient_with_reference",
            ),
            models.CheckConstraint(
                condition=Q(worker__isnull=False) | Q(patient_id__isnull=False), name="alert_about_somebody"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="alert_number_from_one"),
        ]
        indexes = [
            models.Index(fields=["-raised_at", "id"], name="alert_newest_first"),
            models.Index(fields=["patient_id", "kind"], name="alert_by_patient"),
        ]

    def __str__(self) -> str:
        return f"Alert {str(self.pk)[:8]}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        key = self.__dict__["patient_id"]
        return (key,) if key else ()


class AlertEntry(BaseModel):
    """One entry of the trail behind an alert. It names nobody: key and time lead to the entry, as on a subject row."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="entries")
    entry_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta(BaseModel.Meta):
        verbose_name = "entry behind an alert"
        constraints = [models.UniqueConstraint(fields=["alert", "entry_id"], name="alert_entry_once")]

    def __str__(self) -> str:
        return f"Entry {self.entry_id}"


class AlertStep(GuardedModel):
    """A step in the life of an alert: who, when, and their words. Guarded, for the words may name the patient."""

    class Kind(models.TextChoices):
        ASKED = "asked", "Asked"
        ANSWERED = "answered", "Answered"
        DECIDED = "decided", "Decided"
        CLOSED = "closed", "Closed"

    class Outcome(models.TextChoices):
        APPROPRIATE = "appropriate", "Appropriate"
        INAPPROPRIATE = "inappropriate", "Inappropriate"
        TRAINING = "training", "Training"
        REFERRED = "referred", "Referred"

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="steps")
    # The alert's (the database holds them equal), so that a step says by itself whom it is about.
    patient_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now, editable=False)
    text = models.TextField(blank=True)
    outcome = models.CharField(max_length=15, choices=Outcome.choices, blank=True)
    # The last day for the worker's answer (London's).
    answer_by = models.DateField(null=True)

    class Meta(GuardedModel.Meta):
        verbose_name = "step of an alert"
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "kind"], name="alert_step_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["asked", "answered", "decided", "closed"]),
                name="alert_step_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="closed") | Q(text__regex=r"\S"), name="alert_step_in_words"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind="decided", outcome__in=["appropriate", "inappropriate", "training", "referred"]
                )
                | ~Q(kind="decided") & Q(outcome=""),
                name="alert_outcome_with_decision",
            ),
            models.CheckConstraint(
                condition=Q(kind="asked", answer_by__isnull=False)
                | ~Q(kind="asked") & Q(answer_by__isnull=True),
                name="alert_answer_by_with_question",
            ),
        ]

    def __str__(self) -> str:
        return f"Step {self.pk}"

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        key = self.__dict__["patient_id"]
        return (key,) if key else ()


class AlertPutBefore(BaseModel):
    """One alert put before one officer; the numbers of a day end at five, so that nobody is flooded."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="put_before")
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    number = models.PositiveSmallIntegerField()

    class Meta(BaseModel.Meta):
        verbose_name = "alert put before an officer"
        constraints = [
            models.UniqueConstraint(fields=["alert", "officer"], name="alert_put_before_once"),
            models.UniqueConstraint(
                fields=["officer", "day", "number"], name="alert_put_before_numbered_by_day"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, number__lte=MOST_A_DAY), name="alert_put_before_five_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.number}"


class Bookmark(BaseModel):
    """How far the detectors have read the trail, in the order of its transactions, and when alerts were put last.

    Of findings of the write backstop, ``entry_id`` is the last one read.
    """

    name = models.CharField(primary_key=True, max_length=20)
    epoch = models.PositiveIntegerField(default=0)
    xid = models.BigIntegerField(default=0)
    entry_id = models.BigIntegerField(default=0)
    put_at = models.DateTimeField(null=True)

    DETECTORS: ClassVar[str] = "detectors"
    FINDINGS: ClassVar[str] = "findings"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of_detectors(cls) -> Bookmark:
        """The one there is; before the first tick, at the beginning of the trail."""
        found: Bookmark | None = cls.objects.filter(pk=cls.DETECTORS).first()
        if found is None:
            cls.objects.bulk_create([cls(name=cls.DETECTORS)], ignore_conflicts=True)
            found = cls.objects.get(pk=cls.DETECTORS)
        return found
