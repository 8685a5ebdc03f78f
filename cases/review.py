"""Whom an information governance officer may ask the trail about: found by exact identifiers, named, never opened."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Lower

from accounts.roles import ACTS_OF_ROLE, Act
from accounts.selectors import working_memberships
from audit.providers import Identifiers, PersonUnderReview, Relationship
from cases.models import OtherName, Patient
from cases.permissions import patients_under_review, relationship_of_review
from core.prepared import Prepared, read_together

# Two people of the same name and birthday are possible, a list of them is not.
MOST_MATCHES = 10
_NAMES = ("id", "reference", "given_name", "family_name")


# The same rule as ``patients_under_review`` about one patient; every page of a trail asks it.
_REVIEWED = Prepared(
    lambda patient, organisations: Patient.objects.filter(
        Q(team__trust__any_of=organisations) | Q(team__force__any_of=organisations), pk=patient
    ).only(*_NAMES),
    patient=uuid.UUID,
    organisations=list,
)


class PatientsUnderReview:
    """Registered with audit.providers."""

    def keys(self, user: Any) -> QuerySet[Any, Any]:
        return patients_under_review(user).values("pk")

    def named(self, user: Any, key: uuid.UUID) -> PersonUnderReview | None:
        organisations = [
            m.organisation_id for m in working_memberships(user) if Act.READ_TRAIL in ACTS_OF_ROLE[m.role]
        ]
        (found,) = read_together(_REVIEWED(patient=key, organisations=organisations))
        return _under_review(found[0]) if found else None

    def matching(self, user: Any, identifiers: Identifiers) -> list[PersonUnderReview]:
        condition = _condition(identifiers)
        if condition is None:
            return []
        found = patients_under_review(user).alias(
            first_and_last=Lower(Concat(F("given_name"), Value(" "), F("family_name"))),
            called_and_last=Lower(Concat(F("preferred_name"), Value(" "), F("family_name"))),
        )
        matches = found.filter(condition).only(*_NAMES).order_by("reference")[:MOST_MATCHES]
        return [_under_review(patient) for patient in matches]


def _condition(identifiers: Identifiers) -> Q | None:
    if identifiers.reference:
        return Q(reference=identifiers.reference.strip().upper())
    if identifiers.nhs_number:
        return Q(nhs_number="".join(identifiers.nhs_number.split()))
    if not identifiers.full_name.strip() or identifiers.date_of_birth is None:
        return None
    name = " ".join(identifiers.full_name.lower().split())
    other = OtherName.objects.filter(patient=OuterRef("pk"), name__iexact=name)
    is_name = Q(first_and_last=name) | Q(called_and_last=name) | Q(Exists(other))
    return is_name & Q(date_of_birth=identifiers.date_of_birth)


def _under_review(patient: Patient) -> PersonUnderReview:
    relationship: Relationship = relationship_of_review(patient.reference)
    return PersonUnderReview(patient.pk, patient.full_name, relationship)
