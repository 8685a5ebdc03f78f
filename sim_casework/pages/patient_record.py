"""The patient record: what helps comes first, then what to do, what happened, and who this is. Each app's part is
selected and presented by that app; only their order is decided here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.gate import signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.permissions import can
from cases.presenters.drafts import present_drafts
from cases.presenters.patients import case_rows, detail_rows, identity, related_rows
from cases.presenters.timeline import present_timeline
from cases.presenters.visits import present_visits
from cases.selectors.contacts import timeline
from cases.selectors.drafts import unfinished_drafts_about
from cases.selectors.patients import cases_of, names_of, related_to
from cases.selectors.visits import upcoming_visits
from cases.views.gate import patient_page
from crisis_plans.models import PlanVersion
from crisis_plans.presenters import expired_words, helps_heading, helps_lines
from crisis_plans.selectors import current_plan
from reminders.presenters import present_task
from reminders.selectors import open_tasks_about

MOST_TASKS = 10


@require_safe
@patient_page()
def patient_record(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    page = timeline(user, patient)
    visits = present_visits(upcoming_visits(user, patient))
    tasks = [replace(present_task(task), about="") for task in open_tasks_about(user, patient)[:MOST_TASKS]]
    # A visit stands in its own list; its reminder would say it a second time.
    visit_hrefs = {visit.href for visit in visits}
    context = {
        "identity": identity(patient),
        "reference": patient.reference,
        "plan": _plan(current_plan(user, patient)),
        "tasks": [task for task in tasks if task.href not in visit_hrefs],
        "visits": visits,
        "entries": present_timeline(page),
        "older_href": _older_href(patient, page.older),
        "details": detail_rows(patient, names_of(user, patient)),
        "related": related_rows(related_to(user, patient)),
        "cases": [case_rows(case) for case in cases_of(user, patient)],
        "drafts": present_drafts(unfinished_drafts_about(user, patient)),
        "hrefs": _hrefs(user, patient),
    }
    return render(request, "pages/patient_record.jinja", context)


def _plan(version: PlanVersion | None) -> dict[str, Any] | None:
    if version is None:
        return None
    return {
        "heading": helps_heading(version),
        "lines": helps_lines(version),
        "banner": expired_words(version),
        "disagreement": version.disagreement,
        "review_on": version.review_on,
    }


def _hrefs(user: User, patient: Patient) -> dict[str, str]:
    """What this user may do here: a closed case is read and no more."""
    names = {"plan": "crisis_plans:plan"}
    if can(user, Act.LOG_CONTACT, patient):
        names |= {"log": "cases:contact_log", "visit": "cases:visit_plan", "edit": "cases:patient_edit"}
    if can(user, Act.CHANGE_CASE, patient):
        names |= {"hand_over": "cases:case_hand_over", "close": "cases:case_close"}
    return {key: reverse(name, args=[patient.pk]) for key, name in names.items()}


def _older_href(patient: Patient, older: str) -> str:
    return f"{reverse('cases:patient_timeline', args=[patient.pk])}?before={older}" if older else ""
