"""Who may see whom: a role and a current relationship, from one rule in SQL.

``visible_patients`` lists with it, ``can`` asks it about one patient, ``explain_access`` says why for the trail.
Guardian's own shortcuts and backend are not used: they follow group membership without dates.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from guardian.shortcuts import assign_perm

from accounts.models import Membership, MembershipQuerySet, Team, User, cleared_membership
from accounts.roles import (
    ACTS_OF_ROLE,
    READING_ACTS,
    Act,
    Role,
    roles_that_may,
)
from accounts.selectors import may
from audit.providers import Relationship, Standing
from cases.models import (
    BreakGlass,
    Patient,
    PatientGroupObjectPermission,
    PatientUserObjectPermission,
)
from core.access_guard import permit_statements
from core.acting import asking_about
from core.models import GuardedQuerySet

_MEMBERS = "group__team__memberships__"
BREAK_GLASS = "break-glass"
# An IG officer reads entries and alerts, finds the person they are about and reviews break-glass; no record.
_KINDS_FOR_REVIEW = frozenset(
    {
        "audit.Alert",
        "audit.AlertStep",
        "audit.EntrySubject",
        "cases.Patient",
        "cases.OtherName",
        "cases.BreakGlass",
        "cases.BreakGlassReview",
    }
)


def visible_patients(user: User, act: Act = Act.OPEN_RECORD) -> GuardedQuerySet[Patient]:
    """The patients on whom the user may do this now.

    A current membership whose role carries the act and whose staff checks are in date, in a team with a grant on the
    patient and an open case of that patient; reading acts remain for 28 days after the case closed (S30). An exception
    for one person counts like the team's grant until it expires, for reading only; so does break-glass until it ends
    (S31).
    """
    return Patient.objects.filter(_may(user, act))


def can(user: User, act: Act, patient: Patient | uuid.UUID) -> bool:
    """Whether the user may do this on this patient now, whoever asks; the same rule as ``visible_patients``.

    A patient object that came with this user's access (cases.selectors.access) answers from there.
    """
    if isinstance(patient, Patient) and (found := patient.found_access) and found.user == user.pk:
        return act in found.acts
    key = patient.pk if isinstance(patient, Patient) else patient
    with asking_about(user.pk):
        return visible_patients(user, act).filter(pk=key).exists()


def _may(user: User, act: Act) -> Q:
    grants = PatientGroupObjectPermission.objects.filter(
        cleared_membership(_MEMBERS),
        _case_allows(act),
        content_object=OuterRef("pk"),
        **{f"{_MEMBERS}user": user, f"{_MEMBERS}role__in": roles_that_may(act)},
    )
    allowed = Q(Exists(grants))
    if act in READING_ACTS:
        allowed |= Q(Exists(_exceptions(user, act).filter(content_object=OuterRef("pk"))))
        if may(user, Act.BREAK_GLASS):  # spares everybody else's pages the question
            allowed |= Q(Exists(open_break_glass(user, act).filter(patient=OuterRef("pk"))))
    return allowed


def _case_allows(act: Act) -> Q:
    """The case is of the same patient and team as the grant; all conditions must go into one ``filter`` call."""
    # Joined through the team's cases; the outer patient ties the case to the grant's own patient.
    of_patient = Q(group__team__cases__patient=OuterRef("pk"))
    is_open = Q(group__team__cases__closed_on__isnull=True)
    if act in READING_ACTS:
        return of_patient & (is_open | Q(group__team__cases__closed_on__gte=last_closing_day()))
    return of_patient & is_open


def last_closing_day() -> date:
    """A case that closed on this day or later may still be read."""
    return timezone.localdate() - timedelta(days=settings.CLOSED_CASE_READ_DAYS)


def _exceptions(user: User, act: Act) -> GuardedQuerySet[PatientUserObjectPermission]:
    return PatientUserObjectPermission.objects.filter(  # type: ignore[return-value]
        user=user,
        user__is_active=True,
        expires_at__gt=timezone.now(),
    ).filter(Exists(Membership.objects.cleared().filter(user=user, role__in=roles_that_may(act))))


def open_break_glass(user: User, act: Act = Act.OPEN_RECORD) -> GuardedQuerySet[BreakGlass]:
    """The user's openings by break-glass that let them do this now; only a role that may break the glass counts.

    It opens what the role opens (``READ_CLINICAL`` to clinical roles) and nothing that writes.
    """
    return BreakGlass.objects.filter(
        created_by=user,
        created_by__is_active=True,
        ended_at__isnull=True,
        ends_at__gt=timezone.now(),
    ).filter(Exists(_roles_under_break_glass(user, act)))


def _roles_under_break_glass(user: User, act: Act) -> MembershipQuerySet:
    roles = set(roles_that_may(Act.BREAK_GLASS)) & set(roles_that_may(act))
    return Membership.objects.cleared().filter(user=user, role__in=sorted(roles))


def is_under_break_glass_alone(user: User, patient: Patient | uuid.UUID) -> bool:
    """Whether nothing but break-glass lets the user read this patient's record now."""
    key = patient.pk if isinstance(patient, Patient) else patient
    explained = explain_access(user, [key]).get(key)
    return explained is not None and explained.name == BREAK_GLASS


