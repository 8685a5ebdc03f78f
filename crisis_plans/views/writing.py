"""Writing a version: begin, edit, submit, take back, discard."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.gate import signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.forms.drafts import fill_from_draft, typed_data
from cases.models import Patient
from cases.presenters.patients import identity
from cases.selectors.drafts import own_draft
from cases.services.drafts import keep_draft
from cases.views.drafts import PageDraft
from cases.views.gate import patient_page
from core.errors import VersionClash
from core.form_fields import CaseworkForm
from core.submission import try_service
from crisis_plans.content import PlanContent, content_of
from crisis_plans.forms import PlanForm, RevisionForm, initial_from, rows_for, rows_in
from crisis_plans.models import PlanSignOff, PlanVersion
from crisis_plans.presenters import clashing_sections, gap_links, sign_off_rows
from crisis_plans.rules import find_gaps
from crisis_plans.selectors import current_plan
from crisis_plans.services import (
    discard_draft,
    save_draft,
    start_draft,
    submit,
    withdraw_submission,
)
from crisis_plans.services.signing import what_happened
from crisis_plans.views.reading import find_version, posted, version_context

# The name of the form in cases.services.drafts.
PLAN_FORM = "plan"


@patient_page(Act.DRAFT_PLAN)
def plan_start(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    form = CaseworkForm(posted(request))
    if request.method == "POST":
        version = try_service(form, lambda: start_draft(by=user, patient=patient))
        if version is not None:
            return redirect("crisis_plans:plan_edit", patient.pk, version.number)
    current = current_plan(user, patient)
    context = {
        "patient": patient,
        "identity": identity(patient),
        "current": current.number if current else None,
        "form": form,
    }
    return render(request, "crisis_plans/plan_start.jinja", context)


@patient_page(Act.DRAFT_PLAN)
def plan_edit(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    if not version.is_editable:
        return _closed(request, version)
    page_draft = PageDraft(request, patient, PLAN_FORM, about=str(number))
    if request.method != "POST":
        return _edit_page(request, version, page_draft, _form_to_fill(user, version, page_draft))
    if "add_call" in request.POST:
        form = _typed_form(request, version, rows=rows_in(request.POST) + 1)
        return _edit_page(request, version, page_draft, form)
    return _save(request, version, page_draft)


@patient_page(Act.DRAFT_PLAN)
def plan_submit(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    if not version.is_editable:
        return _closed(request, version)
    form = RevisionForm(posted(request), initial={"revision": version.revision})
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["revision"]
        try:
            done = try_service(form, lambda: submit(by=user, version=version, revision=sent))
        except VersionClash as clash:
            return _read_again(request, version, clash)
        if done:
            messages.success(request, "Submitted. The clinical lead has been told.")
            return redirect("crisis_plans:plan_version", patient.pk, number)
    gaps = find_gaps(content_of(version))
    context = version_context(patient, version, current_plan(user, patient)) | {
        "form": form,
        "gaps": gap_links(gaps, reverse("crisis_plans:plan_edit", args=[patient.pk, number])),
    }
    return render(request, "crisis_plans/plan_submit.jinja", context)


@patient_page(Act.DRAFT_PLAN)
def plan_withdraw(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    form = RevisionForm(posted(request), initial={"revision": version.revision})
    done: PlanSignOff | None = None
    if request.method == "POST":
        done = try_service(form, lambda: withdraw_submission(by=user, version=version))
    if done is not None:
        messages.success(request, f"Version {number} is a draft again.")
        return redirect("crisis_plans:plan_edit", patient.pk, number)
    context = {"patient": patient, "identity": identity(patient), "number": number, "form": form}
    return render(request, "crisis_plans/plan_withdraw.jinja", context)


@patient_page(Act.DRAFT_PLAN)
def plan_discard(request: HttpRequest, patient: Patient, number: int) -> HttpResponse:
    user = signed_in_user(request)
    version = find_version(user, patient, number)
    form = RevisionForm(posted(request), initial={"revision": version.revision})
    if request.method == "POST" and form.is_valid():
        sent = form.cleaned_data["revision"]
        try:
            done = try_service(form, lambda: discard_draft(by=user, version=version, revision=sent))
        except VersionClash as clash:
            return _read_again(request, version, clash)
        if done:
            PageDraft(request, patient, PLAN_FORM, about=str(number)).finish()
            messages.success(request, f"Version {number} was discarded.")
            return redirect("crisis_plans:plan", patient.pk)
    context = {"patient": patient, "identity": identity(patient), "number": number, "form": form}
    return render(request, "crisis_plans/plan_discard.jinja", context)


def _save(request: HttpRequest, version: PlanVersion, page_draft: PageDraft) -> HttpResponse:
    user = page_draft.user
    form = PlanForm(request.POST, rows=rows_in(request.POST))
    if not form.is_valid():
        return _edit_page(request, version, page_draft, form)
    content, read = form.content(), form.cleaned_data["revision"]
    try:
        saved = try_service(
            form, lambda: save_draft(by=user, version=version, revision=read, content=content)
        )
    except VersionClash:
        return _clash_page(request, version, page_draft, content)
    if saved is None:
        return _edit_page(request, version, page_draft, form)
    page_draft.finish()
    if "go_on" in request.POST:
        return redirect("crisis_plans:plan_submit", version.patient_id, version.number)
    messages.success(request, f"Version {version.number} saved as a draft.")
    return redirect("crisis_plans:plan_version", version.patient_id, version.number)


def _clash_page(
    request: HttpRequest, version: PlanVersion, page_draft: PageDraft, mine: PlanContent
) -> HttpResponse:
    # Kept on the server with the revision it was typed on: found again later, it clashes again and shows both.
    keep_draft(
        by=page_draft.user,
        patient=page_draft.patient,
        form=page_draft.form,
        about=page_draft.about,
        data=typed_data(request.POST),
    )
    # Read again: the clash is with what was saved after this request began.
    theirs = find_version(page_draft.user, page_draft.patient or version.patient, version.number)
    form = _typed_form(request, theirs, rows=rows_in(request.POST))
    clash = clashing_sections(content_of(theirs), mine)
    return _edit_page(request, theirs, page_draft, form, clash=clash)


def _edit_page(
    request: HttpRequest,
    version: PlanVersion,
    page_draft: PageDraft,
    form: PlanForm,
    *,
    clash: list[Any] | None = None,
) -> HttpResponse:
    assert page_draft.patient is not None
    last = version.last_sign_off
    context = {
        "patient": page_draft.patient,
        "identity": identity(page_draft.patient),
        "number": version.number,
        "form": form,
        "draft": page_draft,
        "clash": clash,
        "returned": sign_off_rows(version)[-1] if last and last.kind == "returned" else None,
    }
    return render(request, "crisis_plans/plan_edit.jinja", context)


def _form_to_fill(user: User, version: PlanVersion, page_draft: PageDraft) -> PlanForm:
    """The saved text, or what this user typed after it and has not saved."""
    content = content_of(version)
    kept = own_draft(user, page_draft.patient, page_draft.form, page_draft.about)
    rows = rows_for(content)
    if kept is not None:
        rows = max(rows, rows_in(kept.data))
        page_draft.saved_at = kept.saved_at
    form = PlanForm(initial=initial_from(content) | {"revision": version.revision}, rows=rows)
    if kept is not None:
        fill_from_draft(form, kept.data)
        form.initial["call_rows"] = form.rows
    return form


def _typed_form(request: HttpRequest, version: PlanVersion, *, rows: int) -> PlanForm:
    """What was typed, unjudged, now on top of the text that is saved."""
    form = PlanForm(rows=rows)
    fill_from_draft(form, typed_data(request.POST))
    form.initial["call_rows"] = form.rows
    if "add_call" not in request.POST:
        form.initial["revision"] = version.revision
    return form


def _closed(request: HttpRequest, version: PlanVersion) -> HttpResponse:
    messages.info(request, f"This version cannot be changed now. {what_happened(version)}")
    return redirect("crisis_plans:plan_version", version.patient_id, version.number)


def _read_again(request: HttpRequest, version: PlanVersion, clash: VersionClash) -> HttpResponse:
    messages.info(request, f"{clash.message} Read it again first.")
    return redirect("crisis_plans:plan_version", version.patient_id, version.number)
