"""What one user may do on one patient, found once a request: the patient, their cases and the user's part in them.

The same rule as ``cases.permissions`` in another shape, for the pages on which people wait; a property test holds both
equal. What is found stays with the patient object, so ``can`` need not ask again; the next request asks anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import User, cleared_membership
from accounts.roles import ACTS_OF_ROLE, READING_ACTS, Act, roles_that_may
from accounts.selectors import may, working_memberships
from audit.context import current_context
from audit.providers import Relationship, Standing
from cases.models import BreakGlass, Case, Patient
from cases.permissions import last_closing_day, team_relationship, visible_patients
from cases.selectors.break_glass import note_open_glass, with_open_glass
from core.prepared import Prepared, Read, read_together


@dataclass(frozen=True, slots=True)
class Access:
    """What ``user`` (a key) may do on ``patient`` now; ``open_case`` is the one under which a working act is done."""

    user: int
    patient: Patient
    acts: Collection[Act]
    open_case: Case | None = None

    def may_under_open_case(self, act: Act) -> bool:
        """Whether the role that came with this very case carries the act; another role may carry it elsewhere."""
        return self.open_case is not None and act in ACTS_OF_ROLE[self.open_case.user_role]  # type: ignore[attr-defined]


def find_access(user: User, key: uuid.UUID) -> Access | None:
    """The user's access to this patient, which explains itself to the trail; None where they may not know them.

    One statement for who works in the team; exceptions for one person and break-glass take the longer way.
    """
    today = timezone.localdate()
    reads: list[Read[Any]] = [
        _CASES_IN_SIGHT(patient=key, user=user.pk, today=today, closed_since=last_closing_day())
    ]
    if may(user, Act.BREAK_GLASS):  # spares everybody else's pages the question
        reads.append(_OPEN_GLASS(patient=key, user=user.pk, now=timezone.now()))
    cases, *glass = read_together(*reads)
    if not cases:
        return _by_exception(user, key)
    access = _by_team(user, cases)
    note_open_glass(access.patient, next((opening for found in glass for opening in found), None))
    return access


def explain_cases(user: User, cases: Iterable[Case]) -> None:
    """Tell the trail why these open cases of the user's own teams are listed, with the patient of each loaded."""
    parts = {m.team_id: m for m in working_memberships(user) if Act.OPEN_RECORD in ACTS_OF_ROLE[m.role]}
    current_context().explain(
        {
            case.patient_id: Relationship(
                team_relationship(part.role, None),
                case.patient.reference,
                Standing(part.role, part.team.name, part.organisation.name),
                reads_clinical=Act.READ_CLINICAL in ACTS_OF_ROLE[part.role],
            )
            for case in cases
            if (part := parts.get(case.team_id)) and part.team
        }
    )


def access_found(user: User, patient: Patient | uuid.UUID) -> Access | None:
    """What ``find_access`` found for this very patient object, if it was asked for this user."""
    found = patient.found_access if isinstance(patient, Patient) else None
    return found if isinstance(found, Access) and found.user == user.pk else None


def required_access(user: User, patient: Patient) -> Access:
    """For a page behind ``patient_page``, whose gate has found it. Raises: LookupError for any other patient object."""
    found = access_found(user, patient)
    if found is None:
        raise LookupError("This patient did not come through the gate.")
    return found


def _cases_in_sight(patient: uuid.UUID, user: int, today: date, closed_since: date) -> QuerySet[Case]:
    """A row for each case and each role of the user in its team, the most telling one last.

    All conditions on memberships must go into one ``filter`` call, and those on grants with them.
    """
    return (
        Case.objects.filter(
            cleared_membership("team__memberships__", today=today),
            Q(closed_on__isnull=True) | Q(closed_on__gte=closed_since),
            patient=patient,
            patient__grants__group=F("team__group"),
            team__memberships__user=user,
            team__memberships__role__in=roles_that_may(Act.OPEN_RECORD),
        )
        .annotate(
            user_role=F("team__memberships__role"),
            user_organisation=F("team__memberships__organisation__name"),
        )
        .select_related("patient", "team", "clinical_mentor", "police_mentor")
        .order_by(F("closed_on").asc(nulls_last=True), "-opened_on", "-id")
    )


_CASES_IN_SIGHT = Prepared(_cases_in_sight, patient=uuid.UUID, user=int, today=date, closed_since=date)


_OPEN_GLASS = Prepared(
    lambda patient, user, now: BreakGlass.objects.filter(
        patient=patient, created_by=user, ended_at__isnull=True, ends_at__gt=now
    ).order_by("-ends_at")[:1],
    patient=uuid.UUID,
    user=int,
    now=datetime,
)


def _by_team(user: User, cases: list[Case]) -> Access:
    acts: set[Act] = set()
    for case in cases:
        may_do = ACTS_OF_ROLE[case.user_role]  # type: ignore[attr-defined]
        acts |= may_do if case.is_open else may_do & READING_ACTS
    if missing := {act for act in READING_ACTS - acts if may(user, act)}:
        # A role elsewhere would carry it: an exception may give it here.
        key = cases[-1].patient_id
        acts |= {act for act in missing if visible_patients(user, act).filter(pk=key).exists()}
    case = cases[-1]
    role: str = case.user_role  # type: ignore[attr-defined]
    relationship = Relationship(
        team_relationship(role, case.closed_on),
        case.patient.reference,
        Standing(role, case.team.name, case.user_organisation),  # type: ignore[attr-defined]
        reads_clinical=Act.READ_CLINICAL in acts,
    )
    current_context().explain({case.patient_id: relationship})
    return _kept(Access(user.pk, case.patient, frozenset(acts), case if case.is_open else None))


def _by_exception(user: User, key: uuid.UUID) -> Access | None:
    patient = with_open_glass(user, visible_patients(user).filter(pk=key)).first()
    if patient is None:
        return None
    acts = {act for act in READING_ACTS if visible_patients(user, act).filter(pk=key).exists()}
    return _kept(Access(user.pk, patient, frozenset(acts)))


def _kept(access: Access) -> Access:
    access.patient.found_access = access
    return access
