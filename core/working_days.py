"""England's working days: Monday to Friday without bank holidays. Whatever is due "within two working days" counts here.

Computed by rule (Banking and Financial Dealings Act 1971 and the usual proclamations), so that no list runs out; days
that a proclamation adds once stand in a table, and the next of them in the setting ``EXTRA_BANK_HOLIDAYS``. A test
holds both against a library that is too large for a web process.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

from django.conf import settings

MONDAY, SATURDAY = 0, 5
# Moved or added once by proclamation; from gov.uk/bank-holidays and the London Gazette.
_ADDED = frozenset(
    {date(2020, 5, 8), date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19), date(2023, 5, 8)}
)
_MOVED_AWAY = frozenset({date(2020, 5, 4), date(2022, 5, 30)})


def is_working_day(on: date) -> bool:
    """Whether offices in England are open that day, as far as it has been proclaimed."""
    return on.weekday() < SATURDAY and on not in bank_holidays(on.year) and on not in _extra()


def add_working_days(on: date, count: int) -> date:
    """The ``count``-th working day after a day, which may itself be any day: the second after a Saturday is Tuesday."""
    while count > 0:
        on += timedelta(days=1)
        count -= is_working_day(on)
    return on


@cache
def bank_holidays(year: int) -> frozenset[date]:
    """The days of a year on which England has a bank holiday, substitute days instead of weekend days."""
    return (frozenset(_by_rule(year)) - _MOVED_AWAY) | {on for on in _ADDED if on.year == year}


def _by_rule(year: int) -> Iterator[date]:
    yield _or_next_monday(date(year, 1, 1))
    easter = _easter_sunday(year)
    yield easter - timedelta(days=2)
    yield easter + timedelta(days=1)
    yield _first_monday(date(year, 5, 1))
    yield _first_monday(date(year, 5, 25))  # the last of May
    yield _first_monday(date(year, 8, 25))  # the last of August
    yield from _christmas(year)


def _christmas(year: int) -> tuple[date, date]:
    """Christmas and Boxing Day; the 27th and 28th make up for what falls on a weekend."""
    christmas, boxing = date(year, 12, 25), date(year, 12, 26)
    if christmas.weekday() == SATURDAY:
        return date(year, 12, 27), date(year, 12, 28)
    if christmas.weekday() > SATURDAY:
        return date(year, 12, 27), boxing
    if boxing.weekday() == SATURDAY:
        return christmas, date(year, 12, 28)
    return christmas, boxing


def _or_next_monday(on: date) -> date:
    return on if on.weekday() < SATURDAY else _first_monday(on)


def _first_monday(on: date) -> date:
    return on + timedelta(days=(MONDAY - on.weekday()) % 7)


def _easter_sunday(year: int) -> date:
    """The Gregorian computus in Butcher's form ("Anonymous Gregorian", Meeus, Astronomical Algorithms, chapter 8)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - epact - of_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def _extra() -> frozenset[date]:
    return frozenset(settings.EXTRA_BANK_HOLIDAYS)
