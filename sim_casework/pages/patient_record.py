"""The patient record: what helps comes first, then what to do, what happened, and who this is. Each app's part is
selected and presented by that app; only their order is decided here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
from cases.selectors.access import required_access
from cases.selectors.record import record_parts
from cases.views.gate import patient_page
from core.addresses import address
from crisis_plans.models import PlanVersion
from crisis_plans.presenters import expired_words, helps_heading, helps_lines
from crisis_plans.selectors import plan_on_record
from reminders.presenters import present_task
from reminders.selectors import note_unread, tasks_on_record, unread_ahead


@require_safe
@patient_page()
def patient_record(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    access = required_access(user, patient)
    parts = record_parts(
        access, plan_on_record(patient.pk), tasks_on_record(user, patient.pk), unread_ahead(user)
    )
    plans, reminders, unread = parts.others
    note_unread(user, unread)
    visits = present_visits(parts.upcoming)
    for reminder in reminders:
        reminder.patient = patient
    tasks = [replace(present_task(task), about="") for task in reminders]
    # A visit stands in its own list; its reminder would say it a second time.
    visit_hrefs = {visit.href for visit in visits}
    context = {
        "identity": identity(patient),
        "reference": patient.reference,
        "plan": _plan(plans[0] if plans else None),
        "tasks": [task for task in tasks if task.href not in visit_hrefs],
        "visits": visits,
        "entries": present_timeline(parts.page),
        "older_href": _older_href(patient, parts.page.older),
        "details": detail_rows(patient, parts.names),
        "related": related_rows(parts.related),
        "cases": [case_rows(case) for case in parts.cases],
        "drafts": present_drafts(parts.drafts),
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
    return {key: address(name, patient.pk) for key, name in names.items()}


def _older_href(patient: Patient, older: str) -> str:
    return f"{address('cases:patient_timeline', patient.pk)}?before={older}" if older else ""
