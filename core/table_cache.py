"""The cache that counts wrong sign-ins: a table of PostgreSQL (ADR 7), its values as JSON.

In place of Django's own, which unpickles what it finds, so that whoever can write the table runs code, and which drops
other people's counts when there are more than a few hundred: here nothing goes before its time is over.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection
from django.utils import timezone

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
# At each writing so many rows whose time is over are removed, those in nobody else's hands.
_SWEPT_AT_ONCE = 50


class TableCache(BaseCache):
    """Named in settings.CACHES; LOCATION is the table: cache_key, value, expires."""

    def __init__(self, table: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.table = connection.ops.quote_name(table)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        rows = self._ask(
            "SELECT value FROM {} WHERE cache_key = %s AND expires > %s",
            [self._key(key, version), timezone.now()],
        )
        try:
            return json.loads(rows[0][0]) if rows else default
        except ValueError:
            return default

    def set(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self._sweep()
        self._ask(
            "INSERT INTO {} (cache_key, value, expires) VALUES (%s, %s, %s)"
            " ON CONFLICT (cache_key) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires",
            [self._key(key, version), json.dumps(value), self._end(timeout)],
        )

    def add(
        self, key: Any, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Waits for whoever is adding the same key, so it also serves as a lock between transactions."""
        self._sweep()
        added = self._ask(
            "INSERT INTO {} AS held (cache_key, value, expires) VALUES (%s, %s, %s)"
            " ON CONFLICT (cache_key) DO UPDATE SET value = EXCLUDED.value, expires = EXCLUDED.expires"
            " WHERE held.expires <= %s RETURNING cache_key",
            [self._key(key, version), json.dumps(value), self._end(timeout), timezone.now()],
        )
        return bool(added)

    def touch(self, key: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        touched = self._ask(
            "UPDATE {} SET expires = %s WHERE cache_key = %s AND expires > %s RETURNING cache_key",
            [self._end(timeout), self._key(key, version), timezone.now()],
        )
        return bool(touched)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return bool(
            self._ask("DELETE FROM {} WHERE cache_key = %s RETURNING cache_key", [self._key(key, version)])
        )

    def clear(self) -> None:
        self._ask("DELETE FROM {}", [])

    def _sweep(self) -> None:
        self._ask(
            "DELETE FROM {0} WHERE cache_key IN (SELECT cache_key FROM {0} WHERE expires <= %s LIMIT %s"
            " FOR UPDATE SKIP LOCKED)",
            [timezone.now(), _SWEPT_AT_ONCE],
        )

    def _key(self, key: Any, version: int | None) -> str:
        return str(self.make_and_validate_key(key, version=version))

    def _end(self, timeout: float | None) -> datetime:
        end = self.get_backend_timeout(timeout)
        return _NEVER if end is None else datetime.fromtimestamp(end, UTC)

    def _ask(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(self.table), values)
            return cursor.fetchall() if cursor.description else []
