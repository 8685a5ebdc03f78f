"""Handing a case over and closing it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from cases.forms.patients import CloseCaseForm, HandOverForm
from cases.models import Case, Patient
from cases.presenters.caseload import present_unmentored
from cases.presenters.patients import identity, mentor_choices, name_with_reference, record_href
from cases.selectors.patients import mentors_of, open_case_for
from cases.selectors.unmentored import MOST_UNMENTORED, cases_without_mentor
from cases.services.cases import close_case, hand_over
from cases.views.clashes import save_edit
from cases.views.drafts import PageDraft
from cases.views.gate import patient_page

CASE_CLOSE = "case-close"


@require_safe
@role_page(Act.CHANGE_CASE)
def unmentored(request: HttpRequest) -> HttpResponse:
    """The team's open cases one of whose mentors cannot work with patients today."""
    found = list(cases_without_mentor(signed_in_user(request))[: MOST_UNMENTORED + 1])
    context = {
        "lines": present_unmentored(found[:MOST_UNMENTORED]),
        "has_more": len(found) > MOST_UNMENTORED,
    }
    return render(request, "cases/unmentored.jinja", context)


@patient_page(Act.CHANGE_CASE)
def case_hand_over(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    case = _open_case(user, patient)
    mentors = mentors_of([case.team], keeping=[case.clinical_mentor_id, case.police_mentor_id])
    clinical, police = mentor_choices(mentors)

    def bind(posted: QueryDict) -> HandOverForm:
        return HandOverForm(posted, clinical=clinical, police=police)

    def save(form: forms.BaseForm) -> Case:
        people = {person.pk: person for m in mentors for person in [*m.clinical, *m.police]}
        cleaned = form.cleaned_data
        return hand_over(
            by=user,
            case=case,
            version=cleaned["version"],
            clinical_mentor=people[cleaned["clinical_mentor"]],
            police_mentor=people[cleaned["police_mentor"]],
        )

    form: forms.BaseForm = HandOverForm(
        clinical=clinical,
        police=police,
        initial={
            "clinical_mentor": str(case.clinical_mentor_id),
            "police_mentor": str(case.police_mentor_id),
            "version": case.version,
        },
    )
    if request.method == "POST":
        edited = save_edit(request, patient, saved=form, bind=bind, save=save, title="Mentors")
        if edited.is_saved:
            messages.success(request, f"The mentors of {name_with_reference(patient)} are changed.")
            return redirect(record_href(patient))
        if edited.page is not None:
            return edited.page
        form = edited.form
    return render(request, "cases/case_hand_over.jinja", _context(patient, form))


@patient_page(Act.CHANGE_CASE)
def case_close(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    case = _open_case(user, patient)
    draft = PageDraft(request, patient, CASE_CLOSE)

    def save(form: forms.BaseForm) -> Case:
        cleaned = form.cleaned_data
        return close_case(
            by=user,
            case=case,
            version=cleaned["version"],
            next_service=cleaned["next_service"],
            step_down_note=cleaned["step_down_note"],
        )

    form: forms.BaseForm = CloseCaseForm(initial={"version": case.version})
    if request.method == "POST":
        if draft.is_wanted:
            form = CloseCaseForm(request.POST)
            if kept := draft.keep(form):
                return kept
        else:
            edited = save_edit(
                request, patient, saved=form, bind=CloseCaseForm, save=save, title="Close the case"
            )
            if edited.is_saved:
                draft.finish()
                messages.success(request, f"The case of {name_with_reference(patient)} is closed.")
                return redirect(record_href(patient))
            if edited.page is not None:
                return edited.page
            form = edited.form
    else:
        draft.fill(form)
    return render(
        request,
        "cases/case_close.jinja",
        _context(patient, form) | {"draft": draft, "read_days": settings.CLOSED_CASE_READ_DAYS},
    )


def _open_case(user: User, patient: Patient) -> Case:
    case = open_case_for(user, patient, Act.CHANGE_CASE)
    if case is None:
        raise Http404
    return case


def _context(patient: Patient, form: forms.BaseForm) -> dict[str, Any]:
    return {"identity": identity(patient), "record_href": record_href(patient), "form": form}
