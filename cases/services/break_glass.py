"""Break-glass (S31): opening one record without a relationship, for a while, with a reason; and ending it before its time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import ACTS_OF_ROLE, Act, roles_that_may
from accounts.selectors import may, working_memberships
from audit.context import current_context
from audit.models import LogEntry
from cases.models import BreakGlass, BreakGlassAttempt, Patient
from cases.models.break_glass import LONGEST, SHORTEST_SENTENCE
from cases.permissions import can, explain_access, open_break_glass
from cases.selectors.break_glass import Statement, glass_to_end, patient_stated
from cases.services.authorship import authorship
from cases.services.break_glass_reviews import ask_for_review, review_due_at, tell_opened
from core.errors import DomainError, NotAllowed, NotVisible
from core.typed_text import visible_text

# Statements that matched nobody, in this time, until no further one is looked at.
WRONG_STATEMENTS = 5
COUNTED_FOR = timedelta(hours=1)


class Answer(Enum):
    """What became of a request. The last two say nothing about whether anybody exists."""

    OPENED = "opened"
    IS_OPEN_ALREADY = "is open already"
    NEEDS_NO_GLASS = "needs no break-glass"
    NO_MATCH = "no match"
    TOO_MANY = "too many"


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer, and the record it leads to where there is one."""

    answer: Answer
    patient_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassRequest:
    """What the user states: whom they need, why, and for how many hours (at most four)."""

    whom: Statement
    reason: str
    sentence: str
    hours: int
    submission_key: uuid.UUID


def open_break_glass_for(*, by: User, request: BreakGlassRequest) -> Opening:
    """Open the one record that the statement names exactly, to its author alone, for reading alone.

    For clinical roles of any team. Leads and IG officers are told at once, and a review by somebody else falls due.
    Whom the user may read anyway is meant before anybody else, so that nothing is told of those they may not. Whatever
    matches nobody, or more than one, gets the same answer and counts; after five in an hour the answer is
    ``TOO_MANY`` before anything is looked up. A second send with the same key returns the first opening; what is open
    already is not made longer. The trail keeps a keyed digest of the statement.

    Raises: NotAllowed to other roles; DomainError for a missing reason, a sentence under 20 characters, a time over
    four hours, a form whose opening is over, or one that has opened the record of somebody else.
    """
    if not may(by, Act.BREAK_GLASS):
        raise NotAllowed("Clinical roles may break the glass.")
    _require_grounds(request)
    _tell_trail(request)
    with transaction.atomic():
        # One request of a user after the other: attempts are counted, and two clicks open once.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        if (sent := _sent_before(by, request)) is not None:
            return sent
        if _wrong_statements(by) >= WRONG_STATEMENTS:
            current_context().notes["refused"] = "too many statements without a match"
            return Opening(Answer.TOO_MANY)
        key = patient_stated(request.whom)
        if key is None:
            BreakGlassAttempt.objects.create(user=by)
            current_context().notes["results"] = 0
            return Opening(Answer.NO_MATCH)
        if open_break_glass(by).filter(patient=key).exists():
            return Opening(Answer.IS_OPEN_ALREADY, key)
        if can(by, Act.OPEN_RECORD, key):
            return Opening(Answer.NEEDS_NO_GLASS, key)
        _open(by, key, request)
    return Opening(Answer.OPENED, key)


def end_break_glass(*, by: User, patient_id: uuid.UUID, key: uuid.UUID) -> BreakGlass:
    """End an opening before its time, by its author or by a lead of the patient's team; the next request is refused.

    Raises: NotVisible to anybody else, to an author without a role (``end_openings_of_former_role`` ends it), and for
    what has ended already.
    """
    with transaction.atomic():
        glass = glass_to_end(by, patient_id, key)
        if glass is None:
            raise NotVisible("No such opening.")
        # Afterwards nothing explains to the trail why its author had this row before them.
        current_context().explain(explain_access(by, [patient_id]))
        _end(glass, by)
    return glass


