"""The processes' log: one line an event, UTC, and no row that PostgreSQL quoted."""

from __future__ import annotations

import logging
import re
import sys
from logging.config import dictConfig

import pytest
from django.conf import settings

from core.log_lines import LogLines


def line_of(message: str, *arguments: object, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("cases", logging.ERROR, "file.py", 1, message, arguments, info)
    return LogLines().format(record)


def test_a_line_says_when_in_utc_how_grave_and_where() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR cases It broke", line_of("It broke"))


@pytest.mark.parametrize("typed", ["a\nb", "a\r\nb", "a\x0bb", "a\u2028b", "a\x1b[31mb", "a\u202eb"])
def test_nothing_that_was_sent_makes_a_line_of_its_own_or_hides_one(typed: str) -> None:
    line = line_of("Unknown host %r", typed) + line_of(f"Unknown host {typed}")
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def failed_row() -> BaseException:
    """As psycopg and Django hand it on: the row that failed stands below the first line."""
    row = 'duplicate key value violates unique constraint "x"\nDETAIL:  Failing row contains (Nora\nQuill, 999).'
    try:
        try:
            raise ValueError(row)
        except ValueError as cause:
            raise RuntimeError(row) from cause
    except RuntimeError as error:
        return error


def test_of_an_exception_the_first_line_and_the_places_are_kept_and_no_row() -> None:
    text = line_of("Not saved", error=failed_row())
    assert "Nora" not in text and "Quill" not in text and "999" not in text
    assert "    builtins.ValueError: duplicate key value violates" in text
    assert "    builtins.RuntimeError: duplicate key value violates" in text
    assert f"{__file__}:" in text and "in failed_row" in text
    assert all(line.startswith("    ") for line in text.splitlines()[1:])


def test_every_logger_writes_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert {h["formatter"] for h in settings.LOGGING["handlers"].values()} == {"lines"}
    dictConfig(settings.LOGGING | {"handlers": {"console": _to_stderr()}})
    logging.getLogger("audit.middleware").error("Withheld", exc_info=failed_row())
    assert "Quill" not in capsys.readouterr().err


def _to_stderr() -> dict[str, object]:
    # The stream of this moment: pytest puts its own in place of sys.stderr.
    return settings.LOGGING["handlers"]["console"] | {"stream": sys.stderr}
