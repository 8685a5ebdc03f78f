"""Unfinished forms. Their text is read by their author alone; a lead learns how many there are, and whose."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q
from django.utils import timezone

from accounts.models import Membership, Team, User
from accounts.roles import Act
from accounts.selectors import teams_in_which
from cases.models import Draft, Patient
from cases.permissions import reads_clinical, visible_patients
from core.access_guard import recorded_query
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


def unfinished_drafts_about(user: User, patient: Patient) -> GuardedQuerySet[Draft]:
    """Those about one patient, for the top of the record."""
    return unfinished_drafts(user).filter(patient=patient)


def old_drafts_of_team(user: User) -> list[OldDrafts]:
    """For whoever leads a team: which colleagues have drafts older than a day, and how many. Recorded as a count."""
    teams: list[Team] = teams_in_which(user, Act.CHANGE_CASE)
    if not teams:
        return []
    colleagues = Membership.objects.current().filter(team__in=teams, user=OuterRef("user"))
    about_us = Q(Exists(colleagues), patient__isnull=True) | Q(
        patient__in=visible_patients(user, Act.CHANGE_CASE)
    )
    with recorded_query("number of drafts older than a day"):
        rows = list(
            Draft.objects.filter(about_us, saved_at__lt=timezone.now() - OLD_AFTER)
            .exclude(user=user)
            .values("user__first_name", "user__last_name", "user_id")
            .annotate(number=Count("pk", distinct=True), oldest=Min("saved_at"))
            .order_by("user__last_name", "user__first_name")
        )
    return [
        OldDrafts(f"{row['user__first_name']} {row['user__last_name']}", row["number"], row["oldest"])
        for row in rows
    ]
