"""One's own page: roles, registration, second factors, and where one is signed in."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.directory import own_roles, registrations_of
from accounts.forms import HomePostcodeForm
from accounts.gate import signed_in_user
from accounts.home_postcodes import home_postcode_of
from accounts.presenters import (
    access_words,
    present_checks,
    present_registrations,
    present_roles,
    present_sessions,
)
from accounts.services.home_postcodes import keep_home_postcode, remove_home_postcode
from accounts.services.sessions import end_other_sessions, end_session_called, open_sessions
from accounts.staff_checks import check_states
from accounts.views.telling import do_and_tell
from core.formatting import counted
from core.submission import try_service


@require_GET
def profile(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    states = check_states([user])[user.pk]
    context = {
        "person": user,
        "access": access_words(states),
        "checks": present_checks(states, person=user, may_change=False),
        "roles": present_roles(own_roles(user), may_change=False),
        "registrations": present_registrations(registrations_of(user), may_change=False),
        "has_home_postcode": home_postcode_of(user) is not None,
        "sessions": present_sessions(open_sessions(user, this_key=request.session.session_key)),
    }
    return render(request, "accounts/profile.jinja", context)


@require_http_methods(["GET", "HEAD", "POST"])
def home_postcode(request: HttpRequest) -> HttpResponse:
    """Give one's own postcode, or take it back; what is kept is never shown."""
    user = signed_in_user(request)
    form = HomePostcodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data["postcode"]
        if not typed:
            remove_home_postcode(by=user)
            messages.success(request, "No postcode of yours is kept.")
            return redirect("accounts:profile")
        try_service(form, lambda: keep_home_postcode(by=user, postcode=typed))
        if not form.errors:
            messages.success(request, "Your postcode is kept in a form that nobody can read.")
            return redirect("accounts:profile")
    context = {"form": form, "has_home_postcode": home_postcode_of(user) is not None}
    return render(request, "accounts/home_postcode.jinja", context)


@require_POST
def session_end(request: HttpRequest) -> HttpResponse:
    """End the one session that the form names."""
    reference = request.POST.get("session", "")
    do_and_tell(
        request,
        lambda: end_session_called(by=signed_in_user(request), reference=reference),
        "That session was ended.",
    )
    return redirect("accounts:profile")


@require_POST
def sessions_end_others(request: HttpRequest) -> HttpResponse:
    number = end_other_sessions(by=signed_in_user(request), this_key=request.session.session_key)
    messages.success(request, f"{counted(number, 'other session')} ended.")
    return redirect("accounts:profile")
