"""The caseload of somebody who cannot work with patients passes to the leads of the team (S30; ADR 18).

The case keeps its mentors: a renewal brings everything back as it was, and only a person hands a case over.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.urls import reverse
from django.utils import timezone

from accounts.clearance import WORKING_WITH_PATIENTS
from accounts.models import Membership, Team, User
from accounts.roles import Act
from accounts.selectors import administrators_of_team, members_who_may
from cases.selectors.unmentored import number_without_mentor
from core.due import Due, announce, due_moment, settle
from core.formatting import counted

CASES_WITHOUT_MENTOR = "cases-without-mentor"
_SUBJECT = "accounts.user:"


def pass_caseload_on(mentor: User, *, has_changed: bool) -> None:
    """Ask the leads to look after the open cases that this person is named for and cannot mentor today, team by team.

    Where there are none (any more), what was asked is settled. ``has_changed``: something happened to the person, so
    an earlier question makes way for this one. Only background work may call it: it counts cases of every team.
    """
    for team in Team.objects.filter(memberships__user=mentor).distinct().order_by("pk"):
        number = number_without_mentor(team, mentor)
        if has_changed or not number:
            settle(kind=CASES_WITHOUT_MENTOR, subject=_subject(mentor, team))
        if number:
            _ask_leads(team, mentor, number)


def mentor_of_subject(subject: str) -> int:
    """Whose caseload a task of this kind is about, by key."""
    return int(subject.removeprefix(_SUBJECT).partition(":")[0])


def _ask_leads(team: Team, mentor: User, number: int) -> None:
    roles = sorted(WORKING_WITH_PATIENTS)
    memberships = list(Membership.objects.filter(user=mentor, team=team, role__in=roles).order_by("pk"))
    is_here = mentor.is_active and any(m.is_current for m in memberships)
    why = f"A staff check of {mentor} is not in date" if is_here else f"{mentor} no longer works in {team}"
    cases = counted(number, "open case is", "open cases are")
    until = "a valid check is recorded or you hand over" if is_here else "you hand over"
    leads = [lead for lead in members_who_may(team, Act.CHANGE_CASE) if lead.pk != mentor.pk]
    if leads:
        text, link = f"{why}. {cases} yours to look after until {until}.", reverse("cases:unmentored")
        act = Act.CHANGE_CASE
    else:
        leads, link = administrators_of_team(team), reverse("accounts:checks")
        act = Act.MANAGE_PEOPLE
        text = f"{why}, nor has {team} a clinical lead with checks in date. {cases} without anybody."
    announce(
        Due(
            kind=CASES_WITHOUT_MENTOR,
            subject=_subject(mentor, team),
            at=max(
                (end for m in memberships if (end := _ended(mentor, m)) <= timezone.now()), default=_today()
            ),
            recipients=leads,
            text=text,
            link=link,
            team=team.pk,
            act=act,
        )
    )


def _today() -> datetime:
    return due_moment(timezone.localdate(), time.min)


def _ended(mentor: User, membership: Membership) -> datetime:
    """The moment from which this role opened nothing any more."""
    ends = [moment for moment in (membership.ended_at, mentor.left_at) if moment is not None]
    if membership.ends_on is not None:
        ends.append(_after(membership.ends_on))
    cleared = membership.cleared_until
    ends.append(_after(cleared) if cleared is not None else due_moment(membership.starts_on, time.min))
    return min(ends)


def _after(last_day: date) -> datetime:
    return due_moment(min(last_day, date(9000, 1, 1)) + timedelta(days=1), time.min)


def _subject(mentor: User, team: Team) -> str:
    return f"{_SUBJECT}{mentor.pk}:team:{team.pk}"
