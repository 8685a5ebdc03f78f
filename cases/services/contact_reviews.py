"""Reviews of police presence at planned therapeutic work: opened by themselves (S11), closed by somebody who was not there."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Team, User
from accounts.roles import Act, Role, roles_that_may
from cases.models import Contact, ContactParticipant, ContactReview
from cases.models.visit import Purpose
from cases.services.authorship import authorship, require
from core.due import Due, announce, settle
from core.errors import DomainError, NotAllowed

REVIEW_DUE = "police-presence-review"


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Who is asked to review, and why them: ``words`` says where the leads cannot."""

    users: list[User]
    words: str
    can_close: bool


def open_review_if_due(*, by: User, contact: Contact) -> ContactReview | None:
    """Open the review of a contact that was planned therapeutic work with police; once a contact, then it stays open.

    For the services that write contacts, in their transaction. The recording itself is never refused (S11).
    """
    if not needs_review(contact) or ContactReview.objects.filter(contact=contact).exists():
        return None
    review = ContactReview.objects.create(patient_id=contact.patient_id, contact=contact, **authorship(by))
    asked = reviewers(contact)
    announce(
        Due(
            kind=REVIEW_DUE,
            subject=review_subject(contact),
            at=review.opened_at,
            recipients=asked.users,
            text=f"Review police presence at planned therapeutic work. {asked.words}".strip(),
            link=reverse("cases:contact_review", args=[contact.patient_id, contact.pk]),
            patient_id=contact.patient_id,
        )
    )
    return review


def close_review(*, by: User, review: ContactReview, finding: str) -> ContactReview:
    """Close a review with a finding.

    Raises: NotAllowed to whoever took part in the contact or wrote it, and to roles that do not review; DomainError
    without a finding, or when it is closed already.
    """
    require(by, Act.REVIEW_CONTACT, review.patient_id)
    with transaction.atomic():
        current = (
            ContactReview.objects.select_for_update(of=("self",))
            .select_related("contact")
            .defer("contact__account", "contact__observation", "contact__opinion")
            .get(pk=review.pk)
        )
        if by.pk in people_involved(current.contact):
            raise NotAllowed("You wrote this contact or took part in it, so somebody else has to review it.")
        if current.closed_at is not None:
            raise DomainError("This review is closed already.")
        if not finding.strip():
            raise DomainError("Write what you found and what follows from it.", field="finding")
        current.finding = finding
        current.closed_at = timezone.now()
        current.closed_by = by
        current.save()
        settle(kind=REVIEW_DUE, subject=review_subject(current.contact))
    return current


def needs_review(contact: Contact) -> bool:
    """Banned practice 1, as far as it has been recorded."""
    return bool(contact.is_planned and contact.purpose == Purpose.THERAPEUTIC and contact.police_attended)


def people_involved(contact: Contact) -> set[int]:
    """The author and everybody who took part: none of them may close the review."""
    rows = ContactParticipant.objects.filter(contact=contact)
    return {contact.created_by_id, *(row.user_id for row in rows)}


def reviewers(contact: Contact) -> Reviewers:
    """Who is asked: the clinical leads who were not involved; failing them, the deputies who were not. Nobody with a
    lapsed staff check is asked, unless all of them have one.

    Where all of them were involved, all are asked to find a reviewer, for none of them may close it.
    """
    involved = people_involved(contact)
    by_role = _holders(contact.case.team)
    for role, words in (
        (Role.CLINICAL_LEAD, ""),
        (
            Role.DEPUTY_LEAD,
            "It comes to the deputy because no clinical lead is free to close it: each of them wrote this contact, "
            "took part in it, or has a staff check that has lapsed.",
        ),
    ):
        free = [user for user in by_role.get(role, []) if user.pk not in involved]
        if free:
            return Reviewers(free, words, can_close=True)
    return Reviewers(
        [user for users in by_role.values() for user in users],
        "Every lead and deputy of the team was involved, so none of them may close it: "
        "ask for another clinical lead to be appointed to the team for this review.",
        can_close=False,
    )


def review_subject(contact: Contact) -> str:
    """How reminders name the review of a contact."""
    return f"cases.contactreview:{contact.pk}"


def _holders(team: Team) -> dict[str, list[User]]:
    memberships = list(
        Membership.objects.current()
        .filter(team=team, role__in=roles_that_may(Act.REVIEW_CONTACT))
        .select_related("user")
        .order_by("pk")
    )
    found: dict[str, list[User]] = {}
    for membership in [m for m in memberships if m.is_cleared] or memberships:
        found.setdefault(membership.role, []).append(membership.user)
    return found
