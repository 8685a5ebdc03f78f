"""What follows from a change of somebody's roles or checks: reminders before a lapse, and a look at their caseload (S30).

Nothing here ends access: the rule of who may see whom asks for checks that are in date.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from functools import partial

from django.urls import reverse
from django.utils import timezone

from accounts.clearance import CHECKS, REGISTRATION, REMINDED_AT, RUNNING_OUT, CheckState
from accounts.models import ClearanceChange, User
from accounts.roles import Act
from accounts.selectors import administrators_to_ask
from accounts.staff_checks import check_states
from core.due import Due, announce, due_moment, settle
from core.formatting import day

LAPSE = "staff-check-lapse"


def follow_up_clearance(user: User, *, changed: Collection[str] = ()) -> None:
    """For every service that changes a role, a check, a registration or an account, inside its transaction.

    What was said about the kinds of check in ``changed`` (recorded anew, renewed or withdrawn), and about those that are
    required no longer, is settled; the background work is asked to look at the person's caseload and open break-glass.
    """
    ask_for_look(user)
    required = {state.kind for state in check_states([user])[user.pk]} if user.is_active else set()
    for kind in (*CHECKS, REGISTRATION):
        if kind in changed or kind not in required:
            settle(kind=LAPSE, subject=_subject(user, kind))
    remind_of_lapses(user)


def ask_for_look(user: User) -> None:
    """Let the background work see what follows for this person's cases and open break-glass."""
    ClearanceChange.objects.create(user=user)


def remind_of_lapses(user: User) -> None:
    """Tell the person and their administrators of checks that lapse within 60, 30 or 7 days, or have lapsed.

    For each check the nearest of these moments that has come; said again, it is sent to nobody twice. Called once a
    day, so that whoever administers the team today is told.
    """
    if not user.is_active:
        return
    administrators = [person for person in administrators_to_ask(user) if person.pk != user.pk]
    for state in check_states([user])[user.pk]:
        if state.valid_until is None or (moment := moment_of_reminder(state.valid_until)) is None:
            continue
        fact = partial(Due, kind=LAPSE, subject=_subject(user, state.kind), at=moment, is_task=False)
        announce(fact(recipients=[user], text=_own_words(state), link=reverse("accounts:profile")))
        link = reverse("accounts:person", args=[user.pk])
        announce(fact(recipients=administrators, text=_words(state, user), link=link, act=Act.MANAGE_PEOPLE))


def moment_of_reminder(valid_until: date) -> datetime | None:
    """When the last of the reminders was due that have come so far: at nine on its day, or when the check lapsed."""
    left = (valid_until - timezone.localdate()).days
    if left < 0:
        return due_moment(valid_until + timedelta(days=1), time.min)
    passed = [mark for mark in REMINDED_AT if left <= mark]
    return due_moment(valid_until - timedelta(days=min(passed))) if passed else None


def people_to_remind() -> list[User]:
    """Everybody with a check that has lapsed or lapses within 60 days, whom a role of today or to come requires it of."""
    today = timezone.localdate()
    found = User.objects.filter(
        is_active=True,
        memberships__cleared_until__lte=today + RUNNING_OUT,
        memberships__ended_at__isnull=True,
    )
    return list(found.distinct().order_by("pk"))


def _own_words(state: CheckState) -> str:
    label = state.label.lower()
    if state.is_in_date:
        return f"Your {label} lapses after {day(state.valid_until)}. Ask for the renewal to be recorded before then."
    return f"Your {label} is no longer in date, so no patient’s record opens for you until a valid one is recorded."


def _words(state: CheckState, user: User) -> str:
    if state.is_in_date:
        return (
            f"{state.label} of {user} lapses after {day(state.valid_until)}. Record the renewal before then."
        )
    return (
        f"{state.label} of {user} is no longer in date. "
        "No patient’s record opens for them until you record a valid one."
    )


def _subject(user: User, kind: str) -> str:
    return f"accounts.user:{user.pk}:{kind}"
