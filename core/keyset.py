"""The moment in a keyset cursor. Cursors stand in addresses, so anybody may write them."""

from __future__ import annotations

from datetime import UTC, datetime

# PostgreSQL refuses moments at the ends of Python's calendar; nothing on record lies outside of these years.
_EARLIEST, _LATEST = 1900, 2100


def cursor_moment(text: str) -> datetime | None:
    """The time a cursor names, in UTC: PostgreSQL knows fewer offsets than Python.

    None for what is no time, has no time zone, or lies outside of every record.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo and _EARLIEST <= moment.year <= _LATEST else None
