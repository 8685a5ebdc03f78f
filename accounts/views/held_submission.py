"""Gives back what somebody had typed when their session ended."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.gate import signed_in_user
from accounts.presenters import present_kept_fields
from accounts.services.held_submissions import discard_held, is_held_key, may_see_held, newest_held


@require_http_methods(["GET", "POST"])
def held_submission(request: HttpRequest) -> HttpResponse:
    """Show the newest kept form with a button that posts it again; POST here discards it."""
    user = signed_in_user(request)
    if request.method == "POST":
        key = request.POST.get("held", "")
        if is_held_key(key):
            discard_held(by=user, key=int(key))
            messages.success(request, "The text was deleted.")
        return HttpResponseRedirect(reverse("accounts:held_submission"))
    held = newest_held(user)
    is_shown = held is not None and may_see_held(user, held)
    context = {
        "held": held,
        "is_shown": is_shown,
        "fields": present_kept_fields(held.fields) if held and is_shown else [],
    }
    return render(request, "accounts/held_submission.jinja", context)
