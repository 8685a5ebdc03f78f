"""Drafts: keeping what is typed, the page of unfinished forms, and what a form view needs for both."""

from __future__ import annotations

import uuid
from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.forms.drafts import fill_from_draft, typed_data
from cases.models import Patient
from cases.presenters.drafts import present_drafts
from cases.selectors.drafts import old_drafts_of_team, own_draft, unfinished_draft, unfinished_drafts
from cases.services.drafts import discard_draft, keep_draft, take_draft
from cases.views.gate import patient_page
from core.errors import DomainError
from core.formatting import clock_time

NEW_PATIENT = "new-patient"


class PageDraft:
    """The draft of one form page: ``fill`` an empty form with it, ``keep`` on request, ``finish`` once saved.

    The template puts ``url`` into the form's ``data-draft-url``, a hidden ``draft_about`` beside it, and a button
    ``name="save_draft"`` for people without JavaScript.
    """

    def __init__(self, request: HttpRequest, patient: Patient | None, form: str, about: str = "") -> None:
        self.request, self.patient, self.form, self.about = request, patient, form, about
        self.user: User = signed_in_user(request)
        self.saved_at: datetime | None = None

    @property
    def url(self) -> str:
        if self.patient is None:
            return reverse("cases:draft_keep_new_patient")
        return reverse("cases:draft_keep", args=[self.patient.pk, self.form])

    @property
    def is_wanted(self) -> bool:
        """Whether "Save draft" was pressed rather than "Save"."""
        return self.request.method == "POST" and "save_draft" in self.request.POST

    def fill(self, *page_forms: forms.BaseForm) -> bool:
        """Put the own draft, if there is one, into unbound forms."""
        draft = own_draft(self.user, self.patient, self.form, self.about)
        if draft is None:
            return False
        self.saved_at = draft.saved_at
        for form in page_forms:
            fill_from_draft(form, draft.data)
        return True

    def keep(self, form: forms.BaseForm | None = None) -> HttpResponse | None:
        """Keep what was posted and show the same page again; a refusal becomes an error of ``form`` and None."""
        try:
            draft = keep_draft(
                by=self.user,
                patient=self.patient,
                form=self.form,
                about=self.about,
                data=typed_data(self.request.POST),
            )
        except DomainError as error:
            if form is None:
                raise
            form.add_error(None, error.message)
            return None
        messages.success(
            self.request, f"Draft saved {clock_time(draft.saved_at)}. It is not on the record yet."
        )
        return HttpResponseRedirect(self.request.get_full_path())

    def finish(self) -> None:
        """The form was saved; call it before answering, so that draft and entry change places in one commit."""
        take_draft(by=self.user, patient=self.patient, form=self.form, about=self.about)


@require_POST
@patient_page()
def draft_keep(request: HttpRequest, patient: Patient, form: str) -> HttpResponse:
    return _keep(request, patient, form)


@require_POST
@role_page(Act.REGISTER_PATIENT)
def draft_keep_new_patient(request: HttpRequest) -> HttpResponse:
    return _keep(request, None, NEW_PATIENT)


def _keep(request: HttpRequest, patient: Patient | None, form: str) -> HttpResponse:
    try:
        draft = keep_draft(
            by=signed_in_user(request),
            patient=patient,
            form=form,
            about=request.POST.get("draft_about", ""),
            data=typed_data(request.POST),
        )
    except DomainError as error:
        return JsonResponse({"message": error.message}, status=400)
    return JsonResponse({"saved_at": draft.saved_at.isoformat(), "time": clock_time(draft.saved_at)})


@require_GET
def drafts(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    context = {"drafts": present_drafts(unfinished_drafts(user)), "old_drafts": old_drafts_of_team(user)}
    return render(request, "cases/drafts.jinja", context)


def draft_discard(request: HttpRequest, draft_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    draft = unfinished_draft(user, draft_id)
    if draft is None:
        raise Http404
    if request.method == "POST":
        discard_draft(by=user, draft=draft)
        messages.success(request, "Draft discarded.")
        return redirect("cases:drafts")
    return render(request, "cases/draft_discard.jinja", {"draft": present_drafts([draft])[0]})
