"""The gate in front of pages for some roles only. Pages about a patient have their own: cases.views.gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may


def signed_in_user(request: HttpRequest) -> User:
    """The user of the request; LoginRequiredMiddleware has turned everybody else away."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def role_page(act: Act) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Refuse (403) everybody whose current roles do not carry the act."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may(signed_in_user(request), act):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        gate.required_act = act  # type: ignore[attr-defined]
        return gate

    return wrap
