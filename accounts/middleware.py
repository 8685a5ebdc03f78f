"""Ends sessions in time and lets nobody work without a second factor. How somebody signs in is allauth's business."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user, logout
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts import session_clock
from accounts.models import User
from accounts.services.held_submissions import forget_used, hold
from accounts.services.second_factors import has_second_factor
from accounts.services.sessions import ended_elsewhere
from accounts.step_up import gave_second_factor, is_confirmed
from audit.context import access_context, current_context
from audit.middleware import trusted_address
from audit.models import LogEntry
from audit.writing import session_reference
from core.step_up import asks_for_step_up

logger = logging.getLogger(__name__)

# What somebody may reach who has signed in with a password and has no second factor yet: how to get one, and out.
SET_UP_ROUTES = frozenset(
    {"mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate", "account_logout"}
)


class SessionUserMiddleware(AuthenticationMiddleware):
    """``request.user`` from the user who came with the session's row, where everything is in order.

    Anything else (no such backend, a changed password, an account that has ended) is left to Django.
    """

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(lambda: _user_of_session(request))  # type: ignore[assignment]


def _user_of_session(request: HttpRequest) -> User | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        session = request.session
        # Asked first: it loads the row.
        key, user = session.get(SESSION_KEY), getattr(session, "user_of_row", None)
        is_in_order = (
            isinstance(user, User)
            and key == str(user.pk)
            and user.is_active
            and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
            and constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
        )
        request._cached_user = user if is_in_order else get_user(request)  # type: ignore[attr-defined]
    found: User | AnonymousUser = request._cached_user  # type: ignore[attr-defined]
    return found


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
        if request.method == "POST" and isinstance(request.user, User) and _was_done(request, response):
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


def _was_done(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether a form was taken: it leads on to another page, or gives the file that was asked for."""
    if getattr(request, "is_asked_to_confirm", False):
        return False
    return 300 <= response.status_code < 400 or "Content-Disposition" in response


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


def _refuse(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if "X-Autosave" in request.headers:
        return JsonResponse({"signed_out": True}, status=401)
    return response


class StepUpMiddleware:
    """What weighs most asks again who is there: views marked with ``core.step_up.needs_step_up``.

    It stands before the view and its gates, so whether somebody is asked tells nothing about what is behind it. Nothing
    is done meanwhile: a form that came too late is kept as at the end of a session, and given back after confirming.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if not asks_for_step_up(view) or is_confirmed(request):
            return None
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        return _ask_to_confirm(request, request.user)


def _ask_to_confirm(request: HttpRequest, user: User) -> HttpResponse:
    request.is_asked_to_confirm = True  # type: ignore[attr-defined]
    page = confirmation_page(user)
    if "X-Autosave" in request.headers or not request.accepts("text/html"):
        # The page that asked still has its text; a refusal is on the trail as one.
        current_context().reason = "The second factor was not given within the last minutes"
        return JsonResponse({"confirm_at": page}, status=403)
    current_context().action = LogEntry.Action.ASKED
    address = f"{page}?{urlencode({'next': _where_to_go_on(request, user)})}"
    if "HX-Request" in request.headers:
        answer = HttpResponse()
        answer["HX-Redirect"] = address
        return answer
    return HttpResponseRedirect(address)


def confirmation_page(user: User) -> str:
    """Where this user gives their second factor again."""
    methods = get_adapter().get_reauthentication_methods(user)
    return str(methods[0]["url"]) if methods else reverse("mfa_reauthenticate")


def _where_to_go_on(request: HttpRequest, user: User) -> str:
    """The page itself; after a form its text, if some was typed, else the page whose button was pressed."""
    if request.method in ("GET", "HEAD"):
        return (
            _page_before(request, "HX-Current-URL")
            if "HX-Request" in request.headers
            else request.get_full_path()
        )
    if hold(request, user_id=user.pk, is_late_confirmation=True):
        forget_used(request, user)
        messages.info(request, "Nothing has been done yet. What you typed is kept.")
        return reverse("accounts:held_submission")
    messages.info(request, "Nothing has been done yet. Confirm, and then press the button again.")
    return _page_before(request, "Referer")


def _page_before(request: HttpRequest, header: str) -> str:
    """The page of ours that the request says it came from, without its host; else the first page."""
    named = request.headers.get(header, "")
    if not url_has_allowed_host_and_scheme(named, {request.get_host()}, require_https=request.is_secure()):
        return resolve_url(settings.LOGIN_REDIRECT_URL)
    parts = urlsplit(named)
    return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