def end_openings_of_former_role(author: User) -> int:
    """End what somebody has open by break-glass since before a role of theirs that may break it was ended; how many.

    Without a role it opens nothing anyway; this keeps it from opening again when a role is given back within its hours.
    They state their reason anew. Ended in the name of whoever ended the role, and the trail says why. Only background
    work may call it: administrators, who end roles, see no opening.
    """
    ended = Membership.objects.filter(
        user=author,
        role__in=sorted(roles_that_may(Act.BREAK_GLASS)),
        # One that was ended before its first day was never a role to outlive.
        ended_at__date__gte=F("starts_on"),
    )
    openings = BreakGlass.objects.filter(
        Exists(ended.filter(ended_at__gte=OuterRef("opened_at"))),
        created_by=author,
        ended_at__isnull=True,
        ends_at__gt=timezone.now(),
    )
    # Almost always there is none, and nothing of anybody is loaded.
    if not openings.exists():
        return 0
    current_context().reason = "Break-glass ended: a role of its author was ended"
    found = list(openings.select_for_update(of=("self",)))
    for glass in found:
        first = ended.select_related("ended_by").filter(ended_at__gte=glass.opened_at).earliest("ended_at")
        _end(glass, first.ended_by)
    return len(found)


def _end(glass: BreakGlass, by: User | None) -> None:
    # The clock of the host that opened it may be ahead of this one's, and its time may run out while a lock is waited for.
    glass.ended_at = min(max(timezone.now(), glass.opened_at), glass.ends_at)
    glass.ended_by = by
    glass.save()


def _require_grounds(request: BreakGlassRequest) -> None:
    if request.reason not in BreakGlass.Reason.values:
        raise DomainError("Choose why it cannot wait.", field="reason")
    if len(visible_text(request.sentence)) < SHORTEST_SENTENCE:
        raise DomainError(
            f"Say in a sentence of at least {SHORTEST_SENTENCE} characters why you need this record.",
            field="sentence",
        )
    if not timedelta(0) < timedelta(hours=request.hours) <= LONGEST:
        raise DomainError("Choose a time of at most four hours.", field="hours")


def _tell_trail(request: BreakGlassRequest) -> None:
    context = current_context()
    context.action = LogEntry.Action.SEARCH
    context.notes["terms"] = request.whom.digest()
    # The code alone: the sentence may say more than every reader of the trail should know.
    context.reason = f"Break-glass: {BreakGlass.Reason(request.reason).label}"


def _sent_before(by: User, request: BreakGlassRequest) -> Opening | None:
    mine = BreakGlass.objects.filter(created_by=by, submission_key=request.submission_key)
    if not mine.exists():
        return None
    still_open = open_break_glass(by).filter(submission_key=request.submission_key).first()
    if still_open is None:
        raise DomainError(
            "This page has opened a record already, and its time is over. Open the page again and give your reason anew."
        )
    # The same words whether the other statement fits somebody or nobody.
    if patient_stated(request.whom) != still_open.patient_id:
        raise DomainError(
            "This page has opened a record already, of somebody else. Open the page again and give your reason anew."
        )
    return Opening(Answer.OPENED, still_open.patient_id)


def _wrong_statements(by: User) -> int:
    return BreakGlassAttempt.objects.filter(user=by, at__gt=timezone.now() - COUNTED_FOR).count()


def _open(by: User, key: uuid.UUID, request: BreakGlassRequest) -> None:
    # The clock of the host that ended the last one may be ahead of this one's.
    last = BreakGlass.objects.filter(created_by=by, patient=key).order_by("-opened_at").first()
    now = max(timezone.now(), last.over_at) if last else timezone.now()
    role = next(m for m in working_memberships(by) if Act.BREAK_GLASS in ACTS_OF_ROLE[m.role])
    glass = BreakGlass.objects.create(
        patient_id=key,
        reason=request.reason,
        sentence=request.sentence.strip(),
        opened_as=f"{role.role}, {role.team}, {role.organisation}",
        opened_at=now,
        ends_at=now + timedelta(hours=request.hours),
        review_due_at=review_due_at(now),
        submission_key=request.submission_key,
        **authorship(by),
    )
    patient = Patient.objects.select_related("team").only("reference", "team").get(pk=key)
    tell_opened(glass, patient)
    ask_for_review(glass, patient)
