"""Form fields that take what people type on a phone, and the form class every page's form inherits.
What a field means to a case is not known here; how it is drawn is in core.form_rendering."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.forms.forms import DeclarativeFieldsMetaclass
from django.utils import timezone

from core.form_rendering import DEFAULT_REQUIRED, DayInput, RecentDayInput, recent_day_choice
from core.formatting import MONTHS, day
from core.typed_text import visible_text

MEGABYTE = 1_000_000
# Nobody on record was born, seen or planned for outside of these.
EARLIEST_DAY = date(1900, 1, 1)
LATEST_DAY = date(2100, 12, 31)

_NUL = "contains a character that cannot be stored (NUL). Delete it and try again"


def _subject(label: str, fallback: str) -> str:
    """What a message calls the field: a label that asks a question cannot be the subject of a sentence."""
    return fallback if label.rstrip().endswith("?") else label.removesuffix("(optional)").rstrip()


def demand_own_messages(form_class: Any) -> None:
    """ "This field is required." helps nobody who has three empty fields in front of them."""
    for name, field in form_class.base_fields.items():
        if field.required and field.error_messages["required"] is DEFAULT_REQUIRED:
            raise ImproperlyConfigured(
                f"{form_class.__name__}.{name} is required and needs an error message of its own: "
                'error_messages={"required": "Enter …"}'
            )


class _CaseworkFormMetaclass(DeclarativeFieldsMetaclass):
    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        made = super().__new__(mcs, name, bases, attrs)
        demand_own_messages(made)
        return made


class CaseworkForm(forms.Form, metaclass=_CaseworkFormMetaclass):
    """A form whose required fields each say in their own words what is missing."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


class ListFilterForm(CaseworkForm):
    """A list's filter. Its state stands in the address, so nothing in it is about a patient: drawn fields are kept
    (core.form_rendering) and drawn again only when something in them differs."""

    keeps_drawn_fields = True


class LineField(forms.CharField):
    """One line: a name, a number, a place. Spaces at the ends go; everything else stays."""

    def __init__(self, *, label: str, max_length: int = 200, width: int | None = None, **kwargs: Any) -> None:
        super().__init__(label=label, max_length=max_length, **kwargs)
        self.validators = [
            v for v in self.validators if type(v).__name__ != "ProhibitNullCharactersValidator"
        ]
        name = _subject(label, "The text")
        self.error_messages.setdefault("nul", f"{name} {_NUL}")
        self.error_messages["max_length"] = f"{name} must be {max_length} characters or fewer"
        if width:
            self.widget.attrs["width"] = width

    def clean(self, value: Any) -> Any:
        if "\x00" in str(value or ""):
            raise ValidationError(self.error_messages["nul"], code="nul")
        return super().clean(value if visible_text(str(value or "")) else "")


class PlainTextField(forms.CharField):
    """Long text, stored as it was typed: only line ends are made one kind. NUL and more than a megabyte are refused."""

    def __init__(
        self, *, label: str, rows: int = 5, count: int | None = None, max_bytes: int = MEGABYTE, **kwargs: Any
    ) -> None:
        kwargs.setdefault("widget", forms.Textarea)
        super().__init__(label=label, strip=False, **kwargs)
        self.validators = []
        self.max_bytes = max_bytes
        self.subject = _subject(label, "The text")
        self.widget.attrs["rows"] = rows
        if count:
            # The count helps to be brief and is no limit: losing typed text costs more than a long entry.
            self.widget.attrs["count"] = count

    def to_python(self, value: Any) -> str:
        text = str(value or "").replace("\r\n", "\n").replace("\r", "\n")
        return text if visible_text(text) else ""

    def validate(self, value: str) -> None:
        super().validate(value)
        if "\x00" in value:
            raise ValidationError(f"{self.subject} {_NUL}", code="nul")
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > self.max_bytes:
            raise ValidationError(
                f"{self.subject} is too long: {size / MEGABYTE:.1f} MB, and {self.max_bytes / MEGABYTE:.0f} MB can be "
                "stored. Shorten it, or split it into two entries",
                code="too_large",
            )


