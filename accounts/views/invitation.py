"""The page behind the link of an invitation: a first password, then the second factor."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts.forms import FirstPasswordForm
from accounts.models import User
from accounts.services.invitations import accept_invitation, find_invitation
from core.submission import try_service

_TOKEN = "invitation_token"  # noqa: S105  (the name of a session entry)


@login_not_required
@require_GET
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token from the address into the session, so that no page, link or log carries it on."""
    request.session[_TOKEN] = token
    return redirect("accounts:invitation")


@login_not_required
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    token = str(request.session.get(_TOKEN, ""))
    found = find_invitation(token) if token else None
    if found is None or request.user.is_authenticated:
        context = {"is_signed_in": request.user.is_authenticated}
        return render(request, "accounts/invitation_over.jinja", context)
    form = FirstPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        password = form.cleaned_data["password"]
        user = try_service(form, lambda: accept_invitation(token=token, password=password))
        if user is not None:
            return _sign_in(request, user)
    return render(request, "accounts/invitation.jinja", {"form": form, "person": found.user})


def _sign_in(request: HttpRequest, user: User) -> HttpResponse:
    del request.session[_TOKEN]
    response: HttpResponse = perform_password_login(
        request, {"username": user.username}, Login(user=user, email=user.email)
    )
    return response
