"""What follows from break-glass: who is told, who reviews, and what happens when nobody does."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.line import led_by
from accounts.models import Team, User
from accounts.roles import Act, Role
from accounts.selectors import administrators_of_team, may
from audit.alerts import raise_alert
from audit.alerts.kinds import AlertKind
from audit.context import access_context
from cases.models import BreakGlass, BreakGlassReview, Patient
from cases.selectors.break_glass import (
    break_glass_of,
    is_own_or_of_leader,
    leads_of,
    officers_for,
    officers_of_staff,
)
from cases.services.authorship import authorship
from core.access_guard import recorded_query
from core.due import Due, announce, due_moment, settle
from core.errors import DomainError, NotAllowed, NotVisible
from core.formatting import clock_time, counted, day, local_day
from core.models import GuardedQuerySet
from core.working_days import add_working_days

logger = logging.getLogger(__name__)

OPENED, REVIEW_DUE, OVERDUE, NO_REVIEWER, REVIEWED = (
    "break-glass-opened",
    "break-glass-review",
    "break-glass-review-overdue",
    "break-glass-without-reviewer",
    "break-glass-reviewed",
)
WORKING_DAYS_TO_REVIEW = 2
END_OF_WORKING_DAY = time(17)


def review_due_at(opened_at: datetime) -> datetime:
    """Five o'clock (London) on the second working day after the day of the opening; England's bank holidays count as none."""
    return due_moment(add_working_days(local_day(opened_at), WORKING_DAYS_TO_REVIEW), END_OF_WORKING_DAY)


def tell_opened(glass: BreakGlass, patient: Patient) -> None:
    """At once, by urgent reminder and e-mail: to the leads of the patient's team and the IG officers of both sides.

    Where the patient's side has none of these at work, the administrators are asked at once to name somebody. Nothing in
    it tells who the patient is. Officers of the author's own organisation, who may not know the patient, are led to the
    trail of their worker.
    """
    hours = counted(round((glass.ends_at - glass.opened_at).total_seconds() / 3600), "hour")
    who = f"{glass.created_by} ({glass.opened_as})"
    leads = {*leads_of(patient, Role.CLINICAL_LEAD), *leads_of(patient, Role.DEPUTY_LEAD)} - {
        glass.created_by
    }
    officers = set(officers_for(patient)) - leads - {glass.created_by}
    opened = f"Break-glass: {who} opened a record of {patient.team} for {hours}."
    for circle, ask in (
        (leads, "See why, and end it if it should not be."),
        (officers, "See why. The team’s leads can end it."),
    ):
        _announce(
            glass,
            OPENED,
            circle,
            f"{opened} {ask}",
            _review_href(glass),
            is_urgent=True,
            team=patient.team,
            act=Act.REVIEW_BREAK_GLASS,
        )
    if not leads | officers:
        what = f"A break-glass of {day(glass.opened_at)} could be told to nobody who may look into it."
        _ask_for_reviewer(glass, patient, what, at=glass.opened_at)
    of_author = set(officers_of_staff(glass.created_by)) - leads - officers
    _announce(
        glass,
        OPENED,
        of_author,
        f"Break-glass: {who} opened a record of another team for {hours}. That team’s organisations review it.",
        reverse("audit:worker_trail", args=[glass.created_by_id]),
        is_urgent=True,
        act=Act.READ_TRAIL,
    )


def ask_for_review(glass: BreakGlass, patient: Patient) -> None:
    """A task with whoever reviews first: the clinical leads, failing them the deputies, failing them the IG officers."""
    for circle in (
        leads_of(patient, Role.CLINICAL_LEAD),
        leads_of(patient, Role.DEPUTY_LEAD),
        officers_for(patient),
    ):
        reviewers = _may_review(circle, glass)
        if reviewers:
            _announce(
                glass,
                REVIEW_DUE,
                reviewers,
                f"Review the break-glass of {day(glass.opened_at)} at {clock_time(glass.opened_at)} by {glass.created_by}",
                _review_href(glass),
                at=glass.review_due_at,
                is_task=True,
                team=patient.team,
                act=Act.REVIEW_BREAK_GLASS,
            )
            return


def escalate_overdue_reviews() -> int:
    """Tell the other leads, the deputies and the IG officers of reviews that are overdue, once each; how many.

    Run by each tick. Whoever holds these roles by then is told. Where nobody does, the administrators are asked to name
    somebody, without a word of the patient, and it is tried again on the next day; so is what a fault stood in the way
    of. Each has a transaction of its own: none keeps another from being told.
    """
    keys: list[uuid.UUID] = []
    with access_context(route="break_glass.escalate", is_system=True):
        # Most ticks end here, and leave no entry.
        if _to_escalate().exists():
            with recorded_query("which reviews of break-glass are overdue"):
                keys = list(_to_escalate().order_by("review_due_at").values_list("pk", flat=True))
    told = 0
    for key in keys:
        with _going_on_after_a_fault():
            told += _try_to_escalate(key)
    return told


def review_break_glass(
    *, by: User, patient_id: uuid.UUID, key: uuid.UUID, outcome: str, words: str
) -> BreakGlassReview:
    """Record what somebody else found: an outcome and words, once. Settles what it was due for and tells the author.

    Raises: NotVisible to who is neither lead of the patient's team nor IG officer of its organisations; NotAllowed to
    its author and to whom its author leads; DomainError while it is still open, without outcome or words, or when it
    has been reviewed already.
    """
    glass = break_glass_of(by, patient_id, key)
    if glass is None or not may(by, Act.REVIEW_BREAK_GLASS):
        raise NotVisible("No such opening.")
    if is_own_or_of_leader(by, glass):
        raise NotAllowed(
            "This is your own opening, or that of somebody who leads you: somebody else reviews it."
        )
    if outcome not in BreakGlassReview.Outcome.values:
        raise DomainError("Choose what you think of it.", field="outcome")
    if not words.strip():
        raise DomainError("Write what you found and what follows from it.", field="words")
    with transaction.atomic():
        # The lock puts two reviewers, and the end of the opening, one behind the other.
        locked = BreakGlass.objects.select_for_update(of=("self",)).get(pk=glass.pk)
        if locked.is_open:
            raise DomainError(
                "The record is still open. Review it when it is over; a lead of its team can end it now."
            )
        if (before := BreakGlassReview.objects.filter(break_glass=glass).first()) is not None:
            if before.created_by_id == by.pk and (before.outcome, before.words) == (outcome, words.strip()):
                return before  # the same form, sent twice
            raise DomainError("Somebody else has reviewed this meanwhile.")
        review = BreakGlassReview.objects.create(
            patient_id=patient_id, break_glass=glass, outcome=outcome, words=words.strip(), **authorship(by)
        )
        for kind in (OPENED, REVIEW_DUE, OVERDUE, NO_REVIEWER):
            settle(kind=kind, subject=_subject(glass))
        _announce(
            glass,
            REVIEWED,
            {glass.created_by},
            f"Your break-glass of {day(glass.opened_at)} was reviewed: {review.get_outcome_display().lower()}.",
            "",
        )
    return review


def _to_escalate() -> GuardedQuerySet[BreakGlass]:
    """What is overdue, and has not been tried today (London's): a try loads the record and stands on the trail."""
    today = due_moment(timezone.localdate(), time.min)
    return BreakGlass.objects.filter(
        Q(escalation_tried_at__isnull=True) | Q(escalation_tried_at__lt=today),
        review__isnull=True,
        escalated_at__isnull=True,
        review_due_at__lte=timezone.now(),
    )


@contextmanager
def _going_on_after_a_fault() -> Iterator[None]:
    try:
        yield
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("An overdue review of break-glass could not be told of")


def _try_to_escalate(key: uuid.UUID) -> bool:
    with access_context(route="break_glass.escalate", is_system=True):
        waiting = _to_escalate().select_for_update(skip_locked=True, of=("self",))
        glass = waiting.select_related("patient__team", "created_by").filter(pk=key).first()
        if glass is None:  # another process is at it
            return False
        is_told = False
        with _going_on_after_a_fault(), transaction.atomic():
            is_told = _escalate(glass)
        glass.escalation_tried_at = timezone.now()
        glass.escalated_at = timezone.now() if is_told else None
        glass.save()
    return is_told


def _escalate(glass: BreakGlass) -> bool:
    patient = glass.patient
    everybody = {
        *leads_of(patient, Role.CLINICAL_LEAD),
        *leads_of(patient, Role.DEPUTY_LEAD),
        *officers_for(patient),
    }
    reviewers = _may_review(sorted(everybody, key=lambda user: user.pk), glass)
    if not reviewers:
        what = f"A break-glass of {day(glass.opened_at)} is overdue for review, and nobody may review it."
        _ask_for_reviewer(glass, patient, what, at=glass.review_due_at)
        return False
    settle(kind=NO_REVIEWER, subject=_subject(glass))
    _announce(
        glass,
        OVERDUE,
        reviewers,
        f"Overdue: nobody has reviewed the break-glass of {day(glass.opened_at)} by {glass.created_by}",
        _review_href(glass),
        at=glass.review_due_at,
        is_task=True,
        is_urgent=True,
        team=patient.team,
        act=Act.REVIEW_BREAK_GLASS,
    )
    # Once nobody has looked into it in time, it is an access that an officer has to, like any other.
    raise_alert(
        kind=AlertKind.BREAK_GLASS_UNREVIEWED,
        worker=glass.created_by,
        patient=patient.pk,
        explanation="The worker opened this record by break-glass, and nobody reviewed it in time.",
        at=glass.opened_at,
    )
    return True


def _ask_for_reviewer(glass: BreakGlass, patient: Patient, what: str, *, at: datetime) -> None:
    """Once for each time; administrators see no patient, so they read the team and the day."""
    administrators = {user for user in administrators_of_team(patient.team) if user != glass.created_by}
    if not administrators:
        logger.warning("A break-glass has nobody to go to, and no administrator to tell.")
        return
    _announce(
        glass,
        NO_REVIEWER,
        administrators,
        f"{what} {patient.team} needs a clinical lead with checks in date, or one of its organisations an information "
        "governance officer.",
        reverse("accounts:people"),
        at=at,
        is_task=True,
        is_urgent=True,
        team=patient.team,
        act=Act.MANAGE_PEOPLE,
    )


def _may_review(people: list[User], glass: BreakGlass) -> list[User]:
    barred = {glass.created_by_id, *led_by(glass.created_by, local_day(glass.opened_at))}
    return [user for user in people if user.pk not in barred]


def _announce(
    glass: BreakGlass,
    kind: str,
    recipients: set[User] | list[User],
    text: str,
    link: str,
    *,
    at: datetime | None = None,
    is_task: bool = False,
    is_urgent: bool = False,
    team: Team | None = None,
    act: str = "",
) -> None:
    # Without the patient: officers see none and could not receive it.
    announce(
        Due(
            kind=kind,
            subject=_subject(glass),
            at=at or timezone.now(),
            recipients=sorted(recipients, key=lambda user: user.pk),
            text=text,
            link=link,
            is_task=is_task,
            is_urgent=is_urgent,
            team=team.pk if team else None,
            act=act,
        )
    )


def _review_href(glass: BreakGlass) -> str:
    return reverse("cases:break_glass_review", args=[glass.patient_id, glass.pk])


def _subject(glass: BreakGlass) -> str:
    return f"cases.breakglass:{glass.pk}"
