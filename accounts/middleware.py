"""Ends sessions in time and lets nobody work without a second factor. How somebody signs in is allauth's business."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone

from accounts import session_clock
from accounts.models import User
from accounts.services.held_submissions import forget_used, hold
from accounts.services.second_factors import has_second_factor
from accounts.services.sessions import ended_elsewhere
from audit.context import access_context
from audit.middleware import trusted_address
from audit.models import LogEntry
from audit.writing import session_reference

logger = logging.getLogger(__name__)

# What somebody may reach who has signed in with a password and has no second factor yet: how to get one, and out.
SET_UP_ROUTES = frozenset(
    {"mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate", "account_logout"}
)


class SessionLimitsMiddleware:
    """Signs out whose session is over, whose account has ended, or whose session was ended elsewhere.

    ``request.session_ends_at`` tells pages when this session will end. Requests that a page makes by itself
    (``X-Autosave: 1``, the session poll) do not extend it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.session_ends_at = None  # type: ignore[attr-defined]
        if SESSION_KEY in request.session:
            self._check(request)
        else:
            _remember_ended_elsewhere(request)
        worker = request.user if gave_second_factor(request) else None
        response = self.get_response(request)
        if isinstance(worker, User) and SESSION_KEY not in request.session:
            # Signed out just now: another tab of this browser may still send what was typed in it.
            request.session[session_clock.ENDED_USER] = worker.pk
        if not request.user.is_authenticated and _sends_to_sign_in(response):
            return _answer_signed_out(request, response)
        if request.method == "POST" and isinstance(request.user, User) and 300 <= response.status_code < 400:
            forget_used(request, request.user)
        return response

    def _check(self, request: HttpRequest) -> None:
        user = request.user
        if not isinstance(user, User):
            # Deactivated, or the password was changed in another session.
            request.session.flush()
            return
        why = session_clock.why_over(request.session, timezone.now())
        if why:
            end_session(request, user, why)
            request.session[session_clock.ENDED_USER] = user.pk
            return
        if not _is_made_by_the_page_itself(request):
            session_clock.extend(request.session)
        request.session_ends_at = session_clock.ends_at(request.session)  # type: ignore[attr-defined]


def end_session(request: HttpRequest, user: User, why: str) -> None:
    """Sign out because of a limit; the session ends even if the trail cannot be told."""
    reference = session_reference(request.session.session_key)
    request.session.flush()
    request.user = AnonymousUser()
    try:
        with access_context(route="session limit", actor=user, reason=why) as context:
            context.action = LogEntry.Action.SIGN_OUT
            context.session_ref = reference
            context.remote_addr = trusted_address(request)
    except Exception:
        logger.exception("The end of a session could not be recorded")


def _remember_ended_elsewhere(request: HttpRequest) -> None:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if key and request.session.is_empty():
        user_id = ended_elsewhere(key)
        if user_id is not None:
            request.session[session_clock.ENDED_USER] = user_id


def _is_made_by_the_page_itself(request: HttpRequest) -> bool:
    return "X-Autosave" in request.headers or request.path == reverse("accounts:session")


def _sends_to_sign_in(response: HttpResponse) -> bool:
    if not isinstance(response, HttpResponseRedirect):
        return False
    return urlsplit(response.url).path == resolve_url(settings.LOGIN_URL)


def _answer_signed_out(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if "X-Autosave" in request.headers or not request.accepts("text/html"):
        return JsonResponse({"signed_out": True}, status=401)
    if "HX-Request" in request.headers:
        # htmx would draw the sign-in page into the middle of the old one.
        answer = HttpResponse(status=401)
        answer["HX-Redirect"] = reverse("account_login")
        return answer
    ended_user = request.session.get(session_clock.ENDED_USER)
    if request.method == "POST" and ended_user and hold(request, user_id=ended_user):
        return redirect_to_login(reverse("accounts:held_submission"))
    return response


class SecondFactorMiddleware:
    """Nobody works here on a password alone.

    Who has no second factor is sent to set one up; who has one but did not give it in this session is signed out.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User) or not getattr(view, "login_required", True):
            return None
        if gave_second_factor(request):
            return None
        if has_second_factor(user):
            logout(request)
            return _refuse(request, redirect_to_login(request.get_full_path()))
        if request.resolver_match and request.resolver_match.view_name in SET_UP_ROUTES:
            return None
        return _refuse(request, HttpResponseRedirect(reverse("mfa_activate_totp")))


def gave_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a code, a recovery code or a passkey, by allauth's own record."""
    user = request.user
    records = get_authentication_records(request, user if isinstance(user, User) else None)
    return any(record.get("method") == "mfa" for record in records)


def _refuse(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if "X-Autosave" in request.headers:
        return JsonResponse({"signed_out": True}, status=401)
    return response
