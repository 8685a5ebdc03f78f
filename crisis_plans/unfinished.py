"""Where a kept, unsaved plan form is continued."""

from __future__ import annotations

from django.urls import reverse

from cases.models import Draft


def address_of_draft(draft: Draft) -> str:
    """The form of the version whose number the draft names. What it names was sent by a browser: it may be anything."""
    number = draft.about
    if number.isascii() and number.isdigit():
        return reverse("crisis_plans:plan_edit", args=[draft.patient_id, int(number)])
    return reverse("crisis_plans:plan", args=[draft.patient_id])
