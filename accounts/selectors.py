"""Who works where, and in which role, today."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Membership, MembershipQuerySet, Session, Team, User, current_membership
from accounts.roles import ACTS_OF_ROLE, Act, Role, roles_that_may
from audit.providers import Standing
from core.models import GuardedQuerySet
from core.prepared import Prepared, read_together


def _session(key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now).select_related("user__organisation")


def _memberships_of_session(key: str, today: date) -> MembershipQuerySet:
    held = Membership.objects.filter(current_membership(today=today), user__sessions__session_key=key)
    return held.select_related("team", "organisation").order_by("pk")


_SESSION = Prepared(_session, key=str, now=datetime)
_MEMBERSHIPS_OF_SESSION = Prepared(_memberships_of_session, key=str, today=date)


def session_with_user(key: str) -> Session | None:
    """The session that has not expired, with its user and the memberships the user holds today. One statement."""
    sessions, memberships = read_together(
        _SESSION(key=key, now=timezone.now()), _MEMBERSHIPS_OF_SESSION(key=key, today=timezone.localdate())
    )
    session: Session | None = next(iter(sessions), None)
    if session is not None and session.user is not None:
        session.user._current_memberships = memberships  # type: ignore[attr-defined]
    return session


def current_memberships(user: User) -> list[Membership]:
    """The user's memberships that hold today, loaded once per user object (one request)."""
    cached: list[Membership] | None = getattr(user, "_current_memberships", None)
    if cached is None:
        cached = list(
            Membership.objects.current()
            .filter(user=user)
            .select_related("team", "organisation")
            .order_by("pk")
        )
        user._current_memberships = cached  # type: ignore[attr-defined]
    return cached


def working_memberships(user: User) -> list[Membership]:
    """Of these, the ones that carry their role's rights: a role whose staff checks have lapsed opens nothing (S30)."""
    return [m for m in current_memberships(user) if m.is_cleared]


def holds_role(user: User, *roles: str) -> bool:
    return any(m.role in roles for m in current_memberships(user))


def may(user: User, act: Act) -> bool:
    """Whether any current role, its checks in date, carries the act. For acts on a patient ask cases.permissions.can."""
    return any(act in ACTS_OF_ROLE[m.role] for m in working_memberships(user))


def teams_in_which(user: User, act: Act) -> list[Team]:
    """The teams in which the user's current role, its checks in date, carries the act."""
    return [m.team for m in working_memberships(user) if m.team and act in ACTS_OF_ROLE[m.role]]


def main_standing(user: Any) -> Standing:
    """Role, team and organisation for entries about no particular patient: the oldest membership."""
    for membership in current_memberships(user):
        return Standing(
            role=membership.role,
            team=membership.team.name if membership.team else "",
            organisation=membership.organisation.name,
        )
    return Standing(organisation=user.organisation.name if user.organisation_id else "")


def members_who_may(team: Team, act: Act) -> GuardedQuerySet[User]:
    """Active users whose current role in the team, its checks in date, carries the act."""
    memberships: MembershipQuerySet = Membership.objects.cleared().filter(
        team=team, role__in=roles_that_may(act)
    )
    ids = [m.user_id for m in memberships]
    people: GuardedQuerySet[User] = User.objects.filter(pk__in=ids).order_by("last_name", "first_name")
    return people


def administrators_of(user: User) -> list[User]:
    """Who looks after this user's account: administrators of the organisation and of the teams; else every one."""
    current = Membership.objects.current().select_related("user")
    teams = [m.team_id for m in Membership.objects.filter(user=user, team__isnull=False)]
    near = list(current.filter(role=Role.ADMINISTRATOR, organisation=user.organisation_id))
    near += current.filter(role=Role.TEAM_ADMINISTRATOR, team__in=teams)
    near = near or list(current.filter(role__in=[Role.ADMINISTRATOR, Role.TEAM_ADMINISTRATOR]))
    return [m.user for m in near]


def administrators_to_ask(user: User) -> list[User]:
    """Whom somebody asks about their roles and checks: administrators of their teams of today; else of their account."""
    # Not from current_memberships: what it keeps on the object is old as soon as a check is recorded.
    teams = [m.team_id for m in Membership.objects.current().filter(user=user, team__isnull=False)]
    found = {
        m.user_id: m.user
        for m in Membership.objects.current()
        .filter(role=Role.TEAM_ADMINISTRATOR, team__in=teams)
        .exclude(user=user)
        .select_related("user")
        .order_by("user__last_name", "user__first_name")
    }
    return list(found.values()) or administrators_of(user)


def administrators_of_team(team: Team) -> list[User]:
    """Who looks after the team's people: its own administrators; failing them, those of its two organisations."""
    current = Membership.objects.current().select_related("user").order_by("pk")
    found = list(current.filter(role=Role.TEAM_ADMINISTRATOR, team=team)) or list(
        current.filter(role=Role.ADMINISTRATOR, organisation__in=[team.trust_id, team.force_id])
    )
    return [m.user for m in found]
