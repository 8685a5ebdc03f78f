"""Unfinished forms as rows of a list: what, about whom, how old, and where to go on. Never their text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from cases.drafted_forms import drafted_form
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
