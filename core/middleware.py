"""What every answer has in common: its headers, and how refusals and faults of the database are answered."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.module_loading import import_string

from core.errors import NotAllowed, NotVisible, is_fault_of_the_database

logger = logging.getLogger(__name__)


class NoStoreMiddleware:
    """No page is kept by a browser or a proxy (S33), signed in or not: one rule, nothing to forget."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        # No other site may draw an answer of ours into a page of its own, be it as picture, script or style.
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        return response


class KnownMethodsMiddleware:
    """Reading is GET or HEAD, changing is POST; no page asks by any other method, so none is answered (TRACE would
    send the cookie back to a script). Stands inside the trail: the attempt on a patient is recorded."""

    METHODS = ("GET", "HEAD", "POST")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: object) -> HttpResponse | None:
        # Not earlier: the entry names the page that was meant.
        return None if request.method in self.METHODS else HttpResponseNotAllowed(self.METHODS)


class DomainErrorMiddleware:
    """What a service refuses because of the person or the right becomes 404 or 403, whichever view called it; a
    database that went away in the middle becomes the 503 that says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, NotVisible):
            raise Http404 from exception
        if isinstance(exception, NotAllowed):
            raise PermissionDenied from exception
        if is_fault_of_the_database(exception):
            logger.error("The database went away during a request", exc_info=exception)
            unavailable: HttpResponse = import_string(settings.FAIL_CLOSED_VIEW)()
            return unavailable
        return None
