"""How a Django form becomes NHS.UK markup: which macro a field needs and what it is told.
Fields that know how to be filled in live in core.form_fields; the markup in templates/forms."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.forms.boundfield import BoundField
from django.forms.renderers import BaseRenderer, Jinja2
from django.forms.utils import ErrorDict
from django.forms.widgets import ChoiceWidget, Input
from django.template.loader import get_template
from django.utils import timezone
from markupsafe import Markup, escape


class NhsFormRenderer(BaseRenderer):
    """The FORM_RENDERER setting: ``{{ form }}`` and ``field.as_field_group()`` in NHS.UK markup."""

    form_template_name = "forms/form.jinja"
    formset_template_name = "forms/formset.jinja"
    field_template_name = "forms/field.jinja"

    def render(self, template_name: str, context: Any, request: Any = None) -> str:
        if template_name == self.field_template_name and _is_kept(context["field"]):
            return _drawn_once(_Drawing(self, context["field"]))
        return super().render(template_name, context, request)

    def get_template(self, template_name: str) -> Any:
        if template_name.startswith("django/forms/"):
            return _BUILT_IN.get_template(template_name)
        return get_template(template_name, using="jinja")


def _is_kept(bound: BoundField) -> bool:
    """A filter's field that does not reveal others: its markup follows from itself alone."""
    return getattr(bound.form, "keeps_drawn_fields", False) and not getattr(bound.field, "reveals", None)


class _Drawing:
    """One field to be drawn; equal to any other that would look the same."""

    def __init__(self, renderer: NhsFormRenderer, bound: BoundField) -> None:
        self._draw: Callable[[], str] | None = lambda: BaseRenderer.render(
            renderer, renderer.field_template_name, {"field": bound}
        )
        form, widget = bound.form, bound.field.widget
        self._key = (
            type(form),
            bound.html_name,
            bound.id_for_label,
            str(bound.label),
            str(bound.help_text),
            repr(bound.value()),
            repr(getattr(widget, "choices", "")),
            repr(widget.attrs),
            repr(bound.errors.as_data()) if form.is_bound else "",
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Drawing) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def draw(self) -> str:
        """Called once; what is kept afterwards is the key alone, not the form with what was sent."""
        assert self._draw is not None
        drawn, self._draw = self._draw(), None
        return drawn


@lru_cache(maxsize=500)
def _drawn_once(drawing: _Drawing) -> str:
    return drawing.draw()


DEFAULT_REQUIRED = forms.Field.default_error_messages["required"]

# Django's own widget templates, for hidden inputs and for a widget that is rendered bare.
_BUILT_IN = Jinja2()


@dataclass(frozen=True)
class FieldView:
    """What templates/forms/field.jinja needs: the macro's name and its parameters."""

    kind: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class FormError:
    text: str
    href: str


# Attributes of a widget that steer the layout and are not written into the HTML.
LAYOUT_ATTRIBUTES = frozenset({"width", "label_size", "inline", "prefix", "suffix", "count"})
# Attributes the macros write themselves.
MACRO_ATTRIBUTES = frozenset(
    {"id", "name", "rows", "cols", "class", "autocomplete", "inputmode", "spellcheck", "aria-describedby"}
    | {"aria-invalid", "required", "maxlength", "minlength", "placeholder"}
)


def nhs_field(bound: BoundField, draw_input: Callable[[dict[str, Any]], str]) -> FieldView:
    """The macro for a field and its parameters; the widget decides, not the field's class."""
    widget = bound.field.widget
    if bound.is_hidden:
        return FieldView("hidden", {})
    if isinstance(widget, RecentDayInput):
        return FieldView("radios", _recent_day(bound, draw_input))
    for widget_class, kind, parameters in MACROS:
        if isinstance(widget, widget_class):
            if kind == "textarea" and widget.attrs.get("count"):
                kind = "character_count"
            return FieldView(kind, parameters(bound))
    return FieldView("other", _base(bound))


def standalone_fields(form: forms.BaseForm) -> Iterator[BoundField]:
    """The visible fields in order, without those that another field's choice reveals."""
    revealed = {
        name
        for field in form.fields.values()
        for names in getattr(field, "reveals", {}).values()
        for name in _names(names)
    }
    return (bound for bound in form.visible_fields() if bound.name not in revealed)


def error_list(bound_forms: Iterable[forms.BaseForm]) -> list[FormError]:
    """The error summary of one page: every message once, each leading to its first input."""
    return [error for form in bound_forms for error in _form_errors(form)]


def relabel(form: forms.BaseForm, **labels: str) -> forms.BaseForm:
    """Our words on a library's form; called at the top of a template, before anything is drawn."""
    for name, label in labels.items():
        if name in form.fields:
            form[name].label = label
    return form


def messages_of(bound: BoundField) -> list[str]:
    """A field's errors; a library's "This field is required." becomes "Enter" and the field's label."""
    if not bound.form.is_bound:
        return []
    return [
        _what_is_missing(bound)
        if error.code == "required" and error.message is DEFAULT_REQUIRED
        else str(text)
        for error, text in zip(bound.errors.as_data(), bound.errors, strict=True)
    ]


