"""Words made of values, as they stand on pages, in e-mails and on paper."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine

from core import formatting

# A Saturday in winter and a day in summer time, so that both offsets are met.
NOW = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


def test_a_day_is_written_out_without_a_leading_zero() -> None:
    assert formatting.day(date(2026, 3, 1)) == "1 March 2026"
    assert formatting.short_day(date(2026, 11, 21)) == "21 Nov 2026"
    assert formatting.weekday(date(2026, 11, 21)) == "Saturday 21 November 2026"


def test_a_late_summer_evening_in_utc_is_the_next_day_in_london() -> None:
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert formatting.day(late) == "2 July 2026"
    assert formatting.clock_time(late) == "00:30"


def test_today_yesterday_and_tomorrow_are_named() -> None:
    assert formatting.moment(NOW) == "Today 14:05"
    assert formatting.moment(NOW - timedelta(days=1)) == "Yesterday 14:05"
    assert formatting.moment(NOW + timedelta(days=1)) == "Tomorrow 14:05"
    assert formatting.moment(NOW - timedelta(days=2)) == "19 November 2026 at 14:05"
    assert formatting.relative_day(date(2026, 11, 19)) == "Thursday 19 November 2026"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-12, "12 days overdue"),
        (-1, "1 day overdue"),
        (0, "Due today"),
        (1, "Due tomorrow"),
        (4, "Due in 4 days"),
    ],
)
def test_a_due_date_says_how_far_away_it_is(days: int, words: str) -> None:
    assert formatting.due(NOW.date() + timedelta(days=days)) == words


def test_age_counts_completed_years() -> None:
    assert formatting.age(date(1991, 11, 21)) == "35 years"
    assert formatting.age(date(1991, 11, 22)) == "34 years"
    assert formatting.age(date(2025, 11, 21)) == "1 year"
    assert formatting.age(date(2000, 2, 29), on=date(2001, 2, 28)) == "0 years"


def test_numbers_stand_with_their_noun() -> None:
    assert formatting.counted(1, "contact") == "1 contact"
    assert formatting.counted(0, "contact") == "0 contacts"
    assert formatting.counted(1204, "person", "people") == "1,204 people"


def test_a_duration_is_told_in_hours_and_minutes() -> None:
    assert formatting.duration(timedelta(hours=2, minutes=5)) == "2 hours 5 minutes"
    assert formatting.duration(timedelta(hours=1)) == "1 hour"
    assert formatting.duration(timedelta(seconds=30)) == "0 minutes"


def test_an_nhs_number_is_grouped_and_anything_else_is_left_alone() -> None:
    assert formatting.nhs_number("9991234567") == "999 123 4567"
    assert formatting.nhs_number("999 123 4567") == "999 123 4567"
    assert formatting.nhs_number("12345") == "12345"


def test_a_reference_is_shown_in_capitals() -> None:
    assert formatting.reference(" sc-7k2m9q ") == "SC-7K2M9Q"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("07700900123", "07700 900123"),
        ("020 79460123", "020 7946 0123"),
        ("01134960123", "0113 496 0123"),
        ("01214960123", "0121 496 0123"),
        ("01632960123", "01632 960123"),
        ("03001231234", "0300 123 1234"),
        ("+44 7700 900123", "+44 7700 900123"),
        ("ask for Sam", "ask for Sam"),
    ],
)
def test_a_phone_number_is_grouped_as_it_is_read_aloud(typed: str, shown: str) -> None:
    assert formatting.phone(typed) == shown


def test_a_phone_link_holds_digits_only() -> None:
    assert formatting.phone_href("020 7946 0123 (ward)") == "tel:02079460123"
    assert formatting.phone_href("+44 7700 900123") == "tel:+447700900123"


def test_nothing_is_shown_for_nothing() -> None:
    words = [
        formatting.day(None),
        formatting.short_day(None),
        formatting.weekday(None),
        formatting.clock_time(None),
        formatting.relative_day(None),
        formatting.moment(None),
        formatting.due(None),
        formatting.age(None),
        formatting.duration(None),
        formatting.nhs_number(None),
        formatting.reference(None),
        formatting.phone(None),
    ]
    assert set(words) == {""}


def test_a_time_of_day_keeps_its_zeros() -> None:
    assert formatting.clock_time(time(9, 5)) == "09:05"
