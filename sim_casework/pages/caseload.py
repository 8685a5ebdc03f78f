"""The caseload: names and cases from below, review dates from the plans, what is overdue from the reminders."""

from __future__ import annotations

import uuid

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
from cases.selectors.contacts import last_contacts
from cases.selectors.patients import holders_of_mentor_roles
from core.models import GuardedQuerySet
from crisis_plans.selectors import next_reviews
from reminders.models import Reminder
from reminders.selectors import overdue_tasks, team_overdue_tasks


@require_GET
@role_page(Act.LOG_CONTACT)
def caseload_page(request: HttpRequest) -> HttpResponse:
    """A page is walked by patient keys and filtered by the keys of colleagues: no name stands in its address."""
    user = signed_in_user(request)
    leads = may(user, Act.REVIEW_CONTACT)
    mentors = _mentors(user) if leads else []
    form = CaseloadFilter(request.GET, mentors=mentors)
    narrowed = form.narrowed(default_scope=TEAM if leads else MINE)
    overdue = _overdue(user, leads=leads)
    page = caseload(
        user,
        narrowed,
        overdue=overdue,
        after=_key(request.GET.get("after")),
        before=_key(request.GET.get("before")),
    )
    context = {
        "rows": _rows(page, overdue),
        "filter_form": form,
        "filter_tags": filter_tags(narrowed, dict(mentors), has_choice=form.is_narrowed),
        "clear_href": caseload_href(),
        "newer_href": caseload_href(narrowed, before=page.earlier) if page.earlier else "",
        "older_href": caseload_href(narrowed, after=page.later) if page.later else "",
        "scope": narrowed.scope,
    }
    return render(request, "pages/caseload.jinja", context)


def _rows(page: CaseloadPage, overdue: GuardedQuerySet[Reminder]) -> list[CaseloadRow]:
    keys = [case.patient_id for case in page.cases]
    late: dict[uuid.UUID, list[str]] = {}
    for task in overdue.filter(patient__in=keys):
        for key in task.patient_keys:
            texts = late.setdefault(key, [])
            if task.text not in texts:  # one task of several people
                texts.append(task.text)
    return present_caseload(page, reviews=next_reviews(keys), contacts=last_contacts(keys), overdue=late)


def _mentors(user: User) -> list[tuple[str, str]]:
    clinical, police = mentor_choices(holders_of_mentor_roles(teams_in_which(user, Act.REVIEW_CONTACT)))
    return clinical + police


def _overdue(user: User, *, leads: bool) -> GuardedQuerySet[Reminder]:
    """A mentor's own overdue tasks; for a lead those of everybody in the team."""
    return team_overdue_tasks(user) if leads else overdue_tasks(user)


def _key(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
