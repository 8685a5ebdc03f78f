"""A lost second factor: one administrator asks, a different one confirms or refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.gate import role_page, signed_in_user
from accounts.roles import Act
from accounts.services.second_factors import (
    confirm_second_factor_reset,
    open_reset_of,
    refuse_second_factor_reset,
    request_second_factor_reset,
)
from accounts.views.people import the_person
from accounts.views.telling import do_and_tell
from core.step_up import needs_step_up


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def second_factor_request(request: HttpRequest, user_id: int) -> HttpResponse:
    if request.method == "POST":
        return _decide(
            request, user_id, request_second_factor_reset, "Now a different administrator has to confirm it."
        )
    return render(request, "accounts/second_factor_request.jinja", {"person": the_person(request, user_id)})


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def second_factor_confirm(request: HttpRequest, user_id: int) -> HttpResponse:
    if request.method == "POST":
        return _decide(
            request,
            user_id,
            confirm_second_factor_reset,
            "The second factor was removed. They set up a new one when they sign in.",
        )
    person = the_person(request, user_id)
    context = {"person": person, "reset": open_reset_of(person)}
    return render(request, "accounts/second_factor_confirm.jinja", context)


@require_POST
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def second_factor_refuse(request: HttpRequest, user_id: int) -> HttpResponse:
    return _decide(request, user_id, refuse_second_factor_reset, "The second factor stays as it is.")


def _decide(request: HttpRequest, user_id: int, service: Callable[..., Any], done: str) -> HttpResponse:
    person = the_person(request, user_id)
    do_and_tell(request, lambda: service(by=signed_in_user(request), user=person), done)
    return redirect("accounts:person", person.pk)
