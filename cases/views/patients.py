"""Finding, registering and editing people."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may, teams_in_which
from cases.forms.patients import DuplicateForm, FindForm, PatientEditForm, RegisterForm, patient_initial
from cases.models import Patient
from cases.nhs_numbers import without_spacing
from cases.presenters.patients import Person, identity, mentor_choices, people, record_href, team_choices
from cases.selectors.patients import find_patients, mentors_of, names_of, related_to, visible_namesakes
from cases.services.patients import (
    REGISTERED,
    edit_patient,
    register_patient,
    require_lead_of_team,
    settle_duplicate,
)
from cases.views.clashes import save_edit
from cases.views.drafts import NEW_PATIENT, PageDraft
from cases.views.gate import patient_page
from core.submission import try_service

# In the session once somebody has searched: a registration comes after a search, and after the search alone.
_HAS_SEARCHED = "has_searched_for_patient"
PATIENT_EDIT = "patient-edit"


@role_page(Act.REGISTER_PATIENT)
def find(request: HttpRequest) -> HttpResponse:
    form = FindForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {
        "form": form,
        "has_searched": False,
        "may_break_glass": may(signed_in_user(request), Act.BREAK_GLASS),
    }
    if request.method == "POST" and form.is_valid():
        found = find_patients(
            signed_in_user(request), form.cleaned_data["terms"], form.cleaned_data["date_of_birth"]
        )
        request.session[_HAS_SEARCHED] = True
        context |= {"has_searched": True, "people": people(found.patients), "has_more": found.has_more}
    return render(request, "cases/find.jinja", context)


@role_page(Act.REGISTER_PATIENT)
def patient_register(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    draft = PageDraft(request, None, NEW_PATIENT)
    namesakes: list[Person] = []
    if request.method == "POST":
        form = _register_form(user, request.POST)
        if draft.is_wanted and (kept := draft.keep(form)):
            return kept
        if form.is_valid():
            patient = try_service(form, lambda: _register(user, form))
            if patient is not None:
                draft.finish()
                request.session.pop(_HAS_SEARCHED, None)
                messages.success(request, REGISTERED)
                return redirect(record_href(patient))
            namesakes = _namesakes(user, form)
    else:
        form = _register_form(user)
        if not draft.fill(form) and not request.session.get(_HAS_SEARCHED):
            return redirect("cases:find")
    context = {"form": form, "draft": draft, "namesakes": namesakes}
    return render(request, "cases/patient_register.jinja", context)


@patient_page(Act.EDIT_PATIENT)
def patient_edit(request: HttpRequest, patient: Patient) -> HttpResponse:
    user = signed_in_user(request)
    draft = PageDraft(request, patient, PATIENT_EDIT)
    initial = patient_initial(patient, names_of(user, patient), related_to(user, patient))
    form: forms.BaseForm = PatientEditForm(initial=initial | {"version": patient.version})
    if request.method == "POST":
        if draft.is_wanted:
            form = PatientEditForm(request.POST)
            if kept := draft.keep(form):
                return kept
        else:
            edited = save_edit(
                request, patient, saved=form, bind=PatientEditForm, save=_edit(user, patient), title="Details"
            )
            if edited.is_saved:
                draft.finish()
                messages.success(request, "Details saved.")
                return redirect(record_href(patient))
            if edited.page is not None:
                return edited.page
            form = edited.form
    else:
        draft.fill(form)
    context = {
        "identity": identity(patient),
        "record_href": record_href(patient),
        "form": form,
        "draft": draft,
        "namesakes": _namesakes(user, form, apart_from=patient) if form.errors else [],
    }
    return render(request, "cases/patient_edit.jinja", context)


@role_page(Act.CHANGE_CASE)
def duplicate(request: HttpRequest, patient_id: uuid.UUID, registered_id: uuid.UUID) -> HttpResponse:
    """Not gated by the patient: the lead of the team decides, even where the case has long been closed."""
    user = signed_in_user(request)
    reference = require_lead_of_team(by=user, patient=patient_id)
    form = DuplicateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        settle_duplicate(
            by=user, patient=patient_id, registered=registered_id, decision=form.cleaned_data["decision"]
        )
        messages.success(request, "Your decision is on the trail, and the task is done.")
        return redirect("home")
    context = {
        "form": form,
        "reference": reference,
        "record_href": reverse("patient_record", args=[patient_id]),
    }
    return render(request, "cases/duplicate.jinja", context)


def _register_form(user: User, posted: QueryDict | None = None) -> RegisterForm:
    teams = teams_in_which(user, Act.REGISTER_PATIENT)
    mentors = mentors_of(teams)
    clinical, police = mentor_choices(mentors)
    form = RegisterForm(posted, teams=team_choices(teams), clinical=clinical, police=police)
    for name, choices in (("clinical_mentor", clinical), ("police_mentor", police)):
        if str(user.pk) in dict(choices):
            form.initial[name] = str(user.pk)
    return form


def _register(user: User, form: RegisterForm) -> Patient:
    cleaned = form.cleaned_data
    teams = teams_in_which(user, Act.REGISTER_PATIENT)
    people_by_key = {
        person.pk: person for mentors in mentors_of(teams) for person in [*mentors.clinical, *mentors.police]
    }
    return register_patient(
        by=user,
        team=next(team for team in teams if team.pk == cleaned["team"]),
        clinical_mentor=people_by_key[cleaned["clinical_mentor"]],
        police_mentor=people_by_key[cleaned["police_mentor"]],
        details=form.details(),
        submission_key=cleaned["submission_key"],
        is_somebody_else=cleaned["is_somebody_else"],
    )


def _namesakes(user: User, form: forms.BaseForm, apart_from: Patient | None = None) -> list[Person]:
    """Links to the visible records that a refusal is about."""
    cleaned = form.cleaned_data
    if not {"family_name", "nhs_number"} & set(form.errors) or "date_of_birth" not in cleaned:
        return []
    number, given, family = (form.data.get(n, "") for n in ("nhs_number", "given_name", "family_name"))
    if "\x00" in number + given + family:  # refused at its field; the database cannot even look for it
        return []
    found = visible_namesakes(
        user,
        nhs_number=without_spacing(number),
        given_name=given,
        family_name=family,
        born=cleaned["date_of_birth"],
    )
    if isinstance(form, RegisterForm) and "family_name" in form.errors:
        form.ask_whether_somebody_else()
    return people([patient for patient in found if patient != apart_from])


def _edit(user: User, patient: Patient) -> Any:
    def save(form: forms.BaseForm) -> Patient:
        assert isinstance(form, PatientEditForm)
        return edit_patient(
            by=user, patient=patient, version=form.cleaned_data["version"], details=form.details()
        )

    return save
