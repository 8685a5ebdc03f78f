"""Pages where leads review police presence at planned therapeutic work (S11)."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.gate import role_page, signed_in_user
from accounts.roles import Act
from cases.forms.contacts import ReviewForm
from cases.models import Patient
from cases.presenters.contacts import present_contact, present_reviews
from cases.presenters.patients import identity
from cases.selectors.contacts import contact_of, open_reviews, review_of
from cases.services.contact_reviews import close_review, people_involved, reviewers
from cases.views.gate import patient_page
from core.submission import try_service


@role_page(Act.REVIEW_CONTACT)
def contact_reviews(request: HttpRequest) -> HttpResponse:
    rows = present_reviews(open_reviews(signed_in_user(request)))
    return render(request, "cases/contact_reviews.jinja", {"reviews": rows})


@patient_page(Act.REVIEW_CONTACT)
def contact_review(request: HttpRequest, patient: Patient, contact_id: uuid.UUID) -> HttpResponse:
    user = signed_in_user(request)
    review = review_of(user, patient, contact_id)
    contact = contact_of(user, patient, contact_id)
    if review is None or contact is None:
        raise Http404
    is_involved = user.pk in people_involved(review.contact)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and (is_involved or form.is_valid()):
        finding = "" if is_involved else form.cleaned_data["finding"]
        closed = try_service(form, lambda: close_review(by=user, review=review, finding=finding))
        if closed is not None:
            messages.success(request, "Review closed.")
            return redirect("cases:contact", patient.pk, contact.pk)
    asked = reviewers(review.contact)
    context = {
        "form": form,
        "identity": identity(patient),
        "contact": present_contact(contact, user),
        "review": review,
        "is_involved": is_involved,
        "asked": asked,
        "asked_names": ", ".join(str(reviewer) for reviewer in asked.users),
    }
    return render(request, "cases/contact_review.jinja", context)
