"""The caseload: names and cases from below, review dates from the plans, what is overdue from the reminders."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may, teams_in_which
from cases.forms.caseload import CaseloadFilter
from cases.presenters.caseload import CaseloadRow, caseload_href, filter_tags, present_caseload
from cases.presenters.patients import mentor_choices
from cases.selectors.caseload import MINE, TEAM, CaseloadPage, caseload
from cases.selectors.patients import holders_of_mentor_roles
from core.models import GuardedQuerySet
from core.prepared import read_together
from crisis_plans.selectors import next_review
from reminders.models import Reminder
from reminders.selectors import note_unread, overdue_on_list, overdue_tasks, team_overdue_tasks, unread_ahead


@require_GET
@role_page(Act.LOG_CONTACT)
def caseload_page(request: HttpRequest) -> HttpResponse:
    """A page is walked by patient keys and filtered by the keys of colleagues: no name stands in its address."""
    user = signed_in_user(request)
    leads = may(user, Act.REVIEW_CONTACT)
    mentors = _mentors(user) if leads else []
    form = CaseloadFilter(request.GET, mentors=mentors)
    narrowed = form.narrowed(default_scope=TEAM if leads else MINE)
    overdue = partial(team_overdue_tasks if leads else overdue_tasks, user)
    page = caseload(
        user,
        narrowed,
        overdue=overdue,
        next_review=next_review,
        after=_key(request.GET.get("after")),
        before=_key(request.GET.get("before")),
    )
    context = {
        "rows": _rows(user, page, overdue, leads=leads),
        "filter_form": form,
        "filter_tags": filter_tags(narrowed, dict(mentors), has_choice=form.is_narrowed),
        "clear_href": caseload_href(),
        "newer_href": caseload_href(narrowed, before=page.earlier) if page.earlier else "",
        "older_href": caseload_href(narrowed, after=page.later) if page.later else "",
        "scope": narrowed.scope,
    }
    return render(request, "pages/caseload.jinja", context)


def _rows(
    user: User, page: CaseloadPage, overdue: Callable[[], GuardedQuerySet[Reminder]], *, leads: bool
) -> list[CaseloadRow]:
    """What is overdue: a mentor's own tasks; for a lead those of everybody in the team."""
    keys = [case.patient_id for case in page.cases]
    late: dict[uuid.UUID, list[str]] = {}
    tasks: Iterable[Reminder]
    if leads:
        tasks = overdue().filter(patient__in=keys)
    else:
        tasks, unread = read_together(overdue_on_list(user, keys), unread_ahead(user))
        note_unread(user, unread)
    for task in tasks:
        for key in task.patient_keys:
            texts = late.setdefault(key, [])
            if task.text not in texts:  # one task of several people
                texts.append(task.text)
    return present_caseload(page, overdue=late)


def _mentors(user: User) -> list[tuple[str, str]]:
    clinical, police = mentor_choices(holders_of_mentor_roles(teams_in_which(user, Act.REVIEW_CONTACT)))
    return clinical + police


def _key(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
