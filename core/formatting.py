"""Values in plain UK English for pages, e-mails and prints. Makes words only: no HTML, no query."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)


_NEAR = {0: "Today", -1: "Yesterday", 1: "Tomorrow"}


def local_day(value: date) -> date:
    """The calendar day in the installation's time zone; 23:30 UTC in July is already tomorrow in London."""
    if isinstance(value, datetime):
        # As timezone.localdate() would; it asks a context variable first, which a long page feels.
        return value.astimezone(timezone.get_default_timezone()).date() if value.tzinfo else value.date()
    return value


def day(value: date | None) -> str:
    """21 November 2026"""
    if value is None:
        return ""
    on = local_day(value)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def short_day(value: date | None) -> str:
    """21 Nov 2026, for tables on a phone."""
    if value is None:
        return ""
    on = local_day(value)
    return f"{on.day} {MONTHS[on.month - 1][:3]} {on.year}"


def weekday(value: date | None) -> str:
    """Saturday 21 November 2026"""
    if value is None:
        return ""
    on = local_day(value)
    return f"{WEEKDAYS[on.weekday()]} {day(on)}"


def clock_time(value: datetime | time | None) -> str:
    """14:05"""
    if value is None:
        return ""
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(timezone.get_default_timezone())
    return f"{value.hour:02d}:{value.minute:02d}"


def relative_day(value: date | None) -> str:
    """Today, Yesterday or Tomorrow; otherwise the weekday and date."""
    if value is None:
        return ""
    on = local_day(value)
    return _NEAR.get((on - timezone.localdate()).days) or weekday(on)


def moment(value: datetime | None) -> str:
    """Today 14:05, Yesterday 09:12; otherwise 21 November 2026 at 14:05."""
    if value is None:
        return ""
    on = local_day(value)
    near = _NEAR.get((on - timezone.localdate()).days)
    return f"{near} {clock_time(value)}" if near else f"{day(on)} at {clock_time(value)}"


def due(value: date | None) -> str:
    """Due today, Due tomorrow, Due in 4 days, 1 day overdue; the date itself stands beside it."""
    if value is None:
        return ""
    days = (local_day(value) - timezone.localdate()).days
    if days < 0:
        return f"{counted(-days, 'day')} overdue"
    near = {0: "Due today", 1: "Due tomorrow"}
    return near.get(days) or f"Due in {counted(days, 'day')}"


def age(born_on: date | None, on: date | None = None) -> str:
    """Completed years, in words fit to stand after a date of birth: 34 years."""
    if born_on is None:
        return ""
    on = on or timezone.localdate()
    years = on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))
    return counted(years, "year")


def counted(number: int, singular: str, plural: str = "") -> str:
    """1 contact, 2 contacts, 1,204 contacts."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(value: timedelta | None) -> str:
    """2 hours 5 minutes; minutes are the smallest unit."""
    if value is None:
        return ""
    minutes = int(value.total_seconds() // 60)
    hours, minutes = divmod(minutes, 60)
    parts = [counted(hours, "hour")] if hours else []
    if minutes or not hours:
        parts.append(counted(minutes, "minute"))
    return " ".join(parts)


def nhs_number(value: str | None) -> str:
    """999 123 4567; anything that is not ten digits is shown as it is."""
    digits = "".join((value or "").split())
    if len(digits) != 10 or not digits.isdigit():
        return value or ""
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}"


def reference(value: str | None) -> str:
    """SC-7K2M9Q, in capitals however it was typed."""
    return (value or "").strip().upper()


def phone(value: str | None) -> str:
    """07700 900123, 020 7946 0123, 0113 496 0123, 01632 960123; other numbers as they were written."""
    written = value or ""
    digits = "".join(written.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 11 and digits[0] == "0"):
        return written
    if digits.startswith("02"):
        return f"{digits[:3]} {digits[3:7]} {digits[7:]}"
    if digits.startswith("011") or (digits.startswith("01") and digits[3] == "1"):
        return f"{digits[:4]} {digits[4:7]} {digits[7:]}"
    if digits[:2] in {"03", "08", "09"}:
        return f"{digits[:4]} {digits[4:7]} {digits[7:]}"
    return f"{digits[:5]} {digits[5:]}"


def phone_href(value: str | None) -> str:
    """tel:07700900123, so that a phone can ring it."""
    kept = [char for char in value or "" if char.isascii() and (char.isdigit() or char == "+")]
    return "tel:" + "".join(kept)
