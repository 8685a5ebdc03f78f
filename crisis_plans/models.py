"""The crisis response plan: its versions, their parts, who wrote them and who signed what. Rules of approval: services.

A version's state is read from its sign-offs, which are never edited. Migration 0002 makes the database itself refuse
changes to what was submitted or approved.
"""

from __future__ import annotations

from datetime import date, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Regime
from cases.models import PatientItem


class CrisisResponsePlan(PatientItem):
    """The one plan of a patient; what it says stands in its versions."""

    class Meta(PatientItem.Meta):
        constraints = [models.UniqueConstraint(fields=["patient"], name="plan_one_per_patient")]


class Involvement(models.TextChoices):
    """How the person took part in writing the plan (S01)."""

    TOOK_PART = "took part", "They took part"
    DECLINED = "declined", "They were offered and declined"
    COULD_NOT = "could not", "They could not take part"


class Service(models.TextChoices):
    """Who else acts in a crisis, and so has a part of the plan."""

    CONTROL_ROOM = "control room", "999 control room"
    AMBULANCE = "ambulance", "Ambulance"
    EMERGENCY_DEPARTMENT = "emergency department", "Emergency department"
    CRISIS_LINE = "crisis line", "Crisis line"
    POLICE = "police", "Police"
    OTHER = "other", "Another service"


class PlanVersion(PatientItem):
    """One wording of the plan. Edited until submitted; once approved it stays as it is, and a change is a new version."""

    class State(models.TextChoices):
        """Read from the last sign-off; no column."""

        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Waiting for approval"
        RETURNED = "returned", "Returned with a comment"
        APPROVED = "approved", "Approved"
        DISCARDED = "discarded", "Discarded"

    plan = models.ForeignKey(CrisisResponsePlan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    # The approved version whose text this one started from.
    based_on = models.ForeignKey("self", on_delete=models.PROTECT, related_name="+", null=True)
    # Raised by one with each save; a save or a decision made from an older text is a clash.
    revision = models.PositiveIntegerField(default=1)
    # Set to false by the database when the version is approved or discarded (migration 0002), never by us.
    is_open = models.BooleanField(default=True, editable=False)

    about_me = models.TextField(blank=True)
    crisis_signs = models.TextField(blank=True)
    what_helps = models.TextField(blank=True)
    # True: the person's own words. False: what others have seen help, shown as not their words. None: not said yet.
    is_own_words = models.BooleanField(null=True)
    what_makes_it_worse = models.TextField(blank=True)
    involvement = models.CharField(max_length=20, choices=Involvement.choices, blank=True)
    involvement_reason = models.TextField(blank=True)
    involvement_retry_on = models.DateField(null=True, blank=True)
    disagreement = models.TextField(blank=True)
    review_on = models.DateField(null=True, blank=True)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_version_number_once"),
            models.UniqueConstraint(
                fields=["plan"], condition=Q(is_open=True), name="plan_version_one_open_per_plan"
            ),
            models.CheckConstraint(
                condition=Q(number__gte=1, revision__gte=1), name="plan_version_counts_from_one"
            ),
            models.CheckConstraint(
                condition=Q(involvement__in=["", *Involvement.values]), name="plan_version_involvement_known"
            ),
            models.CheckConstraint(
                condition=~Q(involvement=Involvement.TOOK_PART)
                | Q(involvement_reason="", involvement_retry_on__isnull=True),
                name="plan_version_no_reason_for_taking_part",
            ),
        ]
        indexes = [models.Index(fields=["patient", "-number"], name="plan_version_of_patient")]

    @property
    def last_sign_off(self) -> PlanSignOff | None:
        """The sign-off that decides the state. Selectors prefetch them."""
        return max(self.sign_offs.all(), key=lambda sign_off: sign_off.sequence, default=None)

    @property
    def approval(self) -> PlanSignOff | None:
        """The approval, if there is one: nothing follows it."""
        last = self.last_sign_off
        return last if last is not None and last.kind == PlanSignOff.Kind.APPROVED else None

    @property
    def state(self) -> State:
        last = self.last_sign_off
        if last is None or last.kind == PlanSignOff.Kind.WITHDRAWN:
            return self.State.DRAFT
        return self.State(last.kind)

    @property
    def is_editable(self) -> bool:
        return self.state in (self.State.DRAFT, self.State.RETURNED)

    def is_expired(self, on: date | None = None) -> bool:
        """Whether the review date lies in the past on that day (today in London, unless told)."""
        return self.review_on is not None and self.review_on < (on or timezone.localdate())


