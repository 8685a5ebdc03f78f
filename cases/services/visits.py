"""Visits: planned, changed, and what became of them. A visit that happened is recorded by its contact (services.contacts)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team, User
from accounts.roles import Act
from cases.models import Case, Patient, Visit, VisitOutcome, VisitParticipant
from cases.models.visit import Purpose
from cases.selectors.patients import open_case_for
from cases.selectors.visits import Colleague, colleagues, day_bounds, outcome_of
from cases.services.authorship import authorship, require
from core.due import Due, announce, reschedule, settle
from core.errors import DomainError, NotVisible, VersionClash
from core.formatting import clock_time

VISIT_DUE = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlan:
    """What a visit is planned to be. ``participants`` are colleagues of the team."""

    planned_for: datetime
    purpose: str
    participants: Sequence[User]
    place: str = ""


def plan_visit(
    *, by: User, patient: Patient, plan: VisitPlan, submission_key: uuid.UUID | None = None
) -> Visit:
    """Plan a visit and remind those who take part on the day. A second send with the same key returns the first.

    Raises: DomainError when nobody takes part, when somebody named is not in the team today, when the day has
    passed, and when police would take part in planned therapeutic work (S10).
    """
    case = required_case(by, Act.PLAN_VISIT, patient)
    key = submission_key or uuid.uuid4()
    if (saved := _sent_before(by, patient, key)) is not None:
        return saved
    taking_part = _checked(case.team, plan)
    with transaction.atomic():
        try:
            with transaction.atomic():
                visit = Visit.objects.create(
                    patient=patient,
                    case=case,
                    submission_key=key,
                    **_columns(plan, taking_part),
                    **authorship(by),
                )
        except IntegrityError:
            # The same form was sent twice at the same moment: the other send has saved it.
            saved = _sent_before(by, patient, key)
            if saved is None:
                raise
            return saved
        _add_participants(visit, taking_part, by)
        announce(_due(visit, taking_part))
    return visit


def change_visit(*, by: User, visit: Visit, version: int, plan: VisitPlan) -> Visit:
    """Change a visit of which no outcome is recorded; ``version`` is the one the user had in front of them.

    Raises: VersionClash when somebody changed it since; DomainError like ``plan_visit``, and when it is over.
    """
    case = required_case(by, Act.PLAN_VISIT, visit.patient_id)
    with transaction.atomic():
        current = _waiting_visit(visit.pk)
        if current.version != version:
            raise VersionClash("Somebody else changed this visit after you opened it.", field=None)
        taking_part = _checked(case.team, plan, is_new_day=plan.planned_for != current.planned_for)
        # The constraint holds at every step: police leave before the purpose changes, and join after.
        staying = {colleague.user.pk for colleague in taking_part}
        for row in VisitParticipant.objects.filter(visit=current):
            if row.user_id not in staying:
                row.delete()
        for name, value in _columns(plan, taking_part).items():
            setattr(current, name, value)
        current.version = version + 1
        current.save()
        _add_participants(current, taking_part, by)
        reschedule(_due(current, taking_part))
    return current


def record_visit_outcome(*, by: User, visit: Visit, kind: str, note: str) -> VisitOutcome:
    """Say that a visit did not take place: attempted, declined or cancelled, with a note. Settles its reminder.

    That it happened is recorded by logging its contact. Raises: DomainError without a note, for any other kind, or
    when the outcome is recorded already.
    """
    require(by, Act.LOG_CONTACT, visit.patient_id)
    if kind not in {VisitOutcome.Kind.ATTEMPTED, VisitOutcome.Kind.DECLINED, VisitOutcome.Kind.CANCELLED}:
        raise DomainError("Log the contact to record that a visit happened.", field="kind")
    if not note.strip():
        raise DomainError("Say in a few words why the visit did not take place.", field="note")
    with transaction.atomic():
        return close_visit(by=by, visit=_waiting_visit(visit.pk), kind=kind, note=note)


def close_visit(*, by: User, visit: Visit, kind: str, note: str = "") -> VisitOutcome:
    """Record the outcome of a locked visit and settle its reminder. For services, which have checked the right."""
    outcome = VisitOutcome.objects.create(
        patient_id=visit.patient_id, visit=visit, kind=kind, note=note, **authorship(by)
    )
    settle(kind=VISIT_DUE, subject=visit_subject(visit))
    return outcome


def is_planned_so(visit: Visit, plan: VisitPlan) -> bool:
    """Whether the visit is what this plan says."""
    same = (visit.planned_for, visit.purpose, visit.place) == (plan.planned_for, plan.purpose, plan.place)
    rows = VisitParticipant.objects.filter(visit=visit)
    return same and {row.user_id for row in rows} == {user.pk for user in plan.participants}


def visit_subject(visit: Visit) -> str:
    """How reminders name a visit."""
    return f"cases.visit:{visit.pk}"


def required_case(by: User, act: Act, patient: Patient | uuid.UUID) -> Case:
    """The open case under which the user does this.

    Raises: NotVisible or NotAllowed like ``require``.
    """
    require(by, act, patient)
    case = open_case_for(by, patient, act)
    if case is None:
        raise NotVisible("No such case.")
    return case


def refuse_police_at_therapeutic_work(purpose: str, taking_part: Iterable[Colleague]) -> None:
    """S10: police do not take part in planned therapeutic work (NHS England's position of 10 March 2023).

    Raises: DomainError that says why, and what can be done instead.
    """
    police = [str(colleague.user) for colleague in taking_part if colleague.is_police]
    if purpose != Purpose.THERAPEUTIC or not police:
        return
    raise DomainError(
        f"This visit cannot be planned with {_listed(police)}: police do not take part in planned therapeutic work. "
        "NHS England said on 10 March 2023 that this practice must end. Plan the therapeutic visit with clinicians "
        "only; for joint work, plan a separate visit with the purpose it has, for example practical support.",
        field="participants",
    )


def _checked(team: Team, plan: VisitPlan, *, is_new_day: bool = True) -> list[Colleague]:
    if plan.purpose not in Purpose.values:
        raise DomainError("Choose what the visit is for.", field="purpose")
    today, _ = day_bounds(timezone.localdate())
    if is_new_day and plan.planned_for < today:
        raise DomainError(
            "A visit is planned for today or later. To record the past, log a contact.", field="planned_on"
        )
    taking_part = members_named(team, plan.participants)
    for colleague in taking_part:
        if not colleague.is_cleared:
            raise DomainError(
                f"{colleague.user} cannot take part: a staff check of theirs has lapsed.",
                field="participants",
            )
    if not taking_part:
        raise DomainError("Choose at least one person who takes part.", field="participants")
    refuse_police_at_therapeutic_work(plan.purpose, taking_part)
    return taking_part


def members_named(
    team: Team,
    users: Iterable[User],
    *,
    field: str = "participants",
    members: Iterable[Colleague] | None = None,
) -> list[Colleague]:
    """The named colleagues with the part they have in the team today; ``members`` are its people, if found already.

    Raises: DomainError for somebody who does not work in the team today.
    """
    found = colleagues(team) if members is None else members
    here = {colleague.user.pk: colleague for colleague in found}
    named = {user.pk: user for user in users}
    for key, user in named.items():
        if key not in here:
            raise DomainError(f"{user} does not work in {team} today.", field=field)
    return [here[key] for key in named]


def _columns(plan: VisitPlan, taking_part: Iterable[Colleague]) -> dict[str, object]:
    return {
        "planned_for": plan.planned_for,
        "purpose": plan.purpose,
        "place": plan.place,
        "has_police": any(colleague.is_police for colleague in taking_part),
    }


def _sent_before(by: User, patient: Patient, submission_key: uuid.UUID) -> Visit | None:
    visit = Visit.objects.filter(created_by=by, submission_key=submission_key).first()
    if visit is not None and visit.patient_id != patient.pk:
        raise DomainError("This page was already used for somebody else. Plan a new visit for this person.")
    return visit


def _waiting_visit(key: uuid.UUID) -> Visit:
    """The visit, locked, so that two outcomes or changes stand in line."""
    # The outcome is read after the lock: joined, it would be as it was before the wait for it.
    visit = Visit.objects.select_for_update(of=("self",)).get(pk=key)
    outcome = outcome_of(visit)
    if outcome is not None:
        raise DomainError(
            f"The outcome of this visit is recorded already: {outcome.get_kind_display().lower()}."
        )
    return visit


def _add_participants(visit: Visit, taking_part: Iterable[Colleague], by: User) -> None:
    kept = {row.user_id: row for row in VisitParticipant.objects.filter(visit=visit)}
    for colleague in taking_part:
        row = kept.get(colleague.user.pk)
        if row is None:
            VisitParticipant.objects.create(
                patient_id=visit.patient_id,
                visit=visit,
                user=colleague.user,
                is_police=colleague.is_police,
                **authorship(by),
            )
        elif row.is_police != colleague.is_police:
            row.is_police = colleague.is_police
            row.save()


def _due(visit: Visit, taking_part: Iterable[Colleague]) -> Due:
    """From the first moment of its day, a visit waits with everybody who takes part."""
    day_starts, _ = day_bounds(timezone.localdate(visit.planned_for))
    return Due(
        kind=VISIT_DUE,
        subject=visit_subject(visit),
        at=day_starts,
        recipients=[colleague.user for colleague in taking_part],
        text=f"Visit at {clock_time(visit.planned_for)}: {visit.get_purpose_display().lower()}",
        link=reverse("cases:visit", args=[visit.patient_id, visit.pk]),
        patient_id=visit.patient_id,
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
