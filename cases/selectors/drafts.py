"""Unfinished forms. Their text is read by their author alone; a lead learns how many there are, and whose."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import teams_in_which
from cases.look_ups import old_drafts
from cases.models import Draft, Patient
from cases.permissions import reads_clinical, visible_patients
from core.models import GuardedQuerySet

OLD_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OldDrafts:
    """That somebody in the team has unfinished forms older than a day; never which, never their text."""

    name: str
    number: int
    oldest: object


def own_draft(user: User, patient: Patient | None, form: str, about: str = "") -> Draft | None:
    """The user's own unfinished form, if there is one they may still read."""
    drafts = Draft.objects.filter(user=user, patient=patient, form=form, about=about)
    if patient is not None and not reads_clinical(user, patient):
        drafts = drafts.filter(is_clinical_only=False)
    return drafts.first()


def unfinished_drafts(user: User) -> GuardedQuerySet[Draft]:
    """The user's own drafts about patients they may see now, and about nobody yet; newest first.

    What was typed with a clinical role is not shown once the role is gone (S12).
    """
    shown = Q(patient__isnull=True) | Q(
        patient__in=visible_patients(user, Act.READ_CLINICAL),
    )
    shown |= Q(is_clinical_only=False, patient__in=visible_patients(user))
    return Draft.objects.filter(shown, user=user).select_related("patient").order_by("-saved_at")


def unfinished_draft(user: User, draft_id: uuid.UUID) -> Draft | None:
    """One of these, or None."""
    return unfinished_drafts(user).filter(pk=draft_id).first()


def old_drafts_of_team(user: User) -> list[OldDrafts]:
    """For whoever leads a team: which colleagues have drafts older than a day, and how many. Recorded as a count."""
    if not teams_in_which(user, Act.CHANGE_CASE):
        return []
    found = old_drafts(timezone.now() - OLD_AFTER)
    people = User.objects.filter(pk__in=[key for key, _, _ in found]).order_by("last_name", "first_name")
    counted = {key: (number, oldest) for key, number, oldest in found}
    return [OldDrafts(person.get_full_name(), *counted[person.pk]) for person in people]
