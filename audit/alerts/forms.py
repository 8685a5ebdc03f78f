"""What officers ask and decide, and what a worker answers."""

from __future__ import annotations

from typing import Any

from django import forms

from audit.alerts.kinds import AlertKind, title_of
from audit.alerts.models import AlertStep
from audit.alerts.selectors import AlertFilters
from core.form_fields import CaseworkForm, PlainTextField, RadioField

_Outcome = AlertStep.Outcome


class QuestionForm(CaseworkForm):
    question = PlainTextField(
        label="Your question",
        rows=4,
        help_text="Ask openly: most accesses have a good reason. The worker sees your question and your name.",
        error_messages={"required": "Write your question"},
    )


class AnswerForm(CaseworkForm):
    answer = PlainTextField(
        label="Your answer",
        rows=6,
        help_text="Say in your own words what led to it. Leave clinical details out.",
        error_messages={"required": "Write your answer"},
    )


class DecisionForm(CaseworkForm):
    outcome = RadioField(
        label="What was it?",
        choices=_Outcome.choices,
        hints={
            _Outcome.APPROPRIATE: "There was a good reason for it",
            _Outcome.INAPPROPRIATE: "There was no good reason for it",
            _Outcome.TRAINING: "A misunderstanding that training will clear up",
            _Outcome.REFERRED: "Handed to somebody else, for example professional standards",
        },
        error_messages={"required": "Choose what it was"},
    )
    words = PlainTextField(
        label="Why, and what follows",
        rows=5,
        help_text="Other officers read it. Leave clinical details out.",
        error_messages={"required": "Say why, and what follows"},
    )


class AlertFilterForm(CaseworkForm):
    """State of the list in its address."""

    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[
            ("open", "Not closed"),
            ("new", "New"),
            ("asked", "Waiting for an answer"),
            ("answered", "Answered"),
            ("decided", "Decided"),
            ("closed", "Closed"),
            ("all", "All"),
        ],
    )
    kind = forms.ChoiceField(
        label="About",
        required=False,
        choices=[("", "Anything"), *((kind.value, title_of(kind)) for kind in AlertKind)],
    )
    order = forms.ChoiceField(
        label="Order", required=False, choices=[("newest", "Newest first"), ("oldest", "Oldest first")]
    )

    def filters(self) -> AlertFilters:
        """What was asked for as far as it can be understood; nothing asked for means what is not closed."""
        self.is_valid()
        data: dict[str, Any] = self.cleaned_data
        return AlertFilters(
            state=data.get("state") or "open",
            kind=data.get("kind") or "",
            is_oldest_first=data.get("order") == "oldest",
        )