def reads_clinical(user: User, patient: Patient | uuid.UUID) -> bool:
    """Whether clinical-only text of this patient may leave the database for this user (S12)."""
    return can(user, Act.READ_CLINICAL, patient)


def patients_under_review(user: User) -> GuardedQuerySet[Patient]:
    """The patients whose trail an IG officer may read: those of teams in which the officer's organisation takes part.

    For the trail only: it opens no record.
    """
    officer = Membership.objects.cleared().filter(user=user, role__in=roles_that_may(Act.READ_TRAIL))
    return Patient.objects.filter(
        Exists(
            officer.filter(Q(organisation=OuterRef("team__trust")) | Q(organisation=OuterRef("team__force")))
        )
    )


def grant_to_team(patient: Patient, team: Team) -> None:
    """Let the team's group see the patient. Called by the service that opens a case; recorded as a change."""
    assign_perm("view_patient", team.group, patient)


def explain_access(user: User | None, patients: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Relationship]:
    """For the trail: why the user may see each of these patients now. Those they may not see are left out."""
    if user is None:
        return {}
    # Spares officers and members the statements that could not find anything for them.
    is_member, is_officer = may(user, Act.OPEN_RECORD), may(user, Act.READ_TRAIL)
    found: dict[uuid.UUID, Relationship] = {}
    with permit_statements():
        if is_member:
            found = _explain_by_team(user, patients)
            if missing := set(patients) - set(found):
                found |= _explain_by_exception(user, missing)
            if may(user, Act.BREAK_GLASS) and (missing := set(patients) - set(found)):
                found |= _explain_by_break_glass(user, missing)
        if is_officer and (missing := set(patients) - set(found)):
            found |= _explain_by_review(user, missing)
    return found


def _explain_by_team(user: User, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Relationship]:
    rows = (
        PatientGroupObjectPermission.objects.filter(
            cleared_membership(_MEMBERS),
            Q(group__team__cases__patient=F("content_object")),
            Q(group__team__cases__closed_on__isnull=True)
            | Q(group__team__cases__closed_on__gte=last_closing_day()),
            content_object__in=patients,
            **{
                f"{_MEMBERS}user": user,
                f"{_MEMBERS}role__in": roles_that_may(Act.OPEN_RECORD),
            },
        )
        .values_list(
            "content_object_id",
            "content_object__reference",
            f"{_MEMBERS}role",
            "group__team__name",
            f"{_MEMBERS}organisation__name",
            "group__team__cases__closed_on",
        )
        # An open case explains better than a closed one: later rows win below.
        .order_by(F("group__team__cases__closed_on").asc(nulls_last=True))
    )
    return {
        key: Relationship(
            team_relationship(role, closed),
            reference,
            Standing(role, team, organisation),
            reads_clinical=Act.READ_CLINICAL in ACTS_OF_ROLE[role],
        )
        for key, reference, role, team, organisation, closed in rows
    }


def team_relationship(role: str, closed_on: date | None) -> str:
    """The trail's word for a part in the team."""
    if closed_on is not None:
        return "closed case"
    return "supervision" if role in (Role.CLINICAL_LEAD, Role.DEPUTY_LEAD) else "case team"


def _explain_by_exception(user: User, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Relationship]:
    rows = _exceptions(user, Act.OPEN_RECORD).filter(content_object__in=patients)
    return {
        key: Relationship("exception", reference, reads_clinical=bool(_exceptions(user, Act.READ_CLINICAL)))
        for key, reference in rows.values_list("content_object_id", "content_object__reference")
    }


def _explain_by_break_glass(user: User, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Relationship]:
    rows = open_break_glass(user).filter(patient__in=patients).values_list("patient_id", "patient__reference")
    is_clinical = _roles_under_break_glass(user, Act.READ_CLINICAL).exists()
    return {key: Relationship(BREAK_GLASS, reference, reads_clinical=is_clinical) for key, reference in rows}


def _explain_by_review(user: User, patients: Collection[uuid.UUID]) -> dict[uuid.UUID, Relationship]:
    rows = patients_under_review(user).filter(pk__in=patients).values_list("pk", "reference")
    return {key: relationship_of_review(reference) for key, reference in rows}


def relationship_of_review(reference: str) -> Relationship:
    """What an IG officer's review covers: entries, and finding the person they are about."""
    return Relationship("IG review", reference, only_kinds=_KINDS_FOR_REVIEW)
