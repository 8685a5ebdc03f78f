"""Which plans and versions somebody may see. Everything here starts from the patients they may see."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Subquery

from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.permissions import visible_patients
from core.models import GuardedQuerySet
from core.prepared import Prepared, Read
from crisis_plans.models import (
    PlanAction,
    PlanAuthor,
    PlanCall,
    PlanServicePart,
    PlanSignOff,
    PlanVersion,
)

Kind = PlanSignOff.Kind


def versions(user: User, patient: Patient | uuid.UUID) -> GuardedQuerySet[PlanVersion]:
    """All versions of the patient's plan, newest first, with their sign-offs; none where the user may not look."""
    key = patient.pk if isinstance(patient, Patient) else patient
    return (
        PlanVersion.objects.filter(patient__in=visible_patients(user).filter(pk=key))
        .prefetch_related(Prefetch("sign_offs", PlanSignOff.objects.order_by("sequence")))
        .order_by("-number")
    )


def whole_versions(user: User, patient: Patient | uuid.UUID) -> GuardedQuerySet[PlanVersion]:
    """The same with everything a page about one version shows."""
    parts: list[Any] = [
        Prefetch("actions", PlanAction.objects.order_by("position")),
        Prefetch("calls", PlanCall.objects.order_by("position")),
        Prefetch("service_parts", PlanServicePart.objects.order_by("created_at")),
        Prefetch("authors", PlanAuthor.objects.select_related("user").order_by("created_at")),
    ]
    return versions(user, patient).prefetch_related(*parts)


def version_of(user: User, patient: Patient | uuid.UUID, number: int) -> PlanVersion | None:
    """One version with all its parts."""
    return whole_versions(user, patient).filter(number=number).first()


def current_plan(user: User, patient: Patient | uuid.UUID) -> PlanVersion | None:
    """The approved version that holds now, expired or not, with all its parts: the newest approved one."""
    return whole_versions(user, patient).filter(_has(Kind.APPROVED)).first()


def plan_on_record(patient: uuid.UUID) -> Read[PlanVersion]:
    """The version that holds now, without its parts, for the page of a record that the user may open."""
    return _PLAN_ON_RECORD(patient=patient)


def open_version(user: User, patient: Patient | uuid.UUID) -> PlanVersion | None:
    """The version being worked on or waiting for approval, without its parts. There is at most one."""
    return versions(user, patient).filter(is_open=True).first()


def approved_before(user: User, version: PlanVersion) -> PlanVersion | None:
    """The approved version that this one replaces or would replace."""
    return (
        whole_versions(user, version.patient_id)
        .filter(_has(Kind.APPROVED), number__lt=version.number)
        .first()
    )


def next_review(patient: OuterRef) -> Subquery:
    """The review date of the current plan, for lists of patients whom the caller may already see."""
    approved = PlanVersion.objects.filter(_has(Kind.APPROVED), patient=patient).order_by("-number")
    return Subquery(approved.values("review_on")[:1])


def plans_awaiting_approval(user: User) -> GuardedQuerySet[PlanVersion]:
    """Submitted versions that this user may decide on: of their patients, and none they wrote in (S02).

    Oldest submission first, with ``patient`` loaded.
    """
    last = PlanSignOff.objects.filter(version=OuterRef("pk")).order_by("-sequence")
    written = PlanAuthor.objects.filter(version=OuterRef("pk"), user=user)
    waiting: Any = (
        PlanVersion.objects.filter(
            ~Exists(written), is_open=True, patient__in=visible_patients(user, Act.APPROVE_PLAN)
        )
        .annotate(
            last_kind=Subquery(last.values("kind")[:1]), last_at=Subquery(last.values("created_at")[:1])
        )
        .filter(last_kind=Kind.SUBMITTED)
        .select_related("patient")
        .prefetch_related(Prefetch("sign_offs", PlanSignOff.objects.order_by("sequence")))
        .order_by("last_at", "pk")
    )
    found: GuardedQuerySet[PlanVersion] = waiting
    return found


def _has(kind: str) -> Exists:
    return Exists(PlanSignOff.objects.filter(version=OuterRef("pk"), kind=kind))


_PLAN_ON_RECORD = Prepared(
    lambda patient: PlanVersion.objects.filter(_has(Kind.APPROVED), patient=patient).order_by("-number")[:1],
    patient=uuid.UUID,
)
