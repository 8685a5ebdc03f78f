"""England's working days, against a library's list and by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import holidays
import pytest

from core.working_days import add_working_days, bank_holidays, is_working_day

YEARS = range(2015, 2101)


def test_bank_holidays_are_those_of_the_library_on_every_weekday_of_86_years() -> None:
    theirs = holidays.country_holidays("GB", subdiv="ENG", years=YEARS)
    for year in YEARS:
        expected = {on for on in theirs if on.year == year and on.weekday() < 5}
        assert bank_holidays(year) == expected, year


@pytest.mark.parametrize(
    ("day", "count", "due"),
    [
        ("2026-11-25", 2, "2026-11-27"),  # Wednesday to Friday
        ("2026-11-27", 2, "2026-12-01"),  # Friday over the weekend
        ("2026-11-28", 2, "2026-12-01"),  # Saturday: Monday is the first
        ("2026-12-23", 2, "2026-12-29"),  # the 28th stands in for Boxing Day, a Saturday
        ("2027-12-24", 2, "2027-12-30"),  # Christmas on a Saturday: the 27th and 28th
        ("2027-03-25", 2, "2027-03-31"),  # over Good Friday and Easter Monday
    ],
)
def test_working_days_are_counted_past_weekends_and_bank_holidays(day: str, count: int, due: str) -> None:
    assert add_working_days(dt.date.fromisoformat(day), count) == dt.date.fromisoformat(due)


def test_an_installation_adds_a_day_that_was_proclaimed_later(settings: Any) -> None:
    proclaimed = dt.date(2029, 5, 8)
    assert is_working_day(proclaimed)
    settings.EXTRA_BANK_HOLIDAYS = [proclaimed]
    assert not is_working_day(proclaimed)
