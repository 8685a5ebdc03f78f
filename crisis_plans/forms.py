"""What people type about a plan, and whether it can be stored. Nothing is required to save: services say what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from core.form_fields import CaseworkForm, DayField, LineField, PlainTextField, RadioField
from core.formatting import day
from crisis_plans.content import Call, PlanContent, ServicePart, lines_of
from crisis_plans.models import Involvement, Service
from crisis_plans.rules import MOST_ACTIONS, MOST_CALLS, latest_review

OWN, OTHERS = "own", "others"
FEWEST_CALLS = 3
OTHER_NAME = "service_other_name"
_SERVICE_LABELS = {Service.OTHER: "What the other service agrees to do"}
_INVOLVEMENT_STEMS = {Involvement.DECLINED: "declined", Involvement.COULD_NOT: "could_not"}


class PlanForm(CaseworkForm):
    """The whole text of a version. Calls are as many rows as ``call_rows`` says; services one box each."""

    what_helps = PlainTextField(
        label="What helps me",
        help_text="What helps when things get bad. One thing on each line is read fastest.",
        rows=5,
        required=False,
    )
    words = RadioField(
        label="Whose words are these?",
        choices=[(OWN, "The person’s own words"), (OTHERS, "What others have seen help")],
        hints={OTHERS: "It will be marked as not their own words"},
        required=False,
    )
    actions = PlainTextField(
        label="What to do",
        help_text="Supportive actions for whoever meets the person. One on each line, at least one.",
        rows=5,
        required=False,
    )
    what_makes_it_worse = PlainTextField(
        label="What makes it worse", help_text="One thing on each line.", rows=4, required=False
    )
    crisis_signs = PlainTextField(
        label="What a crisis looks like and what leads to it", rows=5, required=False
    )
    about_me = PlainTextField(
        label="About me",
        help_text="Who I am when I am well, and what matters to me.",
        rows=4,
        required=False,
    )
    involvement = RadioField(
        label="How was the person involved?",
        choices=Involvement.choices,
        reveals={value: (f"{stem}_reason", f"{stem}_retry_on") for value, stem in _INVOLVEMENT_STEMS.items()},
        required=False,
    )
    declined_reason = PlainTextField(label="Why they declined", rows=3, required=False)
    declined_retry_on = DayField(label="When they will be asked again", required=False)
    could_not_reason = PlainTextField(label="Why they could not take part", rows=3, required=False)
    could_not_retry_on = DayField(label="When they will be asked", required=False)
    disagreement = PlainTextField(
        label="Where the person disagrees",
        help_text="In their own words, if they disagree with anything. It is shown beside the plan everywhere.",
        rows=4,
        required=False,
    )
    review_on = DayField(
        label="Review date", required=False, earliest=timezone.localdate, latest=latest_review
    )
    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    call_rows = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, rows: int = FEWEST_CALLS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = min(max(rows, FEWEST_CALLS), MOST_CALLS)
        self.initial["call_rows"] = self.rows
        for row in range(self.rows):
            self._add_call(row)
        for service in Service:
            self._add_service(service)
        self.fields["review_on"].help_text = f"No later than {day(latest_review())}"

    @property
    def can_add_call(self) -> bool:
        return self.rows < MOST_CALLS

    @property
    def call_fields(self) -> list[tuple[forms.BoundField, forms.BoundField, forms.BoundField]]:
        """The rows of people to call, each: who, phone, when."""
        return [
            (self[f"call_{row}_who"], self[f"call_{row}_phone"], self[f"call_{row}_when"])
            for row in range(self.rows)
        ]

    @property
    def service_fields(self) -> list[forms.BoundField]:
        """A box for each service, the other service's name before its box."""
        return [
            self[name]
            for service in Service
            for name in ([OTHER_NAME] if service == Service.OTHER else []) + [service_field(service)]
        ]

    def clean_actions(self) -> str:
        typed: str = self.cleaned_data["actions"]
        if len(lines_of(typed)) > MOST_ACTIONS:
            raise forms.ValidationError(
                f"Write {MOST_ACTIONS} supportive actions or fewer: a plan has to be read in half a minute"
            )
        return typed

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for row in range(self.rows):
            rest = cleaned.get(f"call_{row}_phone") or cleaned.get(f"call_{row}_when")
            if rest and not cleaned.get(f"call_{row}_who"):
                self.add_error(f"call_{row}_who", "Enter who this number or note belongs to")
        if cleaned.get(service_field(Service.OTHER)) and not cleaned.get(OTHER_NAME):
            self.add_error(OTHER_NAME, "Enter the name of the other service")
        return cleaned

    def content(self) -> PlanContent:
        """What a valid form says. A row left empty is no row; a reason counts only for the answer it belongs to."""
        typed = self.cleaned_data
        stem = _INVOLVEMENT_STEMS.get(typed["involvement"])
        return PlanContent(
            about_me=typed["about_me"],
            crisis_signs=typed["crisis_signs"],
            what_helps=typed["what_helps"],
            is_own_words={OWN: True, OTHERS: False}.get(typed["words"]),
            what_makes_it_worse=typed["what_makes_it_worse"],
            actions=tuple(lines_of(typed["actions"])),
            calls=tuple(self._calls()),
            service_parts=tuple(self._service_parts()),
            involvement=typed["involvement"],
            involvement_reason=typed[f"{stem}_reason"] if stem else "",
            involvement_retry_on=typed[f"{stem}_retry_on"] if stem else None,
            disagreement=typed["disagreement"],
            review_on=typed["review_on"],
        )

    def _calls(self) -> list[Call]:
        typed = self.cleaned_data
        rows = (
            Call(typed[f"call_{row}_who"], typed[f"call_{row}_phone"], typed[f"call_{row}_when"])
            for row in range(self.rows)
        )
        return [call for call in rows if call.who]

    def _service_parts(self) -> list[ServicePart]:
        typed = self.cleaned_data
        return [
            ServicePart(
                service.value,
                typed[service_field(service)],
                typed[OTHER_NAME] if service == Service.OTHER else "",
            )
            for service in Service
            if typed[service_field(service)]
        ]

    def _add_call(self, row: int) -> None:
        number = row + 1
        self.fields[f"call_{row}_who"] = LineField(label=f"Who ({number})", required=False)
        self.fields[f"call_{row}_phone"] = LineField(
            label=f"Phone ({number})",
            max_length=40,
            width=20,
            required=False,
            widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        )
        self.fields[f"call_{row}_when"] = LineField(label=f"When, or what for ({number})", required=False)

    def _add_service(self, service: Service) -> None:
        if service == Service.OTHER:
            self.fields[OTHER_NAME] = LineField(
                label="Name of another service", max_length=120, required=False
            )
        self.fields[service_field(service)] = PlainTextField(
            label=_SERVICE_LABELS.get(service, service.label), rows=3, required=False
        )


