"""What somebody's roles let them do with the trail. Whose patients they may ask about is known to cases."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q

from accounts.models import Membership, User
from accounts.roles import ACTS_OF_ROLE, Act, roles_that_may
from accounts.selectors import current_memberships
from audit.providers import Officer
from core.models import GuardedQuerySet


def find_officer(user: Any) -> Officer:
    """The organisations for which the user reads the trail today, and everybody who works or worked for them.

    Registered with audit.providers; answers for any signed-in user.
    """
    reading = [m for m in current_memberships(user) if Act.READ_TRAIL in ACTS_OF_ROLE[m.role]]
    keys = [m.organisation_id for m in reading]
    ever_worked_there = Membership.objects.filter(user=OuterRef("pk"), organisation__in=keys)
    return Officer(
        user=user,
        may_read=bool(reading),
        may_export=any(Act.EXPORT_TRAIL in ACTS_OF_ROLE[m.role] for m in reading),
        organisations=tuple(m.organisation.name for m in reading),
        workers=User.objects.filter(Q(organisation__in=keys) | Exists(ever_worked_there)),
    )


def find_officers() -> GuardedQuerySet[User]:
    """Everybody who reads the trail today. Registered with audit.providers."""
    reading = Membership.objects.current().filter(
        user=OuterRef("pk"), role__in=roles_that_may(Act.READ_TRAIL)
    )
    people: GuardedQuerySet[User] = User.objects.filter(Exists(reading)).order_by("pk")
    return people
