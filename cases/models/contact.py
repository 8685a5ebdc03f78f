"""The contact log: what happened, who was there, and what was added, struck out or reviewed later."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from cases.models.case import Case
from cases.models.item import PatientItem
from cases.models.visit import Purpose, Visit


class Answer(models.TextChoices):
    """Unknown is an answer that is counted, not a gap."""

    YES = "yes", "Yes"
    NO = "no", "No"
    UNKNOWN = "unknown", "Not known"


class Contact(PatientItem):
    """One entry of the contact log. Saved at once; open questions are asked again before it is signed.

    Text may be changed until it is signed; afterwards there are addenda (S15). A contact that should not have
    happened is recorded like any other and opens a review (S11).
    """

    class Outcome(models.TextChoices):
        MET = "met", "Met the person"
        PHONE = "phone", "Spoke by phone or video"
        NOT_MET = "not met", "Tried, did not meet"
        DECLINED = "declined", "The person declined"
        OTHERS = "others", "Spoke with others about the person"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="contacts")
    visit = models.OneToOneField(Visit, on_delete=models.PROTECT, related_name="contact", null=True)
    happened_at = models.DateTimeField()
    place = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome.choices)
    is_planned = models.BooleanField(null=True)
    purpose = models.CharField(max_length=30, choices=Purpose.choices, blank=True)
    others_present = models.CharField(max_length=300, blank=True)
    account = models.TextField()
    # Police-authored entries keep fact apart from what was observed and what is thought (S14, DPA 2018 s.38).
    observation = models.TextField(blank=True)
    opinion = models.TextField(blank=True)
    is_police_authored = models.BooleanField(default=False)
    police_attended = models.BooleanField(default=False)
    agreed_to_police = models.CharField(max_length=10, choices=Answer.choices, blank=True)
    offered_without_police = models.CharField(max_length=10, choices=Answer.choices, blank=True)
    # From the form, so that a second send finds the first (UniqueConstraint below).
    submission_key = models.UUIDField()
    version = models.PositiveIntegerField(default=1)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["created_by", "submission_key"], name="contact_submitted_once"),
            models.CheckConstraint(
                condition=Q(police_attended=True) | Q(agreed_to_police="", offered_without_police=""),
                name="contact_police_questions_only_with_police",
            ),
        ]
        indexes = [models.Index(F("patient"), F("happened_at").desc(), F("id"), name="contact_timeline")]


class ContactParticipant(PatientItem):
    """A colleague who was there."""

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    is_police = models.BooleanField()

    class Meta(PatientItem.Meta):
        constraints = [models.UniqueConstraint(fields=["contact", "user"], name="contact_participant_once")]


class ContactClinicalNote(PatientItem):
    """The clinical-only part of a contact, in a table of its own: no query of a police role joins it (S12)."""

    is_clinical_only = True

    contact = models.OneToOneField(Contact, on_delete=models.PROTECT, related_name="clinical_note")
    text = models.TextField()


class ContactSignature(PatientItem):
    """The author stands by the entry; from here on its text does not change."""

    contact = models.OneToOneField(Contact, on_delete=models.PROTECT, related_name="signature")
    signed_at = models.DateTimeField(default=timezone.now)


class ContactAddendum(PatientItem):
    """A dated correction or addition to a signed entry, with its reason (S15)."""

    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="addenda")
    reason = models.CharField(max_length=300)
    text = models.TextField()
    is_clinical_only = models.BooleanField(default=False)
    # From the form, so that a second send finds the first; empty for rows older than this field.
    submission_key = models.UUIDField(null=True, editable=False)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["created_by", "submission_key"],
                condition=Q(submission_key__isnull=False),
                name="addendum_submitted_once",
            )
        ]


class ContactStrikeOut(PatientItem):
    """An entry in the wrong record: a stub stays; lead and author alone still read the text (S15)."""

    contact = models.OneToOneField(Contact, on_delete=models.PROTECT, related_name="strike_out")
    reason = models.TextField()


class ContactReview(PatientItem):
    """Opened by itself when police took part in planned therapeutic work (S11); no participant may close it."""

    contact = models.OneToOneField(Contact, on_delete=models.PROTECT, related_name="review")
    opened_at = models.DateTimeField(default=timezone.now)
    finding = models.TextField(blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )

    class Meta(PatientItem.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(finding=""),
                name="contact_review_closed_by_at_and_finding",
            )
        ]
