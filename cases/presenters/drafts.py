"""Unfinished forms as rows of a list: what, about whom, how old, and where to go on. Never their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from cases.drafted_forms import drafted_form, register_drafted_form
from cases.models import Draft
from cases.presenters.patients import name_with_reference


@dataclass(frozen=True, slots=True)
class DraftRow:
    title: str
    about: str
    saved_at: datetime
    continue_href: str
    discard_href: str


def present_drafts(drafts: Iterable[Draft]) -> list[DraftRow]:
    """Needs ``patient`` selected with each draft."""
    return [_row(draft) for draft in drafts]


def _row(draft: Draft) -> DraftRow:
    form = drafted_form(draft.form)
    return DraftRow(
        title=form.title,
        about=name_with_reference(draft.patient) if draft.patient else "Somebody not registered yet",
        saved_at=draft.saved_at,
        continue_href=form.address(draft),
        discard_href=reverse("cases:draft_discard", args=[draft.pk]),
    )


def register_patient_drafts() -> None:
    """Name the forms about a person and their case; called from AppConfig.ready."""
    register_drafted_form(
        "new-patient", title="Register somebody", address=lambda draft: reverse("cases:patient_register")
    )
    register_drafted_form(
        "patient-edit",
        title="Edit details",
        address=lambda draft: reverse("cases:patient_edit", args=[draft.patient_id]),
    )
    register_drafted_form(
        "case-close",
        title="Close the case",
        address=lambda draft: reverse("cases:case_close", args=[draft.patient_id]),
    )
