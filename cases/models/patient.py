"""The person the team supports, and the names and people that belong to them."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organisation, Regime, Team
from cases.models.item import PatientItem
from core.models import GuardedModel

# Crockford's alphabet: no I, L, O, U, so that a reference survives a phone call and handwriting.
REFERENCE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference() -> str:
    """``SC-`` and six random characters: about a billion, and none says anything about the person."""
    return "SC-" + "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(6))


class Patient(GuardedModel):
    """The person a team supports. Known to another team, they have another row there: teams share no people (S28)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(
        max_length=9,
        unique=True,
        default=new_reference,
        editable=False,
        validators=[RegexValidator(rf"^SC-[{REFERENCE_ALPHABET}]{{6}}$")],
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="patients")
    controller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    regime = models.CharField(max_length=10, choices=Regime.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Raised by one with each edit; an edit made from an older version is a clash.
    version = models.PositiveIntegerField(default=1)

    given_name = models.CharField(max_length=100)
    family_name = models.CharField(max_length=100)
    preferred_name = models.CharField(max_length=100, blank=True)
    date_of_birth = models.DateField()
    nhs_number = models.CharField("NHS number", max_length=10, blank=True)
    # Set where the team already holds the number on a record that the writer may not know: refusing it would tell
    # them that the person exists (S27). A clinical lead of the team has a task to sort the two records out.
    is_nhs_number_in_question = models.BooleanField(default=False, editable=False)
    pronouns = models.CharField(max_length=40, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    contact_preferences = models.TextField(blank=True)
    address = models.TextField(blank=True)
    postcode = models.CharField(max_length=10, blank=True)
    interpreter_needs = models.TextField(blank=True)
    access_needs = models.TextField(blank=True)
    # From the registration form, so that a second send finds the first; empty for patients made without a form.
    submission_key = models.UUIDField(null=True, editable=False)

    # What one user may do here, where this object came with it (cases.selectors.access); as long-lived as the object.
    found_access: Any = None

    class Meta(GuardedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["team", "nhs_number"],
                condition=~Q(nhs_number="") & Q(is_nhs_number_in_question=False),
                name="patient_nhs_number_once_per_team",
            ),
            models.UniqueConstraint(fields=["created_by", "submission_key"], name="patient_submitted_once"),
        ]
        indexes = [
            models.Index(fields=["family_name", "given_name", "id"], name="patient_by_name"),
            models.Index(fields=["nhs_number"], condition=~Q(nhs_number=""), name="patient_by_nhs_number"),
            models.Index(fields=["date_of_birth"], name="patient_by_date_of_birth"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def patient_keys(self) -> Collection[uuid.UUID]:
        return (self.pk,)

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def known_as(self) -> str:
        """How the person wants to be called."""
        return self.preferred_name or self.given_name


class OtherName(PatientItem):
    """A former name or an alias, so that a search under it finds the person."""

    class Kind(models.TextChoices):
        FORMER = "former name", "Former name"
        ALIAS = "alias", "Also known as"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=200)


class RelatedPerson(PatientItem):
    """Somebody the team may need to reach on the person's behalf."""

    class Kind(models.TextChoices):
        NEXT_OF_KIN = "next of kin", "Next of kin"
        ADVOCATE = "advocate", "Advocate"
        GP = "GP", "GP"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    name = models.CharField(max_length=200)
    relation = models.CharField(max_length=100, blank=True)
    phone = models.CharField(max_length=30, blank=True)
    address = models.TextField(blank=True)

    class Meta(PatientItem.Meta):
        constraints = [
            models.UniqueConstraint(fields=["patient", "kind"], name="related_person_one_of_a_kind")
        ]
