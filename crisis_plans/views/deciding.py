"""The decision on a submitted version, made on a page that shows exactly what is approved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.gate import signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.views.gate import patient_page
from core.errors import DomainError, NotAllowed, NotVisible, VersionClash
from core.submission import try_service
from crisis_plans.content import content_of
from crisis_plans.forms import DecisionForm
from crisis_plans.models import PlanSignOff, PlanVersion
from crisis_plans.presenters import gap_links
from crisis_plans.rules import IncompletePlanError, find_gaps
from crisis_plans.selectors import current_plan
from crisis_plans.services import approve, return_to_author
from crisis_plans.services.approval import current_registration, why_not_decide
from crisis_plans.services.signing import what_happened
from crisis_plans.views.reading import find_version, posted, version_context


@patient_page(Act.APPROVE_PLAN)
def plan_decide(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    if version.state != PlanVersion.State.SUBMITTED:
        messages.info(request, f"This version is not waiting for approval. {what_happened(version)}")
        return redirect("crisis_plans:plan_version", patient.pk, number)
    form = DecisionForm(posted(request), initial={"revision": version.revision})
    if request.method == "POST" and form.is_valid():
        try:
            decided = _decide(user, version, form)
        except VersionClash as clash:
            # What was read is not what stands there now: nothing is decided, and the page shows the new text.
            form = DecisionForm(initial={"revision": version.revision})
            messages.info(request, f"{clash.message} Nothing was decided. Read the new text first.")
            decided = None
        if decided is not None:
            return _decided(request, version, decided)
    context = version_context(patient, version, current_plan(user, patient)) | _signer_context(user, version)
    return render(request, "crisis_plans/plan_decide.jinja", context | {"form": form})


def _decide(user: User, version: PlanVersion, form: DecisionForm) -> PlanSignOff | None:
    typed: dict[str, Any] = form.cleaned_data
    if typed["decision"] == DecisionForm.RETURN:
        return try_service(
            form,
            lambda: return_to_author(
                by=user, version=version, revision=typed["revision"], comment=typed["comment"]
            ),
        )
    try:
        with transaction.atomic():
            return approve(by=user, version=version, revision=typed["revision"])
    except IncompletePlanError as refusal:
        for gap in refusal.gaps:
            form.add_error("decision", gap.text)
    except (NotAllowed, NotVisible, VersionClash):
        raise
    except DomainError as refusal:  # somebody, or a second click, has decided meanwhile
        form.add_error(None, refusal.message)
    return None


def _decided(request: HttpRequest, version: PlanVersion, decided: PlanSignOff) -> HttpResponse:
    if decided.kind == PlanSignOff.Kind.APPROVED:
        messages.success(request, f"Version {version.number} is approved and is the plan now.")
        return redirect("crisis_plans:plan", version.patient_id)
    messages.success(request, f"Version {version.number} was returned with your comment.")
    return redirect("crisis_plans:plan_version", version.patient_id, version.number)


def _signer_context(user: User, version: PlanVersion) -> dict[str, Any]:
    registration = current_registration(user)
    edit_href = reverse("crisis_plans:plan_edit", args=[version.patient_id, version.number])
    return {
        "why_not": why_not_decide(user, version),
        "signer": str(user),
        "registration": str(registration) if registration else "",
        "gaps": gap_links(find_gaps(content_of(version)), edit_href),
    }
