"""Which staff checks people have, what their roles require, and whose run out. Nothing about patients."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from django.db.models import Min, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.clearance import (
    ALWAYS,
    REGISTRATION,
    RUNNING_OUT,
    WORKING_WITH_PATIENTS,
    CheckState,
    required_of_all,
)
from accounts.models import Membership, ProfessionalRegistration, StaffCheck, User
from accounts.permissions import manageable_people
from accounts.selectors import current_memberships
from core.models import GuardedQuerySet

# Sorts before every date: what is missing comes first.
_MISSING = date(1, 1, 1)


def check_states(people: Collection[User]) -> dict[int, list[CheckState]]:
    """By key of each person: what their roles of today and to come require, and until when it is good.

    Three statements, however many people. Empty for whose roles require nothing.
    """
    keys = [person.pk for person in people]
    roles: dict[int, list[str]] = {key: [] for key in keys}
    for membership in _not_over(Membership.objects.filter(user__in=keys)):
        roles[membership.user_id].append(membership.role)
    found = _newest_checks(keys) | _last_registrations(keys)
    return {
        key: [found.get((key, kind), CheckState(kind)) for kind in required_of_all(held)]
        for key, held in roles.items()
    }


def checks_recorded_of(person: User) -> GuardedQuerySet[StaffCheck]:
    """Everything ever recorded, newest first, with whoever recorded it."""
    return (
        StaffCheck.objects.filter(user=person).select_related("recorded_by").order_by("-recorded_at", "-pk")
    )


def lapsed_roles(user: User) -> list[Membership]:
    """The user's roles of today that open nothing because a check is missing or has lapsed (S30)."""
    return [m for m in current_memberships(user) if not m.is_cleared]


def people_to_clear(by: User, *, until: date = ALWAYS) -> GuardedQuerySet[User]:
    """Whom the user looks after and who has, or will have, a role with patients; the earliest lapse first.

    With ``until``, those alone whose checks are missing, have lapsed or lapse by that day. Slice it by the page.
    """
    today = timezone.localdate()
    with_patients = Q(
        memberships__role__in=sorted(WORKING_WITH_PATIENTS), memberships__ended_at__isnull=True
    ) & (Q(memberships__ends_on__isnull=True) | Q(memberships__ends_on__gte=today))
    clear_to = Min(Coalesce("memberships__cleared_until", Value(_MISSING)), filter=with_patients)
    return (
        manageable_people(by)
        .filter(is_active=True)
        .alias(clear_to=clear_to)
        .filter(clear_to__lte=until)  # type: ignore[return-value]  # annotated users are users
        .order_by("clear_to", "last_name", "first_name", "pk")
    )


def people_running_out(by: User) -> GuardedQuerySet[User]:
    """Of these, whose checks are missing, have lapsed, or will within 60 days."""
    return people_to_clear(by, until=timezone.localdate() + RUNNING_OUT)


def _not_over(memberships: GuardedQuerySet[Membership]) -> GuardedQuerySet[Membership]:
    return memberships.filter(
        Q(ends_on__isnull=True) | Q(ends_on__gte=timezone.localdate()), ended_at__isnull=True
    )


def _newest_checks(keys: list[int]) -> dict[tuple[int, str], CheckState]:
    newest = StaffCheck.objects.filter(user__in=keys).order_by("user", "kind", "-pk").distinct("user", "kind")
    return {(c.user_id, c.kind): CheckState(c.kind, c.valid_until, c.evidence) for c in newest}


def _last_registrations(keys: list[int]) -> dict[tuple[int, str], CheckState]:
    in_order = ProfessionalRegistration.objects.filter(user__in=keys).order_by("valid_until", "pk")
    return {
        (r.user_id, REGISTRATION): CheckState(REGISTRATION, r.valid_until, str(r), r.withdrawn_on)
        for r in in_order
    }