class DecisionForm(CaseworkForm):
    """Approve, or return with a comment; ``revision`` is the text that was on the page."""

    APPROVE, RETURN = "approve", "return"

    decision = RadioField(
        label="Your decision",
        choices=[(APPROVE, "Approve this version"), (RETURN, "Return it with a comment")],
        hints={APPROVE: "It becomes the plan at once, with your name and registration"},
        reveals={RETURN: "comment"},
        error_messages={"required": "Choose whether to approve or return this version"},
    )
    comment = PlainTextField(label="What has to change", rows=4, required=False)
    revision = forms.IntegerField(
        widget=forms.HiddenInput,
        error_messages={"required": "Open the page again: it did not say which text was read"},
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("decision") == self.RETURN and not cleaned.get("comment"):
            self.add_error("comment", "Write what has to change")
        return cleaned


class RevisionForm(CaseworkForm):
    """Which text was on the page when somebody submitted or discarded it."""

    revision = forms.IntegerField(
        widget=forms.HiddenInput,
        error_messages={"required": "Open the page again: it did not say which text was read"},
    )


def service_field(service: Service) -> str:
    return f"service_{service.name.lower()}"


def initial_from(content: PlanContent) -> dict[str, Any]:
    """A version's text as the form's initial values."""
    initial: dict[str, Any] = {
        "about_me": content.about_me,
        "crisis_signs": content.crisis_signs,
        "what_helps": content.what_helps,
        "words": "" if content.is_own_words is None else OWN if content.is_own_words else OTHERS,
        "what_makes_it_worse": content.what_makes_it_worse,
        "actions": "\n".join(content.actions),
        "involvement": content.involvement,
        "disagreement": content.disagreement,
        "review_on": content.review_on,
    }
    for value, stem in _INVOLVEMENT_STEMS.items():
        if content.involvement == value:
            initial[f"{stem}_reason"] = content.involvement_reason
            initial[f"{stem}_retry_on"] = content.involvement_retry_on
    for row, call in enumerate(content.calls):
        initial |= {
            f"call_{row}_who": call.who,
            f"call_{row}_phone": call.phone,
            f"call_{row}_when": call.when,
        }
    for part in content.service_parts:
        initial[service_field(Service(part.service))] = part.agreed
        if part.name:
            initial[OTHER_NAME] = part.name
    return initial


def rows_in(data: Mapping[str, Sequence[str] | str]) -> int:
    """How many rows of people to call a posted form or a draft had."""
    value = data.get("call_rows", "")
    typed = value if isinstance(value, str) else value[0] if value else ""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else FEWEST_CALLS


def rows_for(content: PlanContent) -> int:
    """Room for everybody named, and one more."""
    return len(content.calls) + 1