class RadioField(forms.TypedChoiceField):
    """One of a few, as radio buttons. hints explain an option; reveals names the fields that an option opens."""

    def __init__(
        self,
        *,
        label: str,
        hints: Mapping[str, str] | None = None,
        reveals: Mapping[str, str | tuple[str, ...]] | None = None,
        inline: bool = False,
        coerce: Callable[[Any], Any] = str,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("widget", forms.RadioSelect)
        super().__init__(label=label, coerce=coerce, **kwargs)
        self.option_hints = dict(hints or {})
        self.reveals = dict(reveals or {})
        self.widget.attrs["inline"] = inline


class CheckboxesField(forms.MultipleChoiceField):
    """Any of a few, as checkboxes, with the same hints and reveals."""

    def __init__(
        self,
        *,
        label: str,
        hints: Mapping[str, str] | None = None,
        reveals: Mapping[str, str | tuple[str, ...]] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("widget", forms.CheckboxSelectMultiple)
        super().__init__(label=label, **kwargs)
        self.option_hints = dict(hints or {})
        self.reveals = dict(reveals or {})


class DayField(forms.Field):
    """A date in three inputs: birth, registration, review. Bounds are inclusive and may be callables."""

    widget = DayInput

    def __init__(
        self,
        *,
        label: str,
        earliest: date | Callable[[], date] = EARLIEST_DAY,
        latest: date | Callable[[], date] = LATEST_DAY,
        is_birthday: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(label=label, **kwargs)
        self.subject = _subject(label, "The date")
        self.earliest, self.latest = earliest, latest
        if is_birthday:
            self.widget.attrs["autocomplete"] = "bday"

    def clean(self, value: Any) -> date | None:
        parts = [str(part or "").strip() for part in (value if isinstance(value, list | tuple) else [])]
        if not any(parts):
            if self.required:
                raise ValidationError(self.error_messages["required"], code="required")
            return None
        on = self._date(parts)
        _demand_between(self.subject, on, self.earliest, self.latest)
        return on

    def has_changed(self, initial: Any, data: Any) -> bool:
        before = DayInput().decompress(initial)
        return [str(part or "").strip() for part in data or ["", "", ""]] != before

    def _date(self, parts: list[str]) -> date:
        names = DayInput.parts
        missing = tuple(name for name, part in zip(names, parts, strict=True) if not part)
        if missing:
            raise _wrong_parts(f"{self.subject} must include a {' and a '.join(missing)}", missing)
        typed_day, typed_month, typed_year = parts
        month = _month_number(typed_month)
        if not re.fullmatch(r"[0-9]{1,4}", typed_day) or not 1 <= int(typed_day) <= 31:
            raise _wrong_parts(f"{self.subject} must have a day between 1 and 31", ("day",))
        if not month:
            raise _wrong_parts(f"{self.subject} must have a month between 1 and 12", ("month",))
        if not re.fullmatch(r"[0-9]{4}", typed_year):
            raise _wrong_parts(f"{self.subject} must have a year of 4 numbers, for example 1985", ("year",))
        try:
            return date(int(typed_year), month, int(typed_day))
        except ValueError:
            raise _wrong_parts(f"{self.subject} must be a real date", names) from None


class RecentDayField(forms.Field):
    """Today, yesterday, or another day typed as 21/11, 21/11/2026 or 21 November. Never in the future.

    A day typed without a year is the last one there was.
    """

    widget = RecentDayInput

    def __init__(
        self, *, label: str, earliest: date | Callable[[], date] = EARLIEST_DAY, **kwargs: Any
    ) -> None:
        kwargs.setdefault("initial", timezone.localdate)
        super().__init__(label=label, **kwargs)
        self.subject = _subject(label, "The date")
        self.earliest = earliest

    def choice_labels(self) -> dict[str, str]:
        today = timezone.localdate()
        yesterday = today - timedelta(days=1)
        return {
            "today": f"Today ({today.day} {MONTHS[today.month - 1]})",
            "yesterday": f"Yesterday ({yesterday.day} {MONTHS[yesterday.month - 1]})",
            "other": "Another date",
        }

    def clean(self, value: Any) -> date | None:
        choice, other = [str(part or "").strip() for part in (value or ["", ""])]
        if not choice and other:
            choice = "other"
        if choice in {"today", "yesterday"}:
            return timezone.localdate() - timedelta(days=choice == "yesterday")
        if choice == "other":
            return self._typed(other)
        if self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        return None

    def has_changed(self, initial: Any, data: Any) -> bool:
        before = recent_day_choice(initial() if callable(initial) else initial)
        return tuple(str(part or "").strip() for part in data or ["", ""]) != before

    def _typed(self, other: str) -> date:
        if not other:
            raise ValidationError("Enter the date, for example 21/11", code="required")
        on = parse_typed_day(other)
        if on is None:
            raise ValidationError(
                f"{self.subject} must be a real date, for example 21/11 or 21/11/{timezone.localdate().year}",
                code="invalid",
            )
        if on > timezone.localdate():
            raise ValidationError(f"{self.subject} must be today or in the past", code="future")
        _demand_between(self.subject, on, self.earliest, LATEST_DAY)
        return on


class TimeField(forms.Field):
    """A time of day as people type it: 14:05, 1405, 14.05, 2pm, 2:30 pm, 9."""

    def __init__(self, *, label: str, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"width": 5, "autocomplete": "off"}))
        super().__init__(label=label, **kwargs)
        self.subject = _subject(label, "The time")

    def prepare_value(self, value: Any) -> Any:
        return f"{value.hour:02d}:{value.minute:02d}" if isinstance(value, time) else value

    def to_python(self, value: Any) -> time | None:
        if isinstance(value, time):
            return value
        typed = str(value or "").strip()
        if not typed:
            return None
        at = parse_typed_time(typed)
        if at is None:
            raise ValidationError(f"{self.subject} must be a time, for example 14:05 or 2pm", code="invalid")
        return at

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(self.prepare_value(initial) or "") != str(data or "").strip()


def parse_typed_day(typed: str) -> date | None:
    """Day before month, as in the UK. Without a year: the latest such day that is not in the future."""
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", typed.strip())
    if iso:
        return _real_day(int(iso[1]), int(iso[2]), int(iso[3]))
    parts = re.fullmatch(
        r"([0-9]{1,2})(?:st|nd|rd|th)?[\s/.\-]+([0-9]{1,2}|[a-z]+)(?:[\s/.\-,]+([0-9]{4}|[0-9]{2}))?",
        typed.strip().lower(),
    )
    month = _month_number(parts[2]) if parts else 0
    if not parts or not month:
        return None
    if parts[3]:
        year = int(parts[3])
        return _real_day(year + 2000 if year < 100 else year, month, int(parts[1]))
    today = timezone.localdate()
    candidates = (_real_day(today.year - back, month, int(parts[1])) for back in range(5))
    return next((on for on in candidates if on and on <= today), None)


def parse_typed_time(typed: str) -> time | None:
    parts = re.fullmatch(
        r"([0-9]{1,2})(?:[:.\s]?([0-9]{2}))?\s*(am|pm|a\.m\.|p\.m\.)?", typed.strip().lower()
    )
    if not parts:
        return None
    hour, minute, half = int(parts[1]), int(parts[2] or 0), (parts[3] or "")[:1]
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, minute) if hour < 24 and minute < 60 else None


def _real_day(year: int, month: int, on: int) -> date | None:
    try:
        return date(year, month, on)
    except ValueError:
        return None


def _month_number(typed: str) -> int:
    """1 to 12 for 11, Nov or November; otherwise 0."""
    if re.fullmatch(r"[0-9]{1,4}", typed):
        return int(typed) if 1 <= int(typed) <= 12 else 0
    name = typed.lower()
    if len(name) < 3:
        return 0
    return next((n for n, month in enumerate(MONTHS, 1) if month.lower().startswith(name)), 0)


def _demand_between(
    label: str, on: date, earliest: date | Callable[[], date], latest: date | Callable[[], date]
) -> None:
    first = earliest() if callable(earliest) else earliest
    last = latest() if callable(latest) else latest
    if on < first:
        raise _wrong_parts(f"{label} must be {day(first)} or later", DayInput.parts)
    if on > last:
        today = timezone.localdate()
        bound = "today or in the past" if last == today else f"{day(last)} or earlier"
        raise _wrong_parts(f"{label} must be {bound}", DayInput.parts)


def _wrong_parts(message: str, parts: Iterable[str]) -> ValidationError:
    return ValidationError(message, code="invalid", params={"parts": tuple(parts)})
