"""The filters of the caseload. They stand in the address, so they carry keys and words, never a patient's name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict

from cases.selectors.caseload import MINE, TEAM, Narrowed
from core.form_fields import ListFilterForm, RadioField


class CaseloadFilter(ListFilterForm):
    scope = RadioField(
        label="Whose",
        choices=[(MINE, "People I mentor"), (TEAM, "Everybody in the team")],
        inline=True,
        required=False,
    )
    overdue = forms.BooleanField(label="Only where something is overdue", required=False)
    mentor = forms.TypedChoiceField(label="Mentor", coerce=int, required=False, empty_value=None)

    def __init__(self, data: QueryDict, *, mentors: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        field = self.fields["mentor"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = [("", "Any mentor"), *mentors]
        if not mentors:
            del self.fields["mentor"]

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    def narrowed(self, *, default_scope: str) -> Narrowed:
        """What an address asks for; nonsense in it is taken for nothing asked."""
        self.is_valid()
        cleaned = self.cleaned_data
        mentor = cleaned.get("mentor")
        scope = TEAM if mentor else cleaned.get("scope") or default_scope
        return Narrowed(scope, mentor, bool(cleaned.get("overdue")))
