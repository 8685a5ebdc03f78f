"""Pages of break-glass: open, end, review. Each is answered alike whether or not anybody exists (S31)."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.gate import role_page, signed_in_user
from accounts.roles import Act
from cases.forms.break_glass import BreakGlassForm, BreakGlassReviewForm
from cases.permissions import can
from cases.presenters.break_glass import opening_rows, present_to_review, review_rows, what_was_opened
from cases.presenters.patients import record_href
from cases.selectors.break_glass import (
    break_glass_of,
    break_glass_to_review,
    has_ended_own,
    is_own_or_of_leader,
    leads_team_of,
    opened_under,
    review_of,
)
from cases.services.break_glass import Answer, end_break_glass, open_break_glass_for
from cases.services.break_glass_reviews import review_break_glass
from core.errors import NotVisible
from core.step_up import needs_step_up
from core.submission import try_service

# The same for nobody, for several, and for somebody whose details differ.
NO_MATCH = (
    "Nothing was opened. What you entered must match one record exactly. Check it, or ring the person’s team. "
    "This does not mean that nobody is known."
)
TOO_MANY = (
    "Nothing was looked up: too many statements in the last hour matched no record. Ring the person’s team, or try "
    "again in an hour. Your attempts are on the trail."
)


@needs_step_up
@role_page(Act.BREAK_GLASS)
def break_glass(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = BreakGlassForm(
        request.POST if request.method == "POST" else None, initial={"submission_key": uuid.uuid4()}
    )
    status = 200
    if request.method == "POST" and form.is_valid():
        opening = try_service(form, lambda: open_break_glass_for(by=user, request=form.request()))
        if opening is not None and opening.patient_id is not None:
            _say(request, opening.answer)
            return redirect("patient_record", opening.patient_id)
        if opening is not None:
            is_over = opening.answer is Answer.TOO_MANY
            form.add_error(None, TOO_MANY if is_over else NO_MATCH)
            status = 429 if is_over else 200
    return render(request, "cases/break_glass.jinja", {"form": form}, status=status)


def _say(request: HttpRequest, answer: Answer) -> None:
    if answer is Answer.IS_OPEN_ALREADY:
        messages.info(request, "You have this record open already. Its time was not made longer.")
    elif answer is Answer.NEEDS_NO_GLASS:
        messages.info(
            request, "You may read this record without break-glass. Nothing was opened, nobody was told."
        )


@require_POST
@role_page(Act.OPEN_RECORD)
def break_glass_end(request: HttpRequest, patient_id: uuid.UUID, break_glass_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    try:
        glass = end_break_glass(by=user, patient_id=patient_id, key=break_glass_id)
    except NotVisible:
        if has_ended_own(user, break_glass_id):
            return redirect("home")  # the button was pressed twice
        raise
    messages.success(request, "Break-glass ended. The record is closed.")
    if glass.created_by_id == user.pk:
        return redirect("home")
    return redirect("cases:break_glass_review", patient_id, break_glass_id)


@require_safe
@role_page(Act.REVIEW_BREAK_GLASS)
def break_glass_reviews(request: HttpRequest) -> HttpResponse:
    rows = present_to_review(break_glass_to_review(signed_in_user(request)))
    return render(request, "cases/break_glass_reviews.jinja", {"reviews": rows})


@role_page(Act.REVIEW_BREAK_GLASS)
def break_glass_review(
    request: HttpRequest, patient_id: uuid.UUID, break_glass_id: uuid.UUID
) -> HttpResponse:
    """Not gated by the patient: leads review after the case has closed for good, and IG officers open no record."""
    user = signed_in_user(request)
    glass = break_glass_of(user, patient_id, break_glass_id)
    if glass is None:
        raise Http404
    form = BreakGlassReviewForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        reviewed = try_service(
            form, lambda: review_break_glass(by=user, patient_id=patient_id, key=glass.pk, **data)
        )
        if reviewed is not None:
            messages.success(request, "Review saved. The colleague has been told.")
            return redirect("cases:break_glass_reviews")
    review = review_of(glass)
    context = {
        "form": form,
        "rows": opening_rows(glass),
        "opened": what_was_opened(opened_under(glass)),
        "review": review_rows(review) if review else None,
        "is_open": glass.is_open,
        "is_own_or_of_leader": is_own_or_of_leader(user, glass),
        "may_end": glass.is_open and leads_team_of(user, glass),
        "glass": glass,
        "record_href": record_href(glass.patient) if can(user, Act.OPEN_RECORD, patient_id) else "",
    }
    return render(request, "cases/break_glass_review.jinja", context)
