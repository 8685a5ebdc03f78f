"""Which people an administrator has to see to: what the home page tells them. Nothing about patients.

Staff checks have a module of their own: accounts.staff_checks.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, User
from accounts.permissions import manageable_people, within_reach
from core.models import GuardedQuerySet

# Time enough to find somebody else for the role.
AHEAD = timedelta(days=30)
MOST = 10


def roles_running_out(by: User) -> GuardedQuerySet[Membership]:
    """Roles that the user could give again, whose last day is within a month; soonest first."""
    today = timezone.localdate()
    return (
        Membership.objects.current()
        .filter(within_reach(by), user__in=manageable_people(by), ends_on__lte=today + AHEAD)
        .select_related("user", "team", "organisation")
        .order_by("ends_on", "pk")
    )[:MOST]


def people_not_signed_in_yet(by: User) -> GuardedQuerySet[User]:
    """Invited, and no password set: the invitation may have gone astray. Oldest invitation first."""
    return (
        manageable_people(by)
        .filter(Q(last_login__isnull=True), is_active=True, invitations__accepted_at__isnull=True)
        .filter(invitations__isnull=False)
        .distinct()
        .order_by("pk")
    )[:MOST]
