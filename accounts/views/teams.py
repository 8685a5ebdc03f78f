"""Teams and organisations, for those who look after them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.directory import organisations_looked_after, teams_looked_after
from accounts.forms import OrganisationForm, TeamForm
from accounts.gate import role_page, signed_in_user
from accounts.roles import Act, Role
from accounts.selectors import holds_role
from accounts.services.people import add_organisation, add_team
from core.errors import NotAllowed
from core.submission import try_service


@require_GET
@role_page(Act.MANAGE_PEOPLE)
def teams(request: HttpRequest) -> HttpResponse:
    by = signed_in_user(request)
    context = {
        "teams": list(teams_looked_after(by)),
        "organisations": list(organisations_looked_after(by)),
        "may_add": holds_role(by, Role.ADMINISTRATOR),
    }
    return render(request, "accounts/teams.jinja", context)


@require_http_methods(["GET", "POST"])
@role_page(Act.MANAGE_PEOPLE)
def team_add(request: HttpRequest) -> HttpResponse:
    by = signed_in_user(request)
    _require_administrator(request)
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = try_service(form, lambda: add_team(by=by, **form.cleaned_data))
        if team is not None:
            messages.success(request, f"{team} was added. Now invite its people.")
            return redirect("accounts:teams")
    return render(request, "accounts/team_add.jinja", {"form": form})


@require_http_methods(["GET", "POST"])
@role_page(Act.MANAGE_PEOPLE)
def organisation_add(request: HttpRequest) -> HttpResponse:
    by = signed_in_user(request)
    _require_administrator(request)
    form = OrganisationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        organisation = try_service(form, lambda: add_organisation(by=by, **form.cleaned_data))
        if organisation is not None:
            messages.success(request, f"{organisation} was added.")
            return redirect("accounts:teams")
    return render(request, "accounts/organisation_add.jinja", {"form": form})


def _require_administrator(request: HttpRequest) -> None:
    if not holds_role(signed_in_user(request), Role.ADMINISTRATOR):
        raise NotAllowed("Only organisation administrators add teams and organisations.")