class PlanAction(PatientItem):
    """Something supportive that whoever meets the person can do. At least one is needed (S01)."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="actions")
    position = models.PositiveIntegerField()
    text = models.TextField()

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="plan_action_position_once"),
            models.CheckConstraint(condition=~Q(text=""), name="plan_action_says_something"),
        ]


class PlanCall(PatientItem):
    """Somebody to ring in a crisis."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="calls")
    position = models.PositiveIntegerField()
    who = models.CharField(max_length=200)
    phone = models.CharField(max_length=40, blank=True)
    when = models.CharField(max_length=200, blank=True)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="plan_call_position_once"),
            models.CheckConstraint(condition=~Q(who=""), name="plan_call_names_somebody"),
        ]


class PlanServicePart(PatientItem):
    """What one service agrees to do in a crisis."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="service_parts")
    service = models.CharField(max_length=30, choices=Service.choices)
    service_name = models.CharField(max_length=120, blank=True)
    agreed = models.TextField()

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "service"], name="plan_service_part_once"),
            models.CheckConstraint(
                condition=Q(service__in=Service.values) & ~Q(agreed=""), name="plan_service_part_known"
            ),
            models.CheckConstraint(
                condition=Q(service=Service.OTHER) & ~Q(service_name="")
                | ~Q(service=Service.OTHER) & Q(service_name=""),
                name="plan_service_part_other_is_named",
            ),
        ]

    @property
    def heading(self) -> str:
        return self.service_name or Service(self.service).label


class PlanAuthor(PatientItem):
    """Somebody who wrote in this version, and so cannot approve it (S02). Never removed."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="authors")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta(PatientItem.Meta):
        constraints = [models.UniqueConstraint(fields=["version", "user"], name="plan_author_once")]


class PlanSignOff(PatientItem):
    """One step of a version on its way: who, when, and what they said. Never edited.

    Name and registration of the signer are plain values: what they were when it was signed.
    """

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", "Submitted for approval"
        WITHDRAWN = "withdrawn", "Taken back by an author"
        RETURNED = "returned", "Returned with a comment"
        APPROVED = "approved", "Approved"
        DISCARDED = "discarded", "Discarded"

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="sign_offs")
    sequence = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=Kind.choices)
    # The text that was signed, by its revision.
    revision = models.PositiveIntegerField()
    comment = models.TextField(blank=True)
    signer_name = models.CharField(max_length=300)
    signer_role = models.CharField(max_length=40, blank=True)
    registration_body = models.CharField(max_length=10, blank=True)
    registration_number = models.CharField(max_length=20, blank=True)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["version", "sequence"], name="plan_sign_off_sequence_once"),
            models.UniqueConstraint(
                fields=["version"], condition=Q(kind="approved"), name="plan_sign_off_one_approval"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["submitted", "withdrawn", "returned", "approved", "discarded"]),
                name="plan_sign_off_kind_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind="returned") | ~Q(comment=""), name="plan_sign_off_return_says_why"
            ),
            models.CheckConstraint(
                condition=~Q(kind="approved")
                | ~Q(signer_name="") & ~Q(registration_body="") & ~Q(registration_number=""),
                name="plan_s01_approval_by_registered_clinician",
            ),
            # A force's items fall under part 3; an approval is never one of them.
            models.CheckConstraint(
                condition=~Q(kind="approved") | Q(regime=Regime.UK_GDPR),
                name="plan_s02_approval_not_by_police",
            ),
        ]

    @property
    def signed_at(self) -> datetime:
        return self.created_at
