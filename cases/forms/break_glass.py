"""Forms of break-glass: stating whom one needs and why, and reviewing what somebody opened."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from cases.forms.sent_once import SentOnceForm
from cases.models import BreakGlass, BreakGlassReview
from cases.models.break_glass import SHORTEST_SENTENCE
from cases.models.patient import REFERENCE_ALPHABET
from cases.nhs_numbers import usable_nhs_number, without_spacing
from cases.selectors.break_glass import Statement
from cases.services.break_glass import BreakGlassRequest
from core.errors import DomainError
from core.form_fields import CaseworkForm, DayField, LineField, PlainTextField, RadioField
from core.typed_text import visible_text

_REFERENCE = re.compile(rf"(?:SC)?([{REFERENCE_ALPHABET}]{{6}})", re.IGNORECASE)
REFERENCE, NHS_NUMBER, NAME = "reference", "NHS number", "name"
_SHOWN_BY: dict[str, tuple[str, ...]] = {
    REFERENCE: ("reference",),
    NHS_NUMBER: ("nhs_number", "number_born"),
    NAME: ("full_name", "name_born"),
}
_MISSING = {
    "reference": "Enter the reference",
    "nhs_number": "Enter the NHS number",
    "number_born": "Enter the date of birth that goes with the NHS number",
    "full_name": "Enter the full name",
    "name_born": "Enter the date of birth that goes with the name",
}


def _born() -> DayField:
    return DayField(
        label="Date of birth", required=False, help_text="For example, 15 3 1984", latest=timezone.localdate
    )


class BreakGlassForm(SentOnceForm):
    """Whom, why and how long. What is wrong with a number's form is said; whether it is anybody's is not."""

    known_by = RadioField(
        label="How can you name the person?",
        choices=[
            (REFERENCE, "By their reference"),
            (NHS_NUMBER, "By NHS number and date of birth"),
            (NAME, "By full name and date of birth"),
        ],
        reveals=_SHOWN_BY,
        error_messages={"required": "Choose how you can name the person"},
    )
    reference = LineField(label="Reference", required=False, max_length=12, width=10, help_text="SC-7K2M9Q")
    nhs_number = LineField(label="NHS number", required=False, max_length=20, width=20)
    number_born = _born()
    full_name = LineField(
        label="Full name",
        required=False,
        help_text="Given and family name, as on the record or as they are called",
    )
    name_born = _born()
    reason = RadioField(
        label="Why can it not wait?",
        choices=BreakGlass.Reason.choices,
        error_messages={"required": "Choose why it cannot wait"},
    )
    sentence = PlainTextField(
        label="Why do you need this record?",
        rows=3,
        max_bytes=10_000,
        help_text=f"In a sentence of at least {SHORTEST_SENTENCE} characters. Information governance reads it: no names "
        "and no clinical details",
        error_messages={"required": "Say in a sentence why you need this record"},
    )
    hours = RadioField(
        label="For how long?",
        choices=[("1", "1 hour"), ("2", "2 hours"), ("4", "4 hours")],
        inline=True,
        coerce=int,
        initial="1",
        error_messages={"required": "Choose for how long"},
    )

    def clean_reference(self) -> str:
        typed = without_spacing(self.cleaned_data["reference"])
        if not typed or self.cleaned_data.get("known_by") != REFERENCE:
            return ""
        found = _REFERENCE.fullmatch(typed)
        if found is None:
            raise ValidationError("Reference must look like SC-7K2M9Q: SC and six letters or numbers")
        return f"SC-{found.group(1).upper()}"

    def clean_nhs_number(self) -> str:
        if self.cleaned_data.get("known_by") != NHS_NUMBER:
            return ""
        try:
            return usable_nhs_number(self.cleaned_data["nhs_number"])
        except DomainError as error:
            raise ValidationError(error.message) from error

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in _SHOWN_BY.get(data.get("known_by", ""), ()):
            if name not in self.errors and not data.get(name):
                self.add_error(name, _MISSING[name])
        sentence = visible_text(data.get("sentence", ""))
        if sentence and len(sentence) < SHORTEST_SENTENCE:
            self.add_error(
                "sentence",
                f"Say a little more: the sentence has {len(sentence)} of at least {SHORTEST_SENTENCE} characters",
            )
        return data

    def request(self) -> BreakGlassRequest:
        """What was stated, as the service takes it. Call on a valid form."""
        data = self.cleaned_data
        return BreakGlassRequest(
            whom=self._statement(),
            reason=data["reason"],
            sentence=data["sentence"],
            hours=data["hours"],
            submission_key=data["submission_key"],
        )

    def _statement(self) -> Statement:
        """Only what belongs to the chosen way; other fields may hold what was typed before."""
        data = self.cleaned_data
        known_by = data["known_by"]
        if known_by == REFERENCE:
            return Statement(reference=data["reference"])
        born: date = data["number_born" if known_by == NHS_NUMBER else "name_born"]
        if known_by == NHS_NUMBER:
            return Statement(nhs_number=data["nhs_number"], date_of_birth=born)
        return Statement(full_name=data["full_name"], date_of_birth=born)


class BreakGlassReviewForm(CaseworkForm):
    """What somebody else thinks of it. The words are read by information governance and leads."""

    outcome = RadioField(
        label="What do you think of it?",
        choices=BreakGlassReview.Outcome.choices,
        error_messages={"required": "Choose what you think of it"},
    )
    words = PlainTextField(
        label="What did you find, and what follows from it?",
        rows=4,
        max_bytes=20_000,
        help_text="Do not write clinical details here",
        error_messages={"required": "Write what you found and what follows from it"},
    )
