"""Which people an administrator has to see to: what the home page tells them. Nothing about patients."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, ProfessionalRegistration, User
from accounts.permissions import manageable_people
from core.models import GuardedQuerySet

# Time enough to renew a registration or to find somebody else for the role.
AHEAD = timedelta(days=30)
MOST = 10


def registrations_running_out(by: User) -> GuardedQuerySet[ProfessionalRegistration]:
    """Registrations that have run out or will within a month, of active people; soonest first."""
    return (
        ProfessionalRegistration.objects.filter(
            user__in=manageable_people(by).filter(is_active=True),
            valid_until__lte=timezone.localdate() + AHEAD,
        )
        .select_related("user")
        .order_by("valid_until", "pk")
    )[:MOST]


def roles_running_out(by: User) -> GuardedQuerySet[Membership]:
    """Roles whose last day is within a month; soonest first."""
    today = timezone.localdate()
    return (
        Membership.objects.current()
        .filter(user__in=manageable_people(by), ends_on__lte=today + AHEAD)
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
