"""Wraps each request in one transaction whose commit needs the trail entry; without the entry no byte leaves.

Order: open transaction, authorise, view, render, write entries, commit, send.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from audit.context import AccessContext, current_context
from audit.models import LogEntry
from audit.writing import recorded_transaction, session_reference, try_to_write_refusal, write_refusal
from core.access_guard import current_recorder

logger = logging.getLogger(__name__)


# Answers that refuse. Others of the 400s (a version clash, a form that does not fit) may show the record.
_REFUSING = frozenset({400, 401, 403, 404, 405, 410, 413, 429})
_PATIENT_IN_PATH = re.compile(
    r"/patients/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/|$)", re.IGNORECASE
)


class TrailMiddleware:
    """Records every request of a signed-in user, and every attempt on a patient's URL by anybody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.fail_closed: Callable[[], HttpResponse] = import_string(settings.FAIL_CLOSED_VIEW)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        context = AccessContext(
            actor=request.user if request.user.is_authenticated else None,
            method=request.method or "",
            remote_addr=trusted_address(request),
            session_ref=session_reference(request.session.session_key),
            asked_for=patient_in(request.path_info),
        )
        token = current_recorder.set(context)
        try:
            return self._answer(request, context)
        finally:
            current_recorder.reset(token)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        _place(current_context(), request)

    def _answer(self, request: HttpRequest, context: AccessContext) -> HttpResponse:
        session_key = request.session.session_key
        try:
            refused = ""
            with recorded_transaction(context) as write:
                response = self.get_response(request)
                _complete(context, request)
                if response.streaming:
                    _close_sources(response)
                    raise TypeError("Streamed answers leave before their entry is written.")
                refused = _outcome_of_refusal(request, response, context)
                if not refused and _is_to_be_recorded(context):
                    write()
                elif response.status_code in _REFUSING or response.status_code >= 500:
                    transaction.set_rollback(True)
            if refused and _is_refusal_to_be_recorded(context):
                with recorded_transaction(context):
                    write_refusal(context, outcome=refused)
        except Exception:
            logger.exception("The answer was withheld because its entry could not be written")
            try_to_write_refusal(context, outcome=LogEntry.Outcome.ERROR)
            # What the session took in is rolled back in the database and must not be saved on the way out.
            request.session = type(request.session)(session_key)
            return self.fail_closed()
        return response


def _close_sources(response: Any) -> None:
    # Not response.close(): that ends the request, and the database connection with it.
    for close in response._resource_closers:
        close()


def _complete(context: AccessContext, request: HttpRequest) -> None:
    """What is known only now: whoever signed in during the request, and where it led, even if CSRF or a method
    check ended it before any view."""
    if request.user.is_authenticated:
        context.actor = request.user
    context.session_ref = session_reference(request.session.session_key) or context.session_ref
    _place(context, request)


def _place(context: AccessContext, request: HttpRequest) -> None:
    match = request.resolver_match
    if match is None:
        return
    context.route = context.route or match.view_name or ""
    purposes = settings.ACCESS_PURPOSES
    # Pages where apps meet have no namespace; the setting names them one by one.
    context.purpose = context.purpose or purposes.get(context.route) or purposes.get(match.namespace, "")


def patient_in(path: str) -> uuid.UUID | None:
    """The patient an address means, although no page may answer it."""
    found = _PATIENT_IN_PATH.search(path)
    return uuid.UUID(found.group(1)) if found else None


def trusted_address(request: HttpRequest) -> str | None:
    """The address of the caller as our own outermost proxy saw it.

    Only as many X-Forwarded-For hops are believed, counted from the right, as there are proxies of ours
    (``TRUSTED_PROXY_COUNT``); what stands left of them, anybody can write.
    """
    count = getattr(settings, "TRUSTED_PROXY_COUNT", 0)
    if count:
        hops = [h.strip() for h in request.headers.get("x-forwarded-for", "").split(",")]
        if len(hops) >= count:
            return _address(hops[-count])
    return _address(request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _outcome_of_refusal(request: HttpRequest, response: HttpResponse, context: AccessContext) -> str:
    if response.status_code >= 500:
        return LogEntry.Outcome.ERROR
    if response.status_code in (404, 410):
        return LogEntry.Outcome.NOT_FOUND
    if response.status_code in _REFUSING:
        return LogEntry.Outcome.DENIED
    if not request.user.is_authenticated and context.asked_for:
        return LogEntry.Outcome.DENIED  # sent to sign in
    return ""


def _is_to_be_recorded(context: AccessContext) -> bool:
    if context.has_something_to_tell:
        return True
    return context.actor is not None and context.route not in settings.TRAIL_QUIET_ROUTES


def _is_refusal_to_be_recorded(context: AccessContext) -> bool:
    return context.asked_for is not None or _is_to_be_recorded(context)
