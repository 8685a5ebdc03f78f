"""The decision on a submitted version: by a registered clinician who wrote none of it (S01, S02)."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import ProfessionalRegistration, Regime, User
from accounts.roles import Act, Role
from accounts.selectors import holds_role
from core import due
from core.errors import DomainError, NotAllowed
from crisis_plans.content import content_of
from crisis_plans.models import PlanSignOff, PlanVersion
from crisis_plans.rules import Gap, IncompletePlanError, find_gaps
from crisis_plans.selectors import approved_before
from crisis_plans.services.reviews import (
    APPROVAL,
    REVIEW,
    announce_return,
    announce_review,
    subject_of,
)
from crisis_plans.services.signing import (
    add_sign_off,
    is_author,
    lock_version,
    require_revision,
    require_submitted,
)


def approve(*, by: User, version: PlanVersion, revision: int) -> PlanSignOff:
    """Make a submitted version the plan. ``revision`` is the text that was read; the reminder of its review is
    written in the same transaction and takes the place of the former version's.

    Raises: NotVisible; NotAllowed for whoever may not approve, police whatever else they are, and authors (S02);
    VersionClash; IncompletePlanError with everything S01 asks for; DomainError when it is not waiting for approval.
    """
    with transaction.atomic():
        version = _lock_for_decision(by, version, revision)
        gaps = find_gaps(content_of(version))
        registration = current_registration(by)
        if registration is None:
            gaps.append(_NO_REGISTRATION)
        if gaps:
            raise IncompletePlanError(gaps)
        former = approved_before(by, version)
        sign_off = add_sign_off(by, version, PlanSignOff.Kind.APPROVED, registration=registration)
        due.settle(kind=APPROVAL, subject=subject_of(version))
        if former is not None:
            due.settle(kind=REVIEW, subject=subject_of(former))
        announce_review(version=version)
        return sign_off


def return_to_author(*, by: User, version: PlanVersion, revision: int, comment: str) -> PlanSignOff:
    """Give a submitted version back with a comment; its authors may change it again and get a task.

    Raises: as ``approve``, without S01; DomainError when the comment is empty.
    """
    if not comment.strip():
        raise DomainError("Write what has to change.", field="comment")
    with transaction.atomic():
        version = _lock_for_decision(by, version, revision)
        sign_off = add_sign_off(by, version, PlanSignOff.Kind.RETURNED, comment=comment)
        due.settle(kind=APPROVAL, subject=subject_of(version))
        announce_return(version, sign_off)
        return sign_off


def why_not_decide(user: User, version: PlanVersion) -> str:
    """Why this user may not decide on this version although their role might; empty if nothing speaks against it."""
    if _is_police(user):
        return "Police never approve a plan."
    if is_author(user, version):
        return "You wrote in this version, so somebody else has to decide on it."
    return ""


def current_registration(user: User) -> ProfessionalRegistration | None:
    """The entry in a professional register that holds today, if there is one (S01)."""
    return (
        ProfessionalRegistration.objects.filter(user=user, valid_until__gte=timezone.localdate())
        .order_by("-valid_until", "pk")
        .first()
    )


_NO_REGISTRATION = Gap(
    "decision",
    "Your professional registration is not recorded or has ended. Ask your team administrator to update it",
)


def _lock_for_decision(by: User, version: PlanVersion, revision: int) -> PlanVersion:
    version = lock_version(by, Act.APPROVE_PLAN, version)
    if reason := why_not_decide(by, version):
        raise NotAllowed(reason)
    require_submitted(version)
    require_revision(version, revision)
    return version


def _is_police(user: User) -> bool:
    """By role or by employer: a second, clinical membership does not undo either (S02)."""
    works_for_force = user.organisation is not None and user.organisation.regime == Regime.PART_3
    return works_for_force or holds_role(user, Role.POLICE_MENTOR)
