"""Whose line somebody is in: who leads whom at work. For decisions about a colleague that nobody takes about their own
line, such as the review of an opening by break-glass.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Role

# Nobody steps out of a line, or into another role, to decide the next day.
STILL_COUNTS = timedelta(days=28)

# In a team: which roles lead a role. Nobody leads the clinical lead there.
_LED_BY: dict[str, frozenset[str]] = {
    Role.CLINICAL_MENTOR: frozenset({Role.CLINICAL_LEAD, Role.DEPUTY_LEAD}),
    Role.POLICE_MENTOR: frozenset({Role.CLINICAL_LEAD, Role.DEPUTY_LEAD}),
    Role.DEPUTY_LEAD: frozenset({Role.CLINICAL_LEAD}),
}


def line_of(user: User) -> set[int]:
    """The keys of those who lead the user: today, or until not more than 28 days ago.

    In a team, the clinical lead and the deputies lead its mentors, and the clinical lead leads the deputies; who holds
    several roles is led in each. Roles held for a whole organisation (IG officers, administrators) are led by nobody
    here: the software does not know their managers.
    """
    mine = Membership.objects.filter(_of_late(), user=user, role__in=list(_LED_BY))
    leading = Q(pk__in=[])
    for membership in mine:
        leading |= Q(team=membership.team_id, role__in=sorted(_LED_BY[membership.role]))
    leaders = Membership.objects.filter(_of_late() & leading).exclude(user=user)
    return {membership.user_id for membership in leaders}


def _of_late() -> Q:
    today, since = timezone.localdate(), timezone.now() - STILL_COUNTS
    is_not_over = Q(ends_on__isnull=True) | Q(ends_on__gte=today - STILL_COUNTS)
    return Q(starts_on__lte=today) & is_not_over & (Q(ended_at__isnull=True) | Q(ended_at__gte=since))
