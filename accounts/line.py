"""Who leads whom: the line, defined here once. Nobody looks into what somebody of their own line did."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Role

_LEADS = (Role.CLINICAL_LEAD, Role.DEPUTY_LEAD)
_LED = (Role.CLINICAL_MENTOR, Role.POLICE_MENTOR)


def is_in_line(user: User, worker: User, since: date) -> bool:
    """Whether they are one person, or one has led the other on any day since ``since`` (London's).

    The line: the clinical lead and the deputy lead of a team lead its clinical and police mentors, and the clinical
    lead leads the deputy. It reads both ways: who leads a worker does not judge them, nor does somebody a worker
    leads. IG officers lead nobody and are led by nobody here, so they stand outside of every line but for an alert
    about themselves, or where they hold a role in the worker's team as well.

    The database says the same in ``accounts_in_line`` (migration 0007); a test holds both equal.
    """
    if user.pk == worker.pk:
        return True
    return is_led_by(user, worker, since) or is_led_by(worker, user, since)


def is_led_by(user: User, leader: User, since: date) -> bool:
    """Whether somebody has led the user on any day since then: the same line, read upward only. Never by oneself."""
    if user.pk == leader.pk:
        return False
    return _since(since, leader).filter(_role_above(), team__memberships__in=_since(since, user)).exists()


def leaders_of(user: User, since: date) -> set[int]:
    """The keys of those who have led the user on any day since then, by the same definition; one statement."""
    leading = Membership.objects.filter(
        _role_above(), _held_since(since), team__memberships__in=_since(since, user)
    )
    return {membership.user_id for membership in leading} - {user.pk}


def led_by(user: User, since: date) -> set[int]:
    """The keys of those whom the user has led on any day since then; one statement."""
    led = Membership.objects.filter(
        Q(role__in=_LED, team__memberships__role__in=_LEADS)
        | Q(role=Role.DEPUTY_LEAD, team__memberships__role=Role.CLINICAL_LEAD),
        _held_since(since),
        team__memberships__in=_since(since, user),
    )
    return {membership.user_id for membership in led} - {user.pk}


def _role_above() -> Q:
    """Of the lead's membership, joined to the other's through the team: all in one ``filter`` call."""
    return Q(role__in=_LEADS, team__memberships__role__in=_LED) | Q(
        role=Role.CLINICAL_LEAD, team__memberships__role=Role.DEPUTY_LEAD
    )


def _since(since: date, user: User) -> QuerySet[Membership]:
    """The memberships that have begun and held on some day since then, in whichever way they ended."""
    return Membership.objects.filter(_held_since(since), user=user)


def _held_since(since: date) -> Q:
    return (
        (Q(ends_on__isnull=True) | Q(ends_on__gte=since))
        & (Q(ended_at__isnull=True) | Q(ended_at__date__gte=since))
        & Q(starts_on__lte=timezone.localdate())
    )
