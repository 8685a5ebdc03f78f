"""Pages for when something cannot be shown. Each is rendered once, without request, session or database, and sent
byte for byte the same to everybody: a 404 must not tell "does not exist" from "is not yours to know"."""

import sys
from functools import cache

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template

from core.errors import is_fault_of_the_database

DEFAULT_OUTAGE_CONTACT = "the team's duty number or the local crisis line"


@cache
def _page(name: str) -> bytes:
    contact = settings.OUTAGE_CONTACT or DEFAULT_OUTAGE_CONTACT
    text = get_template(f"errors/{name}.jinja", using="jinja").render({"outage_contact": contact})
    return text.encode()


def _response(name: str, status: int) -> HttpResponse:
    return HttpResponse(_page(name), status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _response("400", 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _response("403", 403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _response("404", 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Called for whatever nobody caught, in a view or in any middleware around it: before the trail's (the session is
    read) and after it (the session is saved) too, a database that is away is answered with 503."""
    if is_fault_of_the_database(sys.exc_info()[1]):
        return service_unavailable()
    return _response("500", 500)


def service_unavailable(request: HttpRequest | None = None) -> HttpResponse:
    """What a reader gets when the trail cannot be written: nothing of the record, and what to do instead (S37)."""
    response = _response("503", 503)
    response["Retry-After"] = "60"
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that cannot be trusted. Autosave is told in its own language, so that it keeps the text on the page."""
    if request.headers.get("X-Autosave"):
        return JsonResponse({"signed_out": True}, status=403)
    return _response("csrf", 403)


@login_not_required
def signed_out(request: HttpRequest) -> HttpResponse:
    """Where signing out leads, and a page by itself when its session is over and it holds no unsaved text.

    The browser is told to forget what it may hold of earlier pages, such as one kept for its "back" button.
    """
    response = _response("signed_out", 200)
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response
