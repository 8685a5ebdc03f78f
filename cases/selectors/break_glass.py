"""Openings by break-glass: whom a statement means, what one user has open now, and what waits for a reviewer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone

from accounts.line import is_led_by, leaders_of
from accounts.models import Membership, User
from accounts.roles import Act, Role
from accounts.selectors import may, teams_in_which
from audit.context import current_context
from audit.selectors import Line, trail_of_worker_about
from audit.writing import keyed_digest
from cases import look_ups
from cases.models import BreakGlass, BreakGlassReview, Patient
from cases.permissions import BREAK_GLASS, open_break_glass, patients_under_review
from core.formatting import local_day
from core.models import GuardedQuerySet

# Whoever reviews is not asked for more than what the review itself shows.
REVIEWING = "break-glass review"
MOST_TO_REVIEW = 50
# For the list; the page of one counts from the day it was opened, as the database does.
LATELY = timedelta(days=28)
CLOCKS_APART = timedelta(minutes=2)
_KINDS = ("cases.BreakGlass", "cases.BreakGlassReview", "cases.Patient", "audit.EntrySubject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Whom somebody says they need: a reference, or an NHS number or a full name with the date of birth."""

    reference: str = ""
    nhs_number: str = ""
    full_name: str = ""
    date_of_birth: date | None = None

    def digest(self) -> str:
        """What the trail keeps of it; equal to that of the same terms in the search for patients."""
        born = self.date_of_birth.isoformat() if self.date_of_birth else ""
        return keyed_digest(f"{self.reference or self.nhs_number or self.full_name} {born}")


@dataclass(frozen=True, slots=True)
class OpenGlass:
    """What the banner of a patient's pages says."""

    key: uuid.UUID
    patient_id: uuid.UUID
    ends_at: datetime
    reason: str


def patient_stated(statement: Statement) -> uuid.UUID | None:
    """The key of the one patient whom a statement names exactly; None where there is none, or more than one.

    Capitals and spaces between names do not count; a preferred, a former or another name counts like the name.
    Nothing else about anybody leaves the database.
    """
    name = " ".join(statement.full_name.lower().split())
    return look_ups.patient_stated(
        reference=statement.reference,
        nhs_number=statement.nhs_number,
        full_name=name,
        born=statement.date_of_birth,
    )


def with_open_glass(user: User, patients: GuardedQuerySet[Patient]) -> GuardedQuerySet[Patient]:
    """The same patients, each knowing what ``open_glass_of`` asks; no statement of its own."""
    if not may(user, Act.BREAK_GLASS):
        return patients
    mine = open_break_glass(user).filter(patient=OuterRef("pk")).order_by("-ends_at")
    noted: Any = patients.annotate(
        glass_key=Subquery(mine.values("pk")[:1]),
        glass_ends_at=Subquery(mine.values("ends_at")[:1]),
        glass_reason=Subquery(mine.values("reason")[:1]),
    )
    found: GuardedQuerySet[Patient] = noted
    return found


def note_open_glass(patient: Patient, glass: BreakGlass | None) -> None:
    """The same for a patient whose opening was loaded beside them."""
    if glass is not None:
        vars(patient).update(glass_key=glass.pk, glass_ends_at=glass.ends_at, glass_reason=glass.reason)


def open_glass_of(patient: Patient) -> OpenGlass | None:
    """The break-glass under which this patient, loaded through ``with_open_glass``, is being read. Makes no query."""
    loaded = vars(patient)
    if not loaded.get("glass_key"):
        return None
    reason = BreakGlass.Reason(loaded["glass_reason"]).label
    return OpenGlass(loaded["glass_key"], patient.pk, loaded["glass_ends_at"], str(reason))


def open_glasses(user: User) -> GuardedQuerySet[BreakGlass]:
    """What the user has open by break-glass now, with its patient; the first to end first."""
    return open_break_glass(user).select_related("patient").order_by("ends_at", "pk")


def break_glass_of(user: User, patient_id: uuid.UUID, key: uuid.UUID) -> BreakGlass | None:
    """One opening for its review page: to leads of the patient's team and to IG officers of its organisations."""
    found = _in_my_charge(user).filter(pk=key, patient=patient_id).first()
    if found is not None:
        _tell_trail([found])
    return found


def break_glass_to_review(user: User) -> list[BreakGlass]:
    """Openings that the user may review and nobody has reviewed, the earliest due first.

    None of the user's own, and none by somebody who leads or has lately led the user (``accounts.line``).
    """
    if not may(user, Act.REVIEW_BREAK_GLASS):
        return []
    others = _in_my_charge(user).filter(review__isnull=True)
    barred = {user.pk, *leaders_of(user, timezone.localdate() - LATELY)}
    waiting = list(others.exclude(created_by__in=barred).order_by("review_due_at", "pk")[:MOST_TO_REVIEW])
    _tell_trail(waiting)
    return waiting


