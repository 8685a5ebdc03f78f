"""What a plan makes fall due: its review, a decision on a submission, work on a returned version."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.urls import reverse

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import members_who_may
from cases.models import Case
from core import due
from core.errors import DomainError
from crisis_plans.models import PlanSignOff, PlanVersion

REVIEW = "plan-review"
APPROVAL = "plan-approval"
RETURNED = "plan-returned"

# People see it when their day starts, whether or not the clocks have just changed.
_REVIEW_HOUR = time(7)


def subject_of(version: PlanVersion) -> str:
    return f"crisis_plans.planversion:{version.pk}"


def review_due_at(review_on: date) -> datetime:
    """Seven in the morning in London on the day of the review, in UTC."""
    return due.due_moment(review_on, _REVIEW_HOUR)


def announce_review(*, version: PlanVersion, at: datetime | None = None) -> None:
    """Remind both mentors and the clinical leads of the review of an approved version (S06).

    ``at`` replaces seven o'clock on the review date, in a seeded story or when the task is to go to other people;
    announcing it again takes the place of what was announced before. Call it in the transaction of the approval.
    """
    if version.review_on is None:
        raise ValueError("An approved version has a review date.")
    due.reschedule(
        due.Due(
            kind=REVIEW,
            subject=subject_of(version),
            at=at or review_due_at(version.review_on),
            recipients=_without_repeats([*_mentors(version), *_leads(version)]),
            text=f"Review the crisis response plan of {version.patient.reference}",
            link=reverse("crisis_plans:plan", args=[version.patient_id]),
            patient_id=version.patient_id,
        )
    )


def announce_approval(version: PlanVersion, submission: PlanSignOff) -> None:
    """Ask everybody who may approve and did not write this version to decide on it.

    Raises: DomainError when there is nobody: a submission that no one can decide on would lie there unseen.
    """
    authors = {author.user_id for author in version.authors.all()}
    deciders = [lead for lead in _leads(version) if lead.pk not in authors]
    if not deciders:
        raise DomainError(
            "Everybody in the team who may approve plans has written in this version. Somebody else has to be given "
            "that role before it can be submitted."
        )
    due.announce(
        due.Due(
            kind=APPROVAL,
            subject=subject_of(version),
            at=submission.signed_at.astimezone(UTC),
            recipients=deciders,
            text=f"Approve or return the crisis response plan of {version.patient.reference}, "
            f"submitted by {submission.signer_name}",
            link=reverse("crisis_plans:plan_decide", args=[version.patient_id, version.number]),
            patient_id=version.patient_id,
        )
    )


def announce_return(version: PlanVersion, sign_off: PlanSignOff) -> None:
    """Tell the authors that their version came back with a comment."""
    due.announce(
        due.Due(
            kind=RETURNED,
            subject=subject_of(version),
            at=sign_off.signed_at.astimezone(UTC),
            recipients=[author.user for author in version.authors.all() if author.user.is_active],
            text=f"{sign_off.signer_name} returned the crisis response plan of {version.patient.reference} "
            "with a comment",
            link=reverse("crisis_plans:plan_version", args=[version.patient_id, version.number]),
            patient_id=version.patient_id,
        )
    )


def _mentors(version: PlanVersion) -> list[User]:
    cases = Case.objects.filter(patient=version.patient_id, closed_on__isnull=True).select_related(
        "clinical_mentor", "police_mentor"
    )
    return [
        mentor
        for case in cases.order_by("opened_on", "pk")
        for mentor in (case.clinical_mentor, case.police_mentor)
        if mentor.is_active
    ]


def _leads(version: PlanVersion) -> list[User]:
    return list(members_who_may(version.patient.team, Act.APPROVE_PLAN))


def _without_repeats(users: list[User]) -> list[User]:
    return list({user.pk: user for user in users}.values())