def _what_is_missing(bound: BoundField) -> str:
    label = str(bound.label)
    words = label if label[1:2].isupper() else label[:1].lower() + label[1:]
    widget = bound.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return f"Tick “{label}”"
    return f"{'Choose' if isinstance(widget, ChoiceWidget) else 'Enter'} the {words}"


def error_parts(bound: BoundField) -> frozenset[str]:
    """Which of a date's inputs are wrong; empty where the message is about the whole."""
    data = bound.errors.as_data() if bound.form.is_bound else []
    return frozenset(part for error in data for part in (error.params or {}).get("parts", ()))


def textarea_value(value: object) -> Markup:
    """Typed text for a textarea, safe from HTML's and the macros' own handling of line breaks.

    The macros indent the lines they are given, and HTML drops a first line break: written as references, both are kept.
    """
    text = str(value).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    if text.startswith("\n"):
        text = "\n" + text
    return Markup(str(escape(text)).replace("\n", "&#10;"))  # noqa: S704 - escaped in this line


class DayInput(forms.MultiWidget):
    """Day, month and year in three inputs."""

    parts = ("day", "month", "year")

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({part: forms.TextInput() for part in self.parts}, attrs)

    def decompress(self, value: Any) -> list[str]:
        if not value:
            return ["", "", ""]
        return [str(value.day), str(value.month), str(value.year)]


class RecentDayInput(forms.MultiWidget):
    """Today, yesterday, or another day typed by hand."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"choice": forms.TextInput(), "other": forms.TextInput()}, attrs)

    def decompress(self, value: Any) -> list[str]:
        return list(recent_day_choice(value))


def recent_day_choice(value: date | None) -> tuple[str, str]:
    """What the radio buttons and the typed date show for a day."""
    if value is None:
        return "", ""
    days_ago = (timezone.localdate() - value).days
    if days_ago in (0, 1):
        return ("today", "yesterday")[days_ago], ""
    return "other", f"{value.day}/{value.month}/{value.year}"


def _form_errors(form: forms.BaseForm) -> Iterator[FormError]:
    if not form.is_bound:
        return
    errors: ErrorDict = form.errors
    for text in errors.get(NON_FIELD_ERRORS, ()):
        yield FormError(str(text), "")
    for bound in form:
        for text in messages_of(bound):
            yield FormError(text, "" if bound.is_hidden else f"#{_first_input_id(bound)}")


def _first_input_id(bound: BoundField) -> str:
    if isinstance(bound.field.widget, DayInput):
        wrong = error_parts(bound)
        first = next((part for part in DayInput.parts if part in wrong), "day")
        return f"{bound.auto_id}_{first}"
    return bound.auto_id


def _base(bound: BoundField) -> dict[str, Any]:
    attrs = bound.field.widget.attrs
    errors = messages_of(bound)
    params: dict[str, Any] = {
        "id": bound.auto_id,
        "idPrefix": bound.auto_id,
        "name": bound.html_name,
        "label": {"text": str(bound.label), "size": attrs.get("label_size")},
        "attributes": {
            name: {"value": value, "optional": True}
            for name, value in attrs.items()
            if name not in LAYOUT_ATTRIBUTES | MACRO_ATTRIBUTES
        },
    }
    if bound.help_text:
        hint = str(bound.help_text)
        params["hint"] = {"html" if hasattr(hint, "__html__") else "text": hint}
    if errors:
        params["errorMessage"] = {"text": " ".join(errors)}
    return params


def _grouped(bound: BoundField) -> dict[str, Any]:
    """For fields of several inputs the label is the legend of a fieldset."""
    params = _base(bound)
    # The first option's input carries the id, so that the error summary leads to it; the group must not.
    del params["id"]
    label = params.pop("label")
    params["fieldset"] = {"legend": {"text": label["text"], "size": label["size"] or "s"}}
    params["classes"] = "nhsuk-radios--inline" if bound.field.widget.attrs.get("inline") else ""
    return params


def _password(bound: BoundField) -> dict[str, Any]:
    return _base(bound) | {"autocomplete": bound.field.widget.attrs.get("autocomplete")}


def _input(bound: BoundField) -> dict[str, Any]:
    widget = cast(Input, bound.field.widget)
    attrs = widget.attrs
    value = bound.value()
    shown = widget.format_value(value) if value not in (None, "") else None
    return _base(bound) | {
        "type": "text" if widget.input_type in {"date", "time", "number"} else widget.input_type,
        "value": None if shown is None else str(shown).replace("\x00", "\ufffd"),
        "width": attrs.get("width"),
        "prefix": attrs.get("prefix"),
        "suffix": attrs.get("suffix"),
        "autocomplete": attrs.get("autocomplete"),
        "inputmode": attrs.get("inputmode") or ("numeric" if widget.input_type == "number" else None),
        "spellcheck": attrs.get("spellcheck"),
    }


def _textarea(bound: BoundField) -> dict[str, Any]:
    attrs = bound.field.widget.attrs
    value = bound.value()
    return _base(bound) | {
        "value": textarea_value("" if value is None else value),
        "rows": attrs.get("rows") or 5,
        "maxlength": attrs.get("count"),
        "spellcheck": True,
    }


def _select(bound: BoundField) -> dict[str, Any]:
    return _base(bound) | {
        "items": [
            {"value": option["value"], "text": option["label"], "selected": option["selected"]}
            for option in _flat_options(bound)
        ]
    }


def _options(bound: BoundField) -> dict[str, Any]:
    field = bound.field
    hints: Mapping[str, str] = getattr(field, "option_hints", {})
    reveals: Mapping[str, Any] = getattr(field, "reveals", {})
    items = []
    for option in _flat_options(bound):
        value = option["value"]
        if value == "":
            continue
        item = {"value": value, "text": option["label"], "checked": option["selected"]}
        if value in hints:
            item["hint"] = {"text": hints[value]}
        if value in reveals:
            item["conditional"] = {
                "html": Markup("").join(
                    Markup(bound.form[name].as_field_group())  # noqa: S704 - the form's own markup
                    for name in _names(reveals[value])
                    if name in bound.form.fields
                )
            }
        items.append(item)
    return _grouped(bound) | {"items": items}


def _flat_options(bound: BoundField) -> Iterator[dict[str, Any]]:
    """Django's own idea of the options and of which are chosen, groups flattened."""
    widget = cast(ChoiceWidget, bound.field.widget)
    chosen = widget.format_value(bound.value())
    for option in widget.options(bound.html_name, chosen):
        yield {
            "value": str(option["value"]),
            "label": str(option["label"]),
            "selected": bool(option["selected"]),
        }


