"""Visits, and the colleagues who can take part in them. Contacts are read in selectors.contacts."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch
from django.utils import timezone

from accounts.models import Membership, Team, User, current_membership
from accounts.roles import Act, Role, roles_that_may
from cases.models import Case, Contact, Patient, Visit, VisitOutcome, VisitParticipant
from cases.permissions import visible_patients
from core.due import due_moment
from core.models import GuardedQuerySet
from core.prepared import Prepared, read_together

# A visit without an outcome stays in sight this long; older gaps are found in the timeline.
MOST_UPCOMING = 20


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works with patients in a team today; ``is_police`` follows from their role there.

    ``is_cleared``: their staff checks are in date. What happened is recorded whoever took part; work to come is planned
    with those alone whose checks are (S30).
    """

    user: User
    is_police: bool
    is_cleared: bool = True


def colleagues(team: Team) -> list[Colleague]:
    """Who may be named as having taken part: those whose role in the team today carries work with patients.

    Somebody who holds two roles counts as police if one of them is: the rule on police presence must not be
    passed by a second role, nor by a check that has lapsed.
    """
    (memberships,) = read_together(_WORKING_IN(team=team.pk, today=timezone.localdate()))
    found: dict[int, Colleague] = {}
    for membership in memberships:
        before = found.get(membership.user_id)
        is_police = membership.role == Role.POLICE_MENTOR or (before is not None and before.is_police)
        is_cleared = membership.is_cleared or (before is not None and before.is_cleared)
        found[membership.user_id] = Colleague(membership.user, is_police, is_cleared)
    return list(found.values())


def colleagues_in(case: Case) -> list[Colleague]:
    """The same for a case's team, found once for this case object: a form and its service both ask."""
    found: list[Colleague] | None = vars(case).get("_colleagues")
    if found is None:
        found = vars(case)["_colleagues"] = colleagues(case.team)
    return found


_WORKING_IN = Prepared(
    lambda team, today: (
        Membership.objects.filter(
            current_membership(today=today), team=team, role__in=roles_that_may(Act.LOG_CONTACT)
        )
        .select_related("user__organisation")
        .order_by("user__last_name", "user__first_name", "user_id")
    ),
    team=int,
    today=dt.date,
)


def colleagues_to_plan_with(team: Team, visit: Visit | None = None) -> list[Colleague]:
    """Who may take part in a visit to come: colleagues whose staff checks are in date.

    Whoever takes part in ``visit`` already stays among them, so that a form shows whom it would have to replace.
    """
    there = {row.user_id for row in visit.participants.all()} if visit is not None else set()
    return [c for c in colleagues(team) if c.is_cleared or c.user.pk in there]


def people_of_contact(members: list[Colleague], contact: Contact) -> list[Colleague]:
    """The team today, and those who were at this contact and have left since."""
    here = {member.user.pk for member in members}
    gone = [
        Colleague(row.user, row.is_police) for row in contact.participants.all() if row.user_id not in here
    ]
    return members + gone


def visits_of(user: User, patient: Patient) -> GuardedQuerySet[Visit]:
    """The patient's visits, with participants and outcome."""
    return _with_details(Visit.objects.filter(patient=patient, patient__in=visible_patients(user)))


def visit_of(user: User, patient: Patient, visit_id: uuid.UUID) -> Visit | None:
    """One visit of this patient; None for any other key."""
    return visits_of(user, patient).filter(pk=visit_id).first()


def visits_today(user: User) -> GuardedQuerySet[Visit]:
    """The user's own visits of today (London's day), in order, with the patient; done ones among them."""
    start, end = day_bounds(timezone.localdate())
    return (
        _with_details(
            Visit.objects.filter(
                Exists(VisitParticipant.objects.filter(visit=OuterRef("pk"), user=user)),
                patient__in=visible_patients(user),
                planned_for__gte=start,
                planned_for__lt=end,
            )
        )
        .select_related("patient")
        .order_by("planned_for", "pk")
    )


def visits_to_log(user: User, patient: Patient) -> GuardedQuerySet[Visit]:
    """Visits of the last week and today that nobody has said anything about: a contact may belong to one of them."""
    today = timezone.localdate()
    start, _ = day_bounds(today - dt.timedelta(days=7))
    _, end = day_bounds(today)
    waiting = visits_of(user, patient).filter(
        planned_for__gte=start, planned_for__lt=end, outcome__isnull=True, contact__isnull=True
    )
    return waiting.order_by("-planned_for", "pk")[:3]


def outcome_of(visit: Visit) -> VisitOutcome | None:
    """What became of a visit that these selectors loaded."""
    outcome: VisitOutcome | None = getattr(visit, "outcome", None)
    return outcome


def day_bounds(on: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """The first moment of a London day and of the next one; 23 or 25 hours apart when the clocks change."""
    return _midnight(on), _midnight(on + dt.timedelta(days=1))


def _midnight(on: dt.date) -> dt.datetime:
    return due_moment(on, dt.time.min)


def _with_details(visits: GuardedQuerySet[Visit]) -> GuardedQuerySet[Visit]:
    participants = VisitParticipant.objects.select_related("user").order_by(
        "user__last_name", "user__first_name"
    )
    detailed: GuardedQuerySet[Visit] = visits.select_related(
        "created_by", "outcome__created_by"
    ).prefetch_related(Prefetch("participants", participants))
    return detailed
