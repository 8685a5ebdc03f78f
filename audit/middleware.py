"""Wraps each request in one transaction whose commit needs the trail entry; without the entry no byte leaves.

Order: open transaction, authorise, view, render, write entries, commit, send.
"""

from __future__ import annotations

import ipaddress
import logging
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from audit.context import AccessContext
from audit.models import LogEntry
from audit.writing import session_reference, write_entries, write_refusal
from core.access_guard import current_recorder

logger = logging.getLogger(__name__)


class TrailMiddleware:
    """Records every request of a signed-in user, and every attempt on a patient's URL by anybody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.fail_closed: Callable[[], HttpResponse] = import_string(settings.FAIL_CLOSED_VIEW)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        context = AccessContext(
            method=request.method or "",
            remote_addr=trusted_address(request),
            session_ref=session_reference(request.session.session_key),
        )
        request.access_context = context  # type: ignore[attr-defined]
        token = current_recorder.set(context)
        try:
            return self._answer(request, context)
        finally:
            current_recorder.reset(token)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        context: AccessContext = request.access_context  # type: ignore[attr-defined]
        match = request.resolver_match
        assert match is not None
        context.route = match.view_name or ""
        purposes = settings.ACCESS_PURPOSES
        context.purpose = purposes.get(context.route) or purposes.get(match.namespace, "")
        patient = kwargs.get("patient_id")
        context.asked_for = patient if isinstance(patient, uuid.UUID) else None

    def _answer(self, request: HttpRequest, context: AccessContext) -> HttpResponse:
        refused = ""
        try:
            with transaction.atomic():
                response = self.get_response(request)
                if response.streaming:
                    raise TypeError("Streamed answers leave before their entry is written.")
                if request.user.is_authenticated:
                    context.actor = request.user
                refused = _outcome_of_refusal(request, response, context)
                if refused:
                    transaction.set_rollback(True)
                elif _is_to_be_recorded(context):
                    write_entries(context)
            if refused and _is_refusal_to_be_recorded(context):
                with transaction.atomic():
                    write_refusal(context, outcome=refused)
        except Exception:
            logger.exception("The answer was withheld because its entry could not be written")
            self._try_to_record_failure(context)
            return self.fail_closed()
        return response

    def _try_to_record_failure(self, context: AccessContext) -> None:
        """The answer is 503 either way; if the trail works again by now, it should know of the attempt."""
        try:
            with transaction.atomic():
                write_refusal(context, outcome=LogEntry.Outcome.ERROR)
        except Exception:
            logger.exception("The failed attempt could not be recorded either")


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
    if response.status_code == 404:
        return LogEntry.Outcome.NOT_FOUND
    if response.status_code >= 400:
        return LogEntry.Outcome.DENIED
    if not request.user.is_authenticated and context.asked_for:
        return LogEntry.Outcome.DENIED  # sent to sign in
    return ""


def _is_to_be_recorded(context: AccessContext) -> bool:
    if context.has_something_to_tell:
        return True
    return context.actor is not None and context.route not in settings.TRAIL_QUIET_ROUTES


def _is_refusal_to_be_recorded(context: AccessContext) -> bool:
    return context.actor is not None or context.asked_for is not None or bool(context.pending)