def _single_checkbox(bound: BoundField) -> dict[str, Any]:
    params = _base(bound)
    del params["id"]
    label = params.pop("label")
    hint = params.pop("hint", None)
    item = {"value": "on", "text": label["text"], "checked": bool(bound.value()), "id": bound.auto_id}
    return params | {"items": [item | ({"hint": hint} if hint else {})]}


def _date_input(bound: BoundField) -> dict[str, Any]:
    widget = bound.field.widget
    value = bound.value()
    parts = value if isinstance(value, list) else widget.decompress(value)
    wrong = error_parts(bound) or (frozenset(DayInput.parts) if bound.errors else frozenset())
    autocomplete = {"day": "bday-day", "month": "bday-month", "year": "bday-year"}
    is_birthday = widget.attrs.get("autocomplete") == "bday"
    return _grouped(bound) | {
        "id": bound.auto_id,
        "classes": "",
        "items": [
            {
                "id": f"{bound.auto_id}_{part}",
                "name": f"{bound.html_name}_{part}",
                "label": {"text": part.capitalize()},
                "width": 4 if part == "year" else 2,
                "value": shown or None,
                "error": part in wrong,
                "autocomplete": autocomplete[part] if is_birthday else None,
            }
            for part, shown in zip(DayInput.parts, parts, strict=True)
        ],
    }


def _recent_day(bound: BoundField, draw_input: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    value = bound.value()
    choice, other = value if isinstance(value, list) else bound.field.widget.decompress(value)
    labels: Mapping[str, str] = bound.field.choice_labels()  # type: ignore[attr-defined]
    items: list[dict[str, Any]] = [
        {"value": name, "text": text, "checked": name == choice} for name, text in labels.items()
    ]
    typed = {
        "id": f"{bound.auto_id}_other",
        "name": f"{bound.html_name}_other",
        "label": {"text": "Date"},
        "hint": {"text": f"For example, {_example_day()}"},
        "value": other or None,
        "width": 10,
        "errorMessage": bool(bound.errors) and choice == "other",
        "attributes": {},
    }
    items[-1]["conditional"] = {"html": draw_input(typed)}
    return _grouped(bound) | {"name": f"{bound.html_name}_choice", "items": items}


def _example_day() -> str:
    # A date of last week, so that typing the example is never refused.
    on = timezone.localdate() - timedelta(days=7)
    return f"{on.day}/{on.month} or {on.day}/{on.month}/{on.year}"


def _names(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


# Widgets in order: the first that fits decides, so subclasses stand before their parents.
MACROS: tuple[tuple[type[forms.Widget], str, Callable[[BoundField], dict[str, Any]]], ...] = (
    (forms.CheckboxInput, "checkboxes", _single_checkbox),
    (DayInput, "date_input", _date_input),
    (forms.CheckboxSelectMultiple, "checkboxes", _options),
    (forms.SelectMultiple, "checkboxes", _options),
    (forms.RadioSelect, "radios", _options),
    (forms.Select, "select", _select),
    (forms.Textarea, "textarea", _textarea),
    (forms.PasswordInput, "password", _password),
    (forms.FileInput, "file", _base),
    (Input, "input", _input),
)
