"""The gate in front of the trail's pages: for those whose role reads it, everybody else gets 403."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from audit.providers import Officer, find_officer

P = ParamSpec("P")
OfficerView = Callable[Concatenate[HttpRequest, Officer, P], HttpResponse]


def officer_page(view: OfficerView[P]) -> Callable[..., HttpResponse]:
    """Call the view as ``view(request, officer, …)``. Whoever may not read the trail learns nothing, not even of whom."""

    @wraps(view)
    def gate(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        officer = find_officer(request.user)
        if not officer.may_read:
            raise PermissionDenied
        return view(request, officer, **kwargs)  # type: ignore[call-arg]

    gate.required_act = "read the trail"  # type: ignore[attr-defined]
    return gate
