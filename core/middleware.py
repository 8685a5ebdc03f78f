"""Response headers that every page carries."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from core.errors import NotAllowed, NotVisible


class NoStoreMiddleware:
    """No page is kept by a browser or a proxy (S33), signed in or not: one rule, nothing to forget."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Cache-Control"] = "no-store"
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        return response


class DomainErrorMiddleware:
    """What a service refuses because of the person or the right becomes 404 or 403, whichever view called it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, NotVisible):
            raise Http404 from exception
        if isinstance(exception, NotAllowed):
            raise PermissionDenied from exception
