"""Forms of visits: planning one, changing it, and saying that it did not take place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from cases.forms.sent_once import SentOnceForm
from cases.models import Visit, VisitOutcome
from cases.models.visit import Purpose
from cases.selectors.visits import Colleague
from cases.services.visits import VisitPlan
from core.due import due_moment
from core.form_fields import (
    CaseworkForm,
    CheckboxesField,
    DayField,
    LineField,
    PlainTextField,
    RadioField,
    TimeField,
)

PURPOSE_HINTS: dict[str, str] = {
    Purpose.THERAPEUTIC.value: "Clinicians only: police do not take part in planned therapeutic work",
}
LONGEST_AHEAD_YEARS = 2


def latest_day() -> date:
    today = timezone.localdate()
    return date(today.year + LONGEST_AHEAD_YEARS, 12, 31)


class VisitForm(CaseworkForm):
    """A visit as it is planned; ``version`` is set when a planned one is changed."""

    planned_on = DayField(
        label="Date of the visit",
        latest=latest_day,
        error_messages={"required": "Enter the date of the visit"},
    )
    at = TimeField(
        label="Time", help_text="For example, 14:05 or 2pm", error_messages={"required": "Enter the time"}
    )
    purpose = RadioField(
        label="What is it for?",
        choices=Purpose.choices,
        hints=PURPOSE_HINTS,
        error_messages={"required": "Choose what the visit is for"},
    )
    participants = CheckboxesField(
        label="Who takes part?", error_messages={"required": "Choose at least one person who takes part"}
    )
    place = LineField(label="Place (optional)", required=False)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, members: Sequence[Colleague], me: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("at", "place"):
            self.fields[name].widget.attrs["label_size"] = "s"
        self.members = {str(member.user.pk): member for member in members}
        self.fields["participants"].choices = [  # type: ignore[attr-defined]
            (key, member_label(member, me)) for key, member in self.members.items()
        ]

    def plan(self) -> VisitPlan:
        data = self.cleaned_data
        return VisitPlan(
            planned_for=moment_of(data["planned_on"], data["at"]),
            purpose=data["purpose"],
            participants=[self.members[key].user for key in data["participants"]],
            place=data["place"],
        )


class NewVisitForm(SentOnceForm, VisitForm):
    """A visit to be planned, once for each page."""


class VisitOutcomeForm(CaseworkForm):
    """Why a visit did not take place. That it did is recorded by logging the contact."""

    kind = RadioField(
        label="What became of it?",
        choices=[
            (kind.value, kind.label) for kind in VisitOutcome.Kind if kind != VisitOutcome.Kind.HAPPENED
        ],
        hints={VisitOutcome.Kind.ATTEMPTED.value: "Somebody went or rang and did not reach the person"},
        error_messages={"required": "Choose what became of the visit"},
    )
    note = PlainTextField(
        label="What happened?",
        rows=3,
        help_text="A few words are enough. Declining changes nothing about the care the person can have.",
        error_messages={"required": "Say in a few words why the visit did not take place"},
    )


def visit_initial(visit: Visit) -> dict[str, Any]:
    local = timezone.localtime(visit.planned_for)
    return {
        "planned_on": local.date(),
        "at": local.time(),
        "purpose": visit.purpose,
        "participants": [str(row.user_id) for row in visit.participants.all()],
        "place": visit.place,
        "version": visit.version,
    }


def member_label(member: Colleague, me: User) -> str:
    words = [name for name, holds in (("you", member.user == me), ("police", member.is_police)) if holds]
    return f"{member.user} ({', '.join(words)})" if words else str(member.user)


def moment_of(on: date, at: time) -> datetime:
    """A typed day and time as London's; a time that the clocks skip counts as the hour after."""
    return due_moment(on, at)
