"""Pages of visits: plan, change, look, and say what became of one."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.gate import signed_in_user
from accounts.roles import Act
from cases.forms.visits import NewVisitForm, VisitForm, VisitOutcomeForm, visit_initial
from cases.models import Patient, Visit
from cases.permissions import can
from cases.presenters.patients import identity
from cases.presenters.visits import present_visit
from cases.selectors.visits import colleagues_to_plan_with, outcome_of, visit_of
from cases.services.visits import change_visit, is_planned_so, plan_visit, record_visit_outcome, required_case
from cases.views.gate import patient_page
from core.errors import VersionClash
from core.submission import try_service


@patient_page(Act.PLAN_VISIT)
def visit_plan(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    case = required_case(user, Act.PLAN_VISIT, patient)
    form = NewVisitForm(
        request.POST or None,
        members=colleagues_to_plan_with(case.team),
        me=user,
        initial={"participants": [str(user.pk)], "submission_key": uuid.uuid4()},
    )
    earlier, earlier_href = None, ""
    if request.method == "POST" and form.is_valid():
        plan, key = form.plan(), form.cleaned_data["submission_key"]
        visit = try_service(form, lambda: plan_visit(by=user, patient=patient, plan=plan, submission_key=key))
        if visit is not None and not is_planned_so(visit, plan):
            # The page was sent before and says something else now: with a new key it plans another visit, knowingly.
            earlier = present_visit(_visit(request, patient, visit.pk))
            earlier_href = reverse("cases:visit", args=[patient.pk, visit.pk])
            again = request.POST.copy()
            again["submission_key"] = str(uuid.uuid4())
            form.data = again
        elif visit is not None:
            messages.success(request, "Visit planned. Everybody who takes part is reminded on the day.")
            return redirect("cases:visit", patient.pk, visit.pk)
    context = {
        "form": form,
        "identity": identity(patient),
        "earlier": earlier,
        "earlier_href": earlier_href,
    }
    return render(request, "cases/visit_plan.jinja", context)


@patient_page()
def visit(request: HttpRequest, patient: Patient, visit_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _visit(request, patient, visit_id)
    context = {
        "visit": present_visit(found),
        "identity": identity(patient),
        "may_log": can(user, Act.LOG_CONTACT, patient),
    }
    return render(request, "cases/visit.jinja", context)


@patient_page(Act.PLAN_VISIT)
def visit_change(request: HttpRequest, patient: Patient, visit_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _visit(request, patient, visit_id)
    if request.method == "GET" and outcome_of(found) is not None:
        return redirect("cases:visit", patient.pk, found.pk)
    case = required_case(user, Act.PLAN_VISIT, patient)
    members = colleagues_to_plan_with(case.team, found)
    form = VisitForm(request.POST or None, members=members, me=user, initial=visit_initial(found))
    clash = None
    if request.method == "POST" and form.is_valid():
        version = form.cleaned_data["version"] or 0
        try:
            changed = try_service(
                form, lambda: change_visit(by=user, visit=found, version=version, plan=form.plan())
            )
        except VersionClash:
            # Both are shown; saving again replaces what the other one saved, knowingly.
            clash = present_visit(found)
            again = request.POST.copy()
            again["version"] = str(found.version)
            form.data = again
            changed = None
        if changed is not None:
            messages.success(request, "Visit changed.")
            return redirect("cases:visit", patient.pk, changed.pk)
    context = {"form": form, "identity": identity(patient), "visit": present_visit(found), "clash": clash}
    return render(request, "cases/visit_change.jinja", context)


@patient_page(Act.LOG_CONTACT)
def visit_outcome(request: HttpRequest, patient: Patient, visit_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    found = _visit(request, patient, visit_id)
    if request.method == "GET" and outcome_of(found) is not None:
        return redirect("cases:visit", patient.pk, found.pk)
    form = VisitOutcomeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        outcome = try_service(
            form, lambda: record_visit_outcome(by=user, visit=found, kind=data["kind"], note=data["note"])
        )
        if outcome is not None:
            messages.success(request, f"Recorded: {outcome.get_kind_display().lower()}.")
            return redirect("cases:visit", patient.pk, found.pk)
    context = {"form": form, "identity": identity(patient), "visit": present_visit(found)}
    return render(request, "cases/visit_outcome.jinja", context)


def _visit(request: HttpRequest, patient: Patient, visit_id: uuid.UUID) -> Visit:
    found = visit_of(signed_in_user(request), patient, visit_id)
    if found is None:
        raise Http404
    return found
