"""Staff checks as an administrator keeps them: whose run out, and recording one. Nothing about patients."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.directory import PAGE
from accounts.forms import StaffCheckForm
from accounts.gate import role_page, signed_in_user
from accounts.models import StaffCheck
from accounts.presenters import present_clearances
from accounts.roles import Act
from accounts.services.staff_checks import record_check
from accounts.staff_checks import check_states, people_to_clear
from accounts.views.people import page_number, the_person
from core.step_up import needs_step_up
from core.submission import try_service


@require_GET
@role_page(Act.MANAGE_PEOPLE)
def checks(request: HttpRequest) -> HttpResponse:
    """Everybody who works with patients in the user's teams and organisations; whose checks lapse first comes first."""
    page = page_number(request.GET.get("page", ""))
    start = (page - 1) * PAGE
    found = list(people_to_clear(signed_in_user(request))[start : start + PAGE + 1])
    shown = found[:PAGE]
    context = {
        "lines": present_clearances(shown, check_states(shown)),
        "earlier_href": f"?page={page - 1}" if page > 1 else "",
        "later_href": f"?page={page + 1}" if len(found) > PAGE else "",
    }
    return render(request, "accounts/checks.jinja", context)


@require_http_methods(["GET", "POST"])
@needs_step_up
@role_page(Act.MANAGE_PEOPLE)
def check_add(request: HttpRequest, user_id: int) -> HttpResponse:
    by = signed_in_user(request)
    person = the_person(request, user_id)
    form = StaffCheckForm(request.POST or None, initial={"kind": request.GET.get("kind", "")})
    if request.method == "POST" and form.is_valid():
        recorded = try_service(form, lambda: record_check(by=by, user=person, **form.cleaned_data))
        if recorded is not None:
            kind = StaffCheck.Kind(recorded.kind).label
            messages.success(request, f"{kind} of {person} was recorded.")
            return redirect("accounts:person", person.pk)
    return render(request, "accounts/check_add.jinja", {"form": form, "person": person})
