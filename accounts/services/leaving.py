"""Somebody leaves: from the next request on they are nobody here, and their teams' leads are told."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.permissions import manages_account, require_manageable
from accounts.roles import Act, Role
from accounts.selectors import members_who_may
from accounts.services.sessions import end_all_sessions
from core.due import Due, announce
from core.errors import DomainError, NotAllowed

_MENTORS = (Role.CLINICAL_MENTOR, Role.POLICE_MENTOR, Role.CLINICAL_LEAD, Role.DEPUTY_LEAD)


def end_person(*, by: User, user: User) -> None:
    """Close an account at once: sign-in, roles and sessions end together. The name stays, for the trail.

    Raises: NotVisible for people out of reach; DomainError for oneself or an account that is closed; NotAllowed when
    the person also works where the user is no administrator.
    """
    require_manageable(by, user)
    if by.pk == user.pk:
        raise DomainError("Nobody closes their own account. Ask another administrator.")
    if not manages_account(by, user):
        raise NotAllowed("This person also has roles elsewhere. End their role in your team instead.")
    now = timezone.now()
    with transaction.atomic():
        leaver = User.objects.select_for_update().get(pk=user.pk)
        if not leaver.is_active:
            raise DomainError(f"The account of {leaver} is already closed.")
        leaver.is_active = False
        leaver.left_at = now
        leaver.save(update_fields=["is_active", "left_at"])
        roles = list(Membership.objects.filter(user=leaver, ended_at__isnull=True).select_related("team"))
        for membership in roles:
            membership.ended_at = now
            membership.ended_by = by
            membership.save(update_fields=["ended_at", "ended_by"])
        end_all_sessions(leaver)
        for membership in roles:
            _tell_leads(membership)


def _tell_leads(membership: Membership) -> None:
    """Open cases stay with the team; only a lead can say who mentors them now."""
    team = membership.team
    if team is None or membership.role not in _MENTORS:
        return
    leads = list(members_who_may(team, Act.CHANGE_CASE))
    if leads:
        announce(
            Due(
                kind="mentor-left",
                subject=f"accounts.membership:{membership.pk}",
                at=timezone.now(),
                recipients=leads,
                text=f"{membership.user} has left {team}. Give their open cases another mentor.",
                link=reverse("home"),
                is_ticked_off=True,
            )
        )
