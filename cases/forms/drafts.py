"""A draft's typed text back into a form, exactly as it was, right or wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

# What the browser sends along with a form that is nobody's text.
NOT_TYPED = frozenset({"csrfmiddlewaretoken", "save_draft", "draft_about"})


def typed_data(posted: QueryDict) -> dict[str, list[str]]:
    """What was typed, by input name, as a draft keeps it."""
    return {name: [str(v) for v in values] for name, values in posted.lists() if name not in NOT_TYPED}


def fill_from_draft(form: forms.BaseForm, data: Mapping[str, Sequence[str]]) -> None:
    """Show the draft's text in an unbound form; inputs the draft did not have keep their initial value."""
    posted: MultiValueDict[str, str] = MultiValueDict({name: list(values) for name, values in data.items()})
    for name, field in form.fields.items():
        prefixed = form.add_prefix(name)
        if _was_sent(field.widget, posted, prefixed):
            form.initial[name] = _value(field.widget, posted, prefixed)


def _was_sent(widget: forms.Widget, posted: MultiValueDict[str, str], name: str) -> bool:
    if isinstance(widget, forms.CheckboxInput | forms.CheckboxSelectMultiple):
        return True  # an unticked box is sent as nothing
    return any(key in posted for key in _input_names(widget, name))


def _input_names(widget: forms.Widget, name: str) -> Iterable[str]:
    if isinstance(widget, forms.MultiWidget):
        return [name + suffix for suffix in widget.widgets_names]  # type: ignore[attr-defined]
    return [name]


def _value(widget: forms.Widget, posted: MultiValueDict[str, str], name: str) -> Any:
    return widget.value_from_datadict(posted, MultiValueDict(), name)