def review_of(glass: BreakGlass) -> BreakGlassReview | None:
    """The review of an opening that these selectors loaded, if there is one. Makes no query."""
    review: BreakGlassReview | None = getattr(glass, "review", None)
    return review


def opened_under(glass: BreakGlass) -> list[Line]:
    """What its author did about the patient on its strength, told by the trail."""
    return trail_of_worker_about(
        glass.created_by_id,
        glass.patient_id,
        BREAK_GLASS,
        # The trail's clock is the database's, at the beginning of each request.
        glass.opened_at - CLOCKS_APART,
        glass.over_at + CLOCKS_APART,
    )


def glass_to_end(user: User, patient_id: uuid.UUID, key: uuid.UUID) -> BreakGlass | None:
    """An opening that goes on and that the user may end, locked: their own, or one in a team they lead."""
    led = Q(patient__team__in=teams_in_which(user, Act.CHANGE_CASE))
    glass = (
        BreakGlass.objects.select_for_update(of=("self",))
        .filter(Q(created_by=user) | led, pk=key, patient=patient_id)
        .filter(ended_at__isnull=True, ends_at__gt=timezone.now())
        .first()
    )
    if glass is not None:
        # For the author whose time runs out meanwhile: nobody reviews their own.
        _tell_trail([glass], BREAK_GLASS if glass.created_by_id == user.pk else REVIEWING)
    return glass


def has_ended_own(user: User, key: uuid.UUID) -> bool:
    """Whether the user has ended this opening of their own; no row is loaded, for nothing explains it any more."""
    return BreakGlass.objects.filter(pk=key, created_by=user, ended_by=user).exists()


def leads_team_of(user: User, glass: BreakGlass) -> bool:
    """Whether the user leads the team of the patient, and may end the opening before its time."""
    return any(team.pk == glass.patient.team_id for team in teams_in_which(user, Act.CHANGE_CASE))


def is_own_or_of_leader(user: User, glass: BreakGlass) -> bool:
    """Whether the opening is the user's own, or by somebody who has led the user since: then somebody else reviews it.

    One way only, unlike ``accounts.line.is_in_line``: a lead may review their own mentor, a mentor never their lead.
    """
    author = glass.created_by
    return author.pk == user.pk or is_led_by(user, author, local_day(glass.opened_at))


def leads_of(patient: Patient, role: Role) -> list[User]:
    """Who holds this leading role in the patient's team today."""
    return _people(Q(team=patient.team_id, role=role))


def officers_for(patient: Patient) -> list[User]:
    """The IG officers of both organisations of the patient's team."""
    organisations = [patient.team.trust_id, patient.team.force_id]
    return _people(Q(organisation__in=organisations, role=Role.IG_OFFICER))


def officers_of_staff(user: User) -> list[User]:
    """The IG officers of the organisations somebody works for."""
    mine = Membership.objects.current().filter(user=user, organisation=OuterRef("organisation"))
    return _people(Q(Exists(mine)) & Q(role=Role.IG_OFFICER))


def _people(which: Q) -> list[User]:
    held = Membership.objects.cleared().filter(which).select_related("user").order_by("pk")
    return list({membership.user_id: membership.user for membership in held}.values())


def _in_my_charge(user: User) -> GuardedQuerySet[BreakGlass]:
    led = Q(patient__team__in=teams_in_which(user, Act.CHANGE_CASE))
    found: GuardedQuerySet[BreakGlass] = (
        BreakGlass.objects.filter(led | Q(patient__in=patients_under_review(user)))
        .select_related("patient__team", "created_by", "ended_by", "review__created_by")
        .only(*_SHOWN)
    )
    return found


_SHOWN = (
    *(f.name for f in BreakGlass._meta.concrete_fields),
    *(f"patient__{name}" for name in ("id", "reference", "team")),
    *(f"patient__team__{name}" for name in ("name", "trust", "force")),
    *(
        f"{person}__{name}"
        for person in ("created_by", "ended_by")
        for name in ("username", "first_name", "last_name")
    ),
    *(
        f"review__{name}"
        for name in ("patient", "break_glass", "outcome", "words", "created_at", "created_by")
    ),
    *(f"review__created_by__{name}" for name in ("username", "first_name", "last_name")),
)


def _tell_trail(openings: list[BreakGlass], relationship: str = REVIEWING) -> None:
    # A lead whose case has long been closed reviews all the same; anybody else has a relationship of their own.
    for glass in openings:
        current_context().concerns(glass.patient_id, relationship=relationship, may_load=_KINDS)
