"""How the processes' own log is written: one line an event, in UTC, without what people typed or a row holds.

The trail is no part of it: who looked at what is written by audit, into the database.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

_LONGEST_REASON = 200


class LogLines(logging.Formatter):
    """``2026-11-25T09:00:00.000Z ERROR name message``. Further lines of an event, its traceback, begin with spaces.

    Control characters of a message are written as escapes, so that nothing sent by anybody can look like a line of
    its own. Of an exception only the first line is kept: PostgreSQL adds the row that failed below it, narratives
    and NHS number included.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = (
            f"{at.removesuffix('+00:00')}Z {record.levelname} {record.name} {_escaped(record.getMessage())}"
        )
        error = record.exc_info[1] if record.exc_info else None
        return "\n".join([line, *_told(error)]) if error is not None else line


def _told(error: BaseException) -> Iterator[str]:
    """Each exception of the chain, the first cause first, with the places it passed."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    for one in reversed(chain):
        for place in traceback.extract_tb(one.__traceback__):
            yield f"    {place.filename}:{place.lineno} in {place.name}"
        yield f"    {type(one).__module__}.{type(one).__qualname__}: {_reason(one)}"


def _reason(error: BaseException) -> str:
    return _escaped(str(error).strip().partition("\n")[0])[:_LONGEST_REASON]


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
