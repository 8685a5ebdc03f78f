"""Somebody leaves: from the next request on they are nobody here, and their teams' leads are told."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, User
from accounts.permissions import manages_account, require_manageable
from accounts.services.lapses import follow_up_clearance
from accounts.services.sessions import end_all_sessions
from core.errors import DomainError, NotAllowed


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
        for membership in Membership.objects.filter(user=leaver, ended_at__isnull=True):
            membership.ended_at = now
            membership.ended_by = by
            membership.save(update_fields=["ended_at", "ended_by"])
        end_all_sessions(leaver)
        # Open cases stay with the team; its leads are asked who mentors them now.
        follow_up_clearance(leaver)
