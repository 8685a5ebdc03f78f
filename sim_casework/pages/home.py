"""Home: for each role, what waits for me. Each part is selected by its own app; only the choice of parts is made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.attention import (
    people_not_signed_in_yet,
    roles_running_out,
)
from accounts.directory import resets_to_confirm
from accounts.gate import lapse_facts, signed_in_user
from accounts.models import User
from accounts.presenters import present_clearances, role_words
from accounts.roles import Act
from accounts.selectors import current_memberships, may
from accounts.staff_checks import check_states, lapsed_roles, people_running_out
from audit.alerts.presenters import alert_lines
from audit.alerts.selectors import alerts_before, has_waiting_alerts
from audit.findings import backstop_state
from audit.presenters import backstop_in_words
from audit.providers import find_officer
from cases.presenters.break_glass import present_open, present_to_review
from cases.presenters.caseload import present_unmentored
from cases.presenters.contacts import present_reviews, present_to_sign
from cases.presenters.drafts import present_drafts
from cases.presenters.patients import name_with_reference
from cases.presenters.visits import present_visits
from cases.selectors.break_glass import break_glass_to_review, open_glasses
from cases.selectors.contacts import contacts_to_sign, open_reviews
from cases.selectors.drafts import old_drafts_of_team, unfinished_drafts
from cases.selectors.unmentored import cases_without_mentor
from cases.selectors.visits import visits_today
from core.formatting import counted
from crisis_plans.models import PlanVersion
from crisis_plans.selectors import plans_awaiting_approval
from reminders.presenters import present_task, present_team_tasks
from reminders.selectors import open_tasks, team_overdue_tasks

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that waits, as components/tasks.jinja draws it."""

    title: str
    href: str = ""
    about: str = ""
    hint: str = ""
    due_on: date | None = None
    status: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One heading of the page. An empty part says so: nothing waiting is an answer too."""

    key: str
    heading: str
    lines: Sequence[Any]
    empty: str
    more: list[tuple[str, str]] = field(default_factory=list)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    works_with_patients = may(user, Act.LOG_CONTACT)
    parts = _open_break_glass(user) if may(user, Act.BREAK_GLASS) else []
    if works_with_patients:
        parts.append(_visits(user))
    parts.append(_tasks(user))
    if may(user, Act.REVIEW_BREAK_GLASS):
        parts.append(_break_glass(user))
    if may(user, Act.CHANGE_CASE):
        parts += _for_leads(user)
    if works_with_patients:
        parts += _own_writing(user)
    if may(user, Act.MANAGE_PEOPLE):
        parts.append(_for_administrators(user))
    if may(user, Act.READ_TRAIL):
        parts.append(_alerts(user))
        parts.append(_without_entry())
    context = {
        "parts": parts,
        "works_with_patients": works_with_patients,
        "reads_trail": may(user, Act.READ_TRAIL),
        "reads_released_plans": may(user, Act.READ_RELEASED_PLAN),
        "lapse": lapse_facts(user) if lapsed_roles(user) else None,
        "roles": [role_words(membership) for membership in current_memberships(user)],
    }
    return render(request, "pages/home.jinja", context)


def _visits(user: User) -> Part:
    visits = present_visits(visits_today(user), names_patient=True)
    return Part(
        "visits",
        "Today’s visits",
        [Line(f"{v.time} {v.title}", v.href, v.about, v.who, status=_tag(v.tag)) for v in visits],
        "No visits planned for today.",
    )


def _tasks(user: User) -> Part:
    return Part(
        "tasks",
        "My tasks",
        [present_task(task) for task in open_tasks(user)[:SHOWN]],
        "Nothing is due in the next two weeks.",
        [("All tasks", reverse("reminders:tasks"))],
    )


def _open_break_glass(user: User) -> list[Part]:
    """The way back to a record after the page was closed. Nothing stands here on an ordinary day."""
    lines = present_open(open_glasses(user)[:SHOWN])
    return [Part("open-break-glass", "Open by break-glass", lines, "")] if lines else []


def _break_glass(user: User) -> Part:
    return Part(
        "break-glass",
        "Break-glass to review",
        present_to_review(break_glass_to_review(user)[:SHOWN]),
        "No break-glass waits for a review.",
        [("All break-glass to review", reverse("cases:break_glass_reviews"))],
    )


def _own_writing(user: User) -> list[Part]:
    drafts = present_drafts(unfinished_drafts(user)[:SHOWN])
    return [
        Part(
            "to-sign",
            "Contacts to sign",
            present_to_sign(contacts_to_sign(user)[:SHOWN]),
            "Every contact you wrote is signed.",
            [("All contacts to sign", reverse("cases:to_sign"))],
        ),
        Part(
            "unfinished",
            "Unfinished",
            [Line(d.title, d.continue_href, d.about) for d in drafts],
            "You have no unfinished forms.",
            [("All unfinished forms", reverse("cases:drafts"))],
        ),
    ]


def _for_leads(user: User) -> list[Part]:
    overdue = present_team_tasks(list(team_overdue_tasks(user)[: SHOWN * 3]))
    return [
        Part(
            "approvals",
            "Plans waiting for your decision",
            [_plan(version) for version in plans_awaiting_approval(user)[:SHOWN]],
            "No plan waits for you.",
        ),
        Part(
            "reviews",
            "Police presence to review",
            present_reviews(open_reviews(user)[:SHOWN]),
            "No contact waits for a review.",
            [("All open reviews", reverse("cases:contact_reviews"))],
        ),
        Part(
            "unmentored",
            "Cases without a mentor",
            present_unmentored(cases_without_mentor(user)[:SHOWN]),
            "Every open case of your team has mentors who can work.",
            [("All cases without a mentor", reverse("cases:unmentored"))],
        ),
        Part(
            "team-overdue",
            "Overdue in the team",
            overdue[:SHOWN],
            "Nothing in the team is overdue.",
            [("All overdue tasks of the team", reverse("reminders:team_tasks"))],
        ),
        Part(
            "team-unfinished",
            "Unfinished for more than a day",
            [
                Line(colleague.name, hint=f"{colleague.number} unfinished, text theirs alone")
                for colleague in old_drafts_of_team(user)
            ],
            "Nobody in the team has forms unfinished for more than a day.",
        ),
    ]


def _for_administrators(user: User) -> Part:
    lines = [
        Line(
            f"Lost second factor of {reset.user}",
            _person(reset.user),
            hint="Waits for a second administrator",
        )
        for reset in resets_to_confirm(user)[:SHOWN]
    ]
    running_out = list(people_running_out(user)[:SHOWN])
    lines += [
        Line(f"Staff checks of {c.title}", c.href, hint=c.hint, due_on=c.due_on, status=c.status)
        for c in present_clearances(running_out, check_states(running_out))
    ]
    lines += [
        Line(f"Role of {m.user} ends", _person(m.user), hint=role_words(m), due_on=m.ends_on)
        for m in roles_running_out(user)
    ]
    lines += [
        Line(f"{person} has not signed in yet", _person(person), hint="Invited, no password set")
        for person in people_not_signed_in_yet(user)
    ]
    return Part(
        "people",
        "People who need your attention",
        lines,
        "Nobody needs your attention.",
        [
            ("People", reverse("accounts:people")),
            ("Staff checks", reverse("accounts:checks")),
            ("Teams", reverse("accounts:teams")),
        ],
    )


def _alerts(user: User) -> Part:
    """What was put before this officer, at most five new ones a day; whether more wait in the list."""
    officer = find_officer(user)
    listed = reverse("audit:alerts")
    more = [("All alerts, newest first", listed), ("All alerts, oldest first", f"{listed}?order=oldest")]
    if has_waiting_alerts(officer):
        more[0] = ("More alerts wait in the list", listed)
    return Part(
        "alerts", "Alerts to look into", alert_lines(alerts_before(officer)), "No alert waits for you.", more
    )


def _without_entry() -> Part:
    """What the write backstop found; that it found nothing is said with the time it holds for."""
    state = backstop_state()
    href = reverse("audit:changes")
    words = backstop_in_words(state)
    red = {"tone": "red"}
    lines = []
    if state.stands_still:
        lines.append(
            Line(
                "Changes are not compared with the trail at the moment",
                href,
                hint=words,
                status=red | {"text": "Stands still"},
            )
        )
    elif state.unexplained:
        number = counted(state.unexplained, "change does not match", "changes do not match")
        lines.append(Line(f"{number} the trail", href, hint=words, status=red | {"text": "Look into it"}))
    return Part(
        "without-entry", "Changes without an entry", lines, words, [("All changes without an entry", href)]
    )


def _plan(version: PlanVersion) -> Line:
    return Line(
        f"Crisis response plan, version {version.number}",
        reverse("crisis_plans:plan_decide", args=[version.patient_id, version.number]),
        name_with_reference(version.patient),
    )


def _person(person: User) -> str:
    return reverse("accounts:person", args=[person.pk])


def _tag(tag: Any) -> dict[str, str]:
    return {"text": tag.text, "tone": tag.tone}
