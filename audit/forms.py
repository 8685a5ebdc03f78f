"""What an information governance officer asks the trail."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from audit.providers import Identifiers
from audit.selectors import Filters
from audit.sentences import KINDS
from core.form_fields import CaseworkForm, DayField, LineField, ListFilterForm, PlainTextField

_REASON_MISSING = "Say why you look: the complaint's number, or what was asked"


class FindPersonForm(CaseworkForm):
    """One of three exact ways; never a part of a name."""

    reason = PlainTextField(
        label="Why you are looking",
        rows=2,
        max_bytes=2000,
        help_text="For example the number of the complaint. Kept on the trail with your search.",
        error_messages={"required": _REASON_MISSING},
    )
    reference = LineField(
        label="Patient reference", required=False, max_length=12, width=10, help_text="SC-7K2M9Q"
    )
    nhs_number = LineField(label="NHS number", required=False, max_length=20, width=20)
    full_name = LineField(
        label="Full name", required=False, help_text="First and last name, with the date of birth"
    )
    date_of_birth = DayField(label="Date of birth", required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        name, born = data.get("full_name"), data.get("date_of_birth")
        if name and not born and "date_of_birth" not in self.errors:
            self.add_error(
                "date_of_birth", ValidationError("Enter the date of birth that goes with the name")
            )
        if born and not name and "full_name" not in self.errors:
            self.add_error(
                "full_name", ValidationError("Enter the full name that goes with the date of birth")
            )
        if not self.errors and sum(map(bool, (data.get("reference"), data.get("nhs_number"), name))) != 1:
            raise ValidationError(
                "Enter a reference, an NHS number, or a full name with a date of birth: one of the three"
            )
        return data

    def identifiers(self) -> Identifiers:
        return Identifiers(
            reference=self.cleaned_data["reference"],
            nhs_number=self.cleaned_data["nhs_number"],
            full_name=self.cleaned_data["full_name"],
            date_of_birth=self.cleaned_data["date_of_birth"],
        )

    def terms(self) -> str:
        """What was searched for, as one text for the keyed digest."""
        asked = self.identifiers()
        number = "".join(asked.nhs_number.split())
        return asked.reference or number or f"{asked.full_name} {asked.date_of_birth}"


class FilterForm(ListFilterForm):
    """State of a list in its address. People are named by key; the choices are those on the page."""

    kind = forms.ChoiceField(label="What happened", required=False)
    person = forms.IntegerField(
        label="Who", required=False, min_value=1, max_value=2**31, widget=forms.Select
    )
    team = LineField(label="Team", required=False, max_length=120, widget=forms.Select)
    since = DayField(label="From", required=False)
    until = DayField(label="To", required=False)

    def __init__(self, *args: Any, kinds: Iterable[str] = tuple(KINDS), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [("", "Everything"), *((name, KINDS[name]) for name in kinds)]

    def filters(self) -> Filters:
        """What was asked for as far as it can be understood; a wrong date narrows nothing and is said to be wrong."""
        self.is_valid()
        data = self.cleaned_data
        until = data.get("until")
        return Filters(
            kind=data.get("kind") or "",
            person=data.get("person"),
            team=data.get("team") or "",
            since=midnight(data["since"]) if data.get("since") else None,
            until=midnight(until + timedelta(days=1)) if until else None,
        )

    def offer(self, *, people: Iterable[tuple[int, str]], teams: Iterable[str]) -> None:
        """The people and teams that can be chosen."""
        self._choices("person", [("", "Anybody"), *((str(key), name) for key, name in people)])
        self._choices("team", [("", "Any team"), *((team, team) for team in teams)])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        widget = self.fields[name].widget
        assert isinstance(widget, forms.Select)
        widget.choices = choices


class ExportForm(CaseworkForm):
    since = DayField(label="From", error_messages={"required": "Enter the first day"})
    until = DayField(label="To", error_messages={"required": "Enter the last day"})
    reason = PlainTextField(
        label="Why you export it",
        rows=2,
        max_bytes=2000,
        help_text="Kept on the trail with the export.",
        error_messages={"required": "Say why you export it"},
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and until < since:
            self.add_error("until", ValidationError("The last day must not lie before the first"))
        return data


def midnight(day: date) -> datetime:
    """Where a day begins, in the installation's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))
