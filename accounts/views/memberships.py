"""Roles and registrations of one person, given and ended by an administrator."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.directory import person_to_give_role, registration_of, role_within_reach
from accounts.forms import RegistrationForm, RenewalForm, RoleForm, WithdrawalForm
from accounts.gate import role_page, signed_in_user
from accounts.models import ProfessionalRegistration, User
from accounts.presenters import role_words
from accounts.roles import Act
from accounts.services.people import add_membership, end_membership
from accounts.services.registrations import add_registration, renew_registration, withdraw_registration
from accounts.views.people import the_person
from accounts.views.telling import do_and_tell
from core.step_up import needs_step_up
from core.submission import try_service


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def membership_add(request: HttpRequest, user_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person = person_to_give_role(by, user_id)
    if person is None:
        raise Http404
    form = RoleForm(request.POST or None, by=by)
    if request.method == "POST" and form.is_valid():
        given = try_service(form, lambda: add_membership(by=by, user=person, **form.cleaned_data))
        if given is not None:
            messages.success(request, f"{person}: {role_words(given)}.")
            return redirect("accounts:person", person.pk)
    return render(request, "accounts/membership_add.jinja", {"form": form, "person": person})


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def membership_end(request: HttpRequest, user_id: int, membership_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person = the_person(request, user_id, has_role_to_come=True)
    membership = role_within_reach(by, person, membership_id)
    if membership is None:
        raise Http404
    if request.method == "POST":
        do_and_tell(
            request,
            lambda: end_membership(by=by, membership=membership),
            f"The role was ended: {role_words(membership)}.",
        )
        return redirect("accounts:person", person.pk)
    context = {"person": person, "role": role_words(membership)}
    return render(request, "accounts/membership_end.jinja", context)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def registration_add(request: HttpRequest, user_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person = the_person(request, user_id)
    form = RegistrationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        added = try_service(form, lambda: add_registration(by=by, user=person, **form.cleaned_data))
        if added is not None:
            messages.success(request, f"The registration of {person} was recorded.")
            return redirect("accounts:person", person.pk)
    return render(request, "accounts/registration_add.jinja", {"form": form, "person": person})


def _their_registration(
    request: HttpRequest, user_id: int, registration_id: int
) -> tuple[User, ProfessionalRegistration]:
    person = the_person(request, user_id)
    registration = registration_of(person, registration_id)
    if registration is None:
        raise Http404
    return person, registration


def _told_withdrawn(request: HttpRequest, person: User) -> HttpResponse:
    """For a page left open, or the way back to one: before anything is typed."""
    messages.info(
        request, "This registration was withdrawn. If they are back on the register, record a new one."
    )
    return redirect("accounts:person", person.pk)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def registration_renew(request: HttpRequest, user_id: int, registration_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person, registration = _their_registration(request, user_id, registration_id)
    if request.method == "GET" and registration.withdrawn_on is not None:
        return _told_withdrawn(request, person)
    form = RenewalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        valid_until = form.cleaned_data["valid_until"]
        try_service(
            form, lambda: renew_registration(by=by, registration=registration, valid_until=valid_until)
        )
        if not form.errors:
            messages.success(request, f"The registration of {person} was renewed.")
            return redirect("accounts:person", person.pk)
    context = {"form": form, "person": person, "registration": registration}
    return render(request, "accounts/registration_renew.jinja", context)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def registration_withdraw(request: HttpRequest, user_id: int, registration_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person, registration = _their_registration(request, user_id, registration_id)
    if request.method == "GET" and registration.withdrawn_on is not None:
        return _told_withdrawn(request, person)
    form = WithdrawalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        withdrawn = try_service(
            form, lambda: withdraw_registration(by=by, registration=registration, **form.cleaned_data)
        )
        if withdrawn is not None:
            messages.success(request, f"The registration of {person} was withdrawn.")
            return redirect("accounts:person", person.pk)
    context = {"form": form, "person": person, "registration": registration}
    return render(request, "accounts/registration_withdraw.jinja", context)
