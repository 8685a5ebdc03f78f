"""The people an administrator looks after: list, one person, inviting, leaving. Nothing about patients."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.directory import (
    PAGE,
    looked_after_among,
    open_invitation_of,
    people_looked_after,
    person_looked_after,
    person_to_add,
    registrations_of,
    resets_to_confirm,
    roles_within_reach,
)
from accounts.forms import ExistingPersonForm, InvitationForm
from accounts.gate import role_page, signed_in_user
from accounts.models import User
from accounts.permissions import manages_account
from accounts.presenters import (
    access_words,
    account_facts,
    employer_facts,
    present_checks,
    present_people,
    present_recorded_checks,
    present_registrations,
    present_roles,
)
from accounts.roles import Act
from accounts.services.invitations import invite_person, resend_invitation
from accounts.services.leaving import end_person
from accounts.services.second_factors import has_second_factor, open_reset_of
from accounts.services.sessions import end_sessions_of
from accounts.staff_checks import check_states, checks_recorded_of
from accounts.views.telling import do_and_tell
from core.step_up import needs_step_up
from core.submission import try_service


def the_person(request: HttpRequest, user_id: int, *, has_role_to_come: bool = False) -> User:
    """Raises: Http404 for somebody the user does not look after."""
    person = person_looked_after(signed_in_user(request), user_id, has_role_to_come=has_role_to_come)
    if person is None:
        raise Http404
    return person


@require_GET
@role_page(Act.MANAGE_PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody in the user's teams and organisations; ?left=yes for those who have gone."""
    by = signed_in_user(request)
    has_left = request.GET.get("left") == "yes"
    page = page_number(request.GET.get("page", ""))
    start = (page - 1) * PAGE
    found = list(people_looked_after(by, has_left=has_left)[start : start + PAGE + 1])
    left = "left=yes&" if has_left else ""
    context = {
        "people": present_people(found[:PAGE], looked_after=looked_after_among(by, found)),
        "has_left": has_left,
        "earlier_href": f"?{left}page={page - 1}" if page > 1 else "",
        "later_href": f"?{left}page={page + 1}" if len(found) > PAGE else "",
        "resets": list(resets_to_confirm(by)),
    }
    return render(request, "accounts/people.jinja", context)


def page_number(typed: str) -> int:
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= 9
    return min(int(typed), 10_000) if is_number and int(typed) > 0 else 1


@require_GET
@role_page(Act.MANAGE_PEOPLE)
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    by = signed_in_user(request)
    found = the_person(request, user_id, has_role_to_come=True)
    is_self = found.pk == by.pk
    is_looked_after = person_looked_after(by, found.pk) is not None
    may_change_roles = found.is_active and not is_self
    may_change = may_change_roles and is_looked_after
    reset = open_reset_of(found)
    states = check_states([found])[found.pk]
    context = {
        "person": found,
        "is_self": is_self,
        "is_looked_after": is_looked_after,
        "may_change_roles": may_change_roles,
        "may_change": may_change,
        "may_close": may_change and manages_account(by, found),
        "facts": account_facts(found, open_invitation_of(found))
        if is_looked_after
        else employer_facts(found),
        "is_invited": found.is_active and not found.has_usable_password(),
        "roles": present_roles(roles_within_reach(by, found), may_change=may_change_roles),
        "registrations": present_registrations(registrations_of(found), may_change=may_change),
        "access": access_words(states),
        "checks": present_checks(states, person=found, may_change=may_change),
        "recorded_checks": present_recorded_checks(checks_recorded_of(found)),
        "has_second_factor": has_second_factor(found),
        "reset": reset,
        "asked_by_self": reset is not None and reset.requested_by_id == by.pk,
    }
    return render(request, "accounts/person.jinja", context)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def person_invite(request: HttpRequest) -> HttpResponse:
    by = signed_in_user(request)
    form = InvitationForm(request.POST or None, by=by)
    if request.method == "POST" and form.is_valid():
        invited = try_service(form, lambda: invite_person(by=by, **form.cleaned_data))
        if invited is not None:
            messages.success(request, f"{invited} was invited. The link in the e-mail works for 7 days.")
            return redirect("accounts:person", invited.pk)
    return render(request, "accounts/person_invite.jinja", {"form": form})


@require_http_methods(["GET", "POST"])
@role_page(Act.MANAGE_PEOPLE)
def person_find(request: HttpRequest) -> HttpResponse:
    """Somebody who has an account already, to give them a role in a team of one's own."""
    by = signed_in_user(request)
    form = ExistingPersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = person_to_add(by, form.cleaned_data["name"])
        if found is not None:
            return redirect("accounts:membership_add", found.pk)
        form.add_error("name", "Nobody in your teams' organisations signs in with this name")
    return render(request, "accounts/person_find.jinja", {"form": form})


@require_POST
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def invitation_resend(request: HttpRequest, user_id: int) -> HttpResponse:
    found = the_person(request, user_id)
    do_and_tell(
        request,
        lambda: resend_invitation(by=signed_in_user(request), user=found),
        f"A new link was sent to {found.email}. The old one no longer works.",
    )
    return redirect("accounts:person", found.pk)


@require_POST
@role_page(Act.MANAGE_PEOPLE)
def person_sign_out(request: HttpRequest, user_id: int) -> HttpResponse:
    """End all of their sessions: a lost or stolen phone."""
    found = the_person(request, user_id)
    do_and_tell(
        request,
        lambda: end_sessions_of(by=signed_in_user(request), user=found),
        f"{found} was signed out everywhere. They can sign in again.",
    )
    return redirect("accounts:person", found.pk)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def person_leave(request: HttpRequest, user_id: int) -> HttpResponse:
    found = the_person(request, user_id)
    if request.method == "POST":
        do_and_tell(
            request,
            lambda: end_person(by=signed_in_user(request), user=found),
            f"The account of {found} is closed.",
        )
        return redirect("accounts:person", found.pk)
    return render(request, "accounts/person_leave.jinja", {"person": found})
