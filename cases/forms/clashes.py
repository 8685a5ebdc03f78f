"""Two people edited one record: both texts, field by field, and the choice between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from cases.forms.drafts import NOT_TYPED
from core.form_fields import CaseworkForm, LineField, PlainTextField, RadioField
from core.formatting import clock_time, day

CLASH = "clash"
THEIRS, MINE, BOTH = "theirs", "mine", "both"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field with what is saved by now and what this user typed, as words."""

    name: str
    label: str
    theirs: str
    mine: str
    is_text: bool
    is_long: bool


def differences(saved: forms.BaseForm, typed: forms.BaseForm) -> list[Difference]:
    """Where a valid form differs from the record; ``saved`` is the same form, unbound, with the record's values."""
    found = []
    for name, field in typed.fields.items():
        if name == "version":
            continue
        theirs, mine = (
            _words(field, saved.get_initial_for_field(saved.fields[name], name)),
            _words(field, typed.cleaned_data.get(name)),
        )
        if theirs != mine:
            found.append(
                Difference(
                    name,
                    str(field.label),
                    theirs,
                    mine,
                    is_text=isinstance(field, forms.CharField),
                    is_long=isinstance(field, PlainTextField),
                )
            )
    return found


class ClashForm(CaseworkForm):
    """For each difference: theirs, mine, or both written together."""

    def __init__(self, *args: Any, differences: list[Difference], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.differences = differences
        for difference in differences:
            self._add(difference)

    def _add(self, difference: Difference) -> None:
        choices = [(THEIRS, "Keep what is saved"), (MINE, "Use what I typed")]
        reveals: dict[str, str] = {}
        if difference.is_text:
            choices.append((BOTH, "Write both together"))
            reveals[BOTH] = f"both_{difference.name}"
        self.fields[f"choice_{difference.name}"] = RadioField(
            label=f"{difference.label}: which one is right?",
            choices=choices,
            reveals=reveals,
            error_messages={"required": f"{difference.label}: choose which text to keep"},
        )
        if difference.is_text:
            self.fields[f"both_{difference.name}"] = _both_together(difference)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for difference in self.differences:
            together = f"both_{difference.name}"
            if cleaned.get(f"choice_{difference.name}") == BOTH and not cleaned.get(together):
                self.add_error(together, ValidationError(f"{difference.label}: write the text to keep"))
        return cleaned


def _both_together(difference: Difference) -> forms.Field:
    label = f"{difference.label}: both together"
    texts = [text for text in (difference.theirs, difference.mine) if text]
    if difference.is_long:
        return PlainTextField(label=label, rows=5, required=False, initial="\n".join(texts))
    return LineField(label=label, max_length=500, required=False, initial=" ".join(texts))


def resolved(typed: QueryDict, saved: forms.BaseForm, clash: ClashForm) -> QueryDict:
    """The user's form with each choice carried out. ``clash`` is valid; ``saved`` holds the record's values."""
    data = typed.copy()
    for difference in clash.differences:
        choice = clash.cleaned_data[f"choice_{difference.name}"]
        if choice == BOTH:
            data[difference.name] = clash.cleaned_data[f"both_{difference.name}"]
        elif choice == THEIRS:
            for name, value in _as_sent(saved, difference.name).items():
                data[name] = value
    return data


def carried_inputs(typed: QueryDict) -> list[tuple[str, str]]:
    """Everything the user typed, for hidden inputs: the choice comes back with the whole form."""
    left_out = NOT_TYPED | {CLASH, "version"}
    return [
        (name, str(value))
        for name, values in typed.lists()
        for value in values
        if name not in left_out and not name.startswith(("choice_", "both_"))
    ]


def _as_sent(saved: forms.BaseForm, name: str) -> dict[str, str]:
    field = saved.fields[name]
    value = field.prepare_value(saved.get_initial_for_field(field, name))
    if isinstance(field.widget, forms.MultiWidget):
        parts = field.widget.decompress(value) or []
        names = [name + suffix for suffix in field.widget.widgets_names]  # type: ignore[attr-defined]
        return {n: str(part or "") for n, part in zip(names, parts, strict=True)}
    return {name: "" if value is None else str(value)}


def _words(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ChoiceField):
        known = {str(key): str(label) for key, label in field.choices}  # type: ignore[union-attr,misc]
        return known.get(str(value), str(value or ""))
    if isinstance(value, date):
        return day(value)
    if isinstance(value, time):
        return clock_time(value)
    return str(value or "")
