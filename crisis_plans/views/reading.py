"""Reading the plan: the page for three in the morning, its print, its versions and what changed between them."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.gate import signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.permissions import can
from cases.presenters.patients import identity
from cases.views.gate import patient_page
from crisis_plans.content import content_of
from crisis_plans.models import PlanVersion
from crisis_plans.presenters import (
    author_names,
    differences,
    plan_view,
    sign_off_rows,
    version_rows,
)
from crisis_plans.selectors import approved_before, current_plan, open_version, version_of, versions


@require_GET
@patient_page()
def plan(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    current = current_plan(user, patient)
    context = {
        "patient": patient,
        "identity": identity(patient),
        "plan": plan_view(current, current_number=current.number) if current else None,
        "open": _open(user, patient),
        "may_draft": can(user, Act.DRAFT_PLAN, patient),
        "may_decide": can(user, Act.APPROVE_PLAN, patient),
    }
    return render(request, "crisis_plans/plan.jinja", context)


@require_GET
@patient_page()
def plan_print(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    current = current_plan(user, patient)
    if current is None:
        return redirect("crisis_plans:plan", patient.pk)
    context = {
        "patient": patient,
        "identity": identity(patient),
        "plan": plan_view(current, current_number=current.number),
        "printed_by": str(user),
    }
    return render(request, "crisis_plans/plan_print.jinja", context)


@require_GET
@patient_page()
def plan_versions(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    context = {
        "patient": patient,
        "identity": identity(patient),
        "versions": version_rows(list(versions(user, patient))),
        "may_draft": can(user, Act.DRAFT_PLAN, patient),
    }
    return render(request, "crisis_plans/plan_versions.jinja", context)


@require_GET
@patient_page()
def plan_version(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    newest = current_plan(user, patient)
    is_author = any(author.user_id == user.pk for author in version.authors.all())
    context = version_context(patient, version, newest) | {
        "state": version.state.value,
        "is_editable": version.is_editable,
        "is_author": is_author,
        "may_draft": can(user, Act.DRAFT_PLAN, patient),
        "may_decide": can(user, Act.APPROVE_PLAN, patient),
    }
    return render(request, "crisis_plans/plan_version.jinja", context)


@require_GET
@patient_page()
def plan_differences(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    before = approved_before(user, version)
    context = {
        "patient": patient,
        "identity": identity(patient),
        "number": version.number,
        "before": before.number if before else None,
        "differences": differences(content_of(before), content_of(version)) if before else [],
    }
    return render(request, "crisis_plans/plan_differences.jinja", context)


def find_version(user: User, patient: Patient, number: int) -> PlanVersion:
    """The version with all its parts, or 404."""
    # A number beyond PostgreSQL's integers names no version either.
    version = version_of(user, patient, number) if number <= 2_147_483_647 else None
    if version is None:
        raise Http404
    return version


def posted(request: HttpRequest) -> QueryDict | None:
    """What binds a form: None before anything was sent, and what was sent even if it is empty."""
    return request.POST if request.method == "POST" else None


def version_context(patient: Patient, version: PlanVersion, current: PlanVersion | None) -> dict[str, Any]:
    """What every page that shows one whole version needs."""
    return {
        "patient": patient,
        "identity": identity(patient),
        "number": version.number,
        "plan": plan_view(version, current_number=current.number if current else None),
        "steps": sign_off_rows(version),
        "authors": author_names(version),
        "has_earlier": version.number > 1,
    }


def _open(user: User, patient: Patient) -> dict[str, Any] | None:
    version = open_version(user, patient)
    if version is None:
        return None
    return {"number": version.number, "state": version.state.value, "is_editable": version.is_editable}
