"""Forms as a browser would see them: read from the page that came back, filled with values that look right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

Values = dict[str, list[str]]

# By a part of the field's name, in this order; the rest gets a sentence.
_TYPED: list[tuple[str, str]] = [
    ("_day", "3"),
    ("_month", "4"),
    ("_year", "1990"),
    ("email", "somebody@example.org"),
    ("phone", "01632 960199"),
    ("postcode", "NM1 4ZZ"),
    ("username", "somebody.new"),
    ("nhs_number", ""),
    ("password", "correct horse battery 9"),
    ("code", "123456"),
    ("_other", "21/11"),
    ("number", "99N4321E"),
]
_TIMES = {"at", "time"}


@dataclass
class Input:
    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)
    is_checked: bool = False


@dataclass
class Form:
    """One form of a page. ``buttons`` are its named submit buttons."""

    action: str
    method: str
    inputs: list[Input] = field(default_factory=list)
    buttons: list[Input] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(one.name for one in [*self.inputs, *self.buttons]))

    @property
    def takes_text(self) -> bool:
        return any(one.kind in ("text", "search", "textarea") for one in self.inputs)

    def filled(self, typed: Mapping[str, str] | None = None) -> Values:
        """As a person would send it: what stands there stays, what is empty is filled; ``typed`` comes first."""
        values: Values = {}
        for one in self.inputs:
            value = _value_of(one, typed or {})
            if one.kind == "radio" and one.name in values and not one.is_checked:
                continue
            if value is None:
                continue
            if one.kind == "checkbox":
                values.setdefault(one.name, []).append(value)
            else:
                values[one.name] = [value]
        return values


@dataclass
class Page:
    """What a walker takes from a page: its forms, and where it leads."""

    forms: list[Form]
    links: list[str]


def _value_of(one: Input, typed: Mapping[str, str]) -> str | None:
    if one.kind in ("hidden", "radio", "checkbox"):
        return one.value
    if one.kind == "select":
        return one.value or next((option for option in one.options if option), "")
    if one.kind in ("file", "submit", "button"):
        return None
    if one.name in typed:
        return typed[one.name]
    return one.value or _typed_into(one)


def _typed_into(one: Input) -> str:
    name = one.name.rsplit("-", 1)[-1]
    if name in _TIMES:
        return "9:15"
    return next((value for part, value in _TYPED if part in name), "Words that somebody typed into this form")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._form: Form | None = None
        self._open: Input | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and told.get("href", "").startswith("/"):
            self.links.append(told["href"])
        elif tag == "form":
            self._form = Form(told.get("action", ""), told.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "option" and self._open is not None:
            self._open.options.append(told.get("value", ""))
            if "selected" in told:
                self._open.value = told.get("value", "")
        elif tag in ("input", "textarea", "select", "button") and told.get("name"):
            self._take(tag, told)

    def _take(self, tag: str, told: dict[str, str]) -> None:
        kind = told.get("type", "text") if tag == "input" else tag
        made = Input(told["name"], kind, told.get("value", ""), is_checked="checked" in told)
        if self._form is None or made.name == "csrfmiddlewaretoken":
            return
        if kind in ("button", "submit"):
            self._form.buttons.append(made)
            return
        self._form.inputs.append(made)
        if tag in ("textarea", "select"):
            self._open = made

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._open.kind == "textarea":
            self._open.value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag in ("textarea", "select"):
            if self._open is not None and tag == "textarea":
                self._open.value = self._open.value.removeprefix("\n")
            self._open = None


def read_page(content: bytes, content_type: str) -> Page:
    """Forms and links of a page; nothing of anything that is not HTML."""
    if not content_type.startswith("text/html"):
        return Page([], [])
    reader = _Reader()
    reader.feed(content.decode("utf-8", "replace"))
    return Page(reader.forms, list(dict.fromkeys(reader.links)))
