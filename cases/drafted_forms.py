"""Which forms can be left unfinished, what they are called, and where they are continued.

Each app names its own in AppConfig.ready. A form nobody has named is kept all the same: typed text comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from cases.models import Draft

Address = Callable[[Draft], str]


@dataclass(frozen=True, slots=True)
class DraftedForm:
    title: str
    address: Address


_forms: dict[str, DraftedForm] = {}


def register_drafted_form(slug: str, *, title: str, address: Address) -> None:
    """``slug`` is the form's name in ``cases:draft_keep``; ``address(draft)`` leads back to the form."""
    _forms[slug] = DraftedForm(title, address)


def drafted_form(slug: str) -> DraftedForm:
    known = _forms.get(slug)
    return known or DraftedForm(slug.replace("-", " ").capitalize(), _record)


def _record(draft: Draft) -> str:
    return reverse("patient_record", args=[draft.patient_id]) if draft.patient_id else reverse("home")
