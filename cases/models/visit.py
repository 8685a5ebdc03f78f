"""Visits: contacts that were planned, and what became of them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from cases.models.case import Case
from cases.models.item import PatientItem


class Purpose(models.TextChoices):
    """What a contact is for. Only the first is therapeutic work, from which police stay away when it is planned."""

    THERAPEUTIC = "therapeutic", "Therapeutic work"
    PRACTICAL_SUPPORT = "practical support", "Practical support"
    PLAN = "plan", "Work on the crisis response plan"
    REVIEW = "review", "Review with the person"
    SAFETY = "safety", "Safety or welfare"
    MULTI_AGENCY = "multi-agency", "Meeting with other services"
    CRISIS = "crisis", "Response to a crisis"


class Visit(PatientItem):
    """A planned contact: who, when, what for, who takes part."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="visits")
    planned_for = models.DateTimeField(db_index=True)
    purpose = models.CharField(max_length=30, choices=Purpose.choices)
    place = models.CharField(max_length=200, blank=True)
    # Kept beside the participants so that the database itself can refuse banned practice 1 (S10).
    has_police = models.BooleanField(default=False)
    # From the form, so that a second send finds the first; empty for rows older than this field.
    submission_key = models.UUIDField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "submission_key"],
                condition=Q(submission_key__isnull=False),
                name="visit_submitted_once",
            ),
            models.CheckConstraint(
                condition=~Q(purpose=Purpose.THERAPEUTIC, has_police=True),
                name="visit_s10_no_police_at_planned_therapeutic_work",
            ),
        ]


class VisitParticipant(PatientItem):
    """A colleague who takes part in a visit."""

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    is_police = models.BooleanField()

    class Meta(PatientItem.Meta):
        constraints = [models.UniqueConstraint(fields=["visit", "user"], name="visit_participant_once")]


class VisitOutcome(PatientItem):
    """What became of a visit; one row, never edited."""

    class Kind(models.TextChoices):
        HAPPENED = "happened", "Happened"
        ATTEMPTED = "attempted", "Attempted, not met"
        DECLINED = "declined", "Declined by the person"
        CANCELLED = "cancelled", "Cancelled"

    visit = models.OneToOneField(Visit, on_delete=models.PROTECT, related_name="outcome")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    note = models.TextField(blank=True)
