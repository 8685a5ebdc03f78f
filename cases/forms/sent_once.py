"""What a form carries that must not be saved twice."""

from __future__ import annotations

import uuid

from django import forms

from core.form_fields import CaseworkForm


class SentOnceForm(CaseworkForm):
    """A form with a one-time key: its page gives ``initial["submission_key"]``, its service saves one row for a key."""

    submission_key = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean_submission_key(self) -> uuid.UUID:
        # A page without a proper key is still a page somebody typed on.
        try:
            return uuid.UUID(self.cleaned_data["submission_key"])
        except ValueError:
            return uuid.uuid4()
