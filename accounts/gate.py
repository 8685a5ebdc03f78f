"""The gate in front of pages for some roles only. Pages about a patient have their own: cases.views.gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from accounts.presenters import CheckLine, present_checks
from accounts.roles import ACTS_OF_ROLE, Act
from accounts.selectors import administrators_to_ask, may
from accounts.staff_checks import check_states, lapsed_roles


def signed_in_user(request: HttpRequest) -> User:
    """The user of the request; LoginRequiredMiddleware has turned everybody else away."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def role_page(act: Act) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Refuse (403) everybody whose current roles do not carry the act; whose checks have lapsed is told so."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may(signed_in_user(request), act):
                if page := refusal_over_checks(request, act, status=403):
                    return page
                raise PermissionDenied
            return view(request, *args, **kwargs)

        gate.required_act = act  # type: ignore[attr-defined]
        return gate

    return wrap


def refusal_over_checks(request: HttpRequest, act: Act, *, status: int) -> HttpResponse | None:
    """The page that says which staff check is not in date and whom to ask, for somebody whose role carries the act and
    would open the page if it were; None for everybody else. It is the same whatever was asked for (S30)."""
    user = signed_in_user(request)
    if may(user, act) or not any(act in ACTS_OF_ROLE[m.role] for m in lapsed_roles(user)):
        return None
    return render(request, "accounts/checks_lapsed.jinja", lapse_facts(user), status=status)


def lapse_facts(user: User) -> dict[str, list[CheckLine] | list[str]]:
    """For ``lapse_notice`` of accounts/parts.jinja: the checks that are not in date, and whom to ask."""
    wanting = [state for state in check_states([user])[user.pk] if not state.is_in_date]
    return {
        "checks": present_checks(wanting, person=user, may_change=False),
        "to_ask": [str(person) for person in administrators_to_ask(user)],
    }
