"""Cursors stand in addresses, so anybody may write them."""

from __future__ import annotations

import pytest
from django.db import connection

from core.keyset import cursor_moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-01T00:00:00",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59+00:00",
        "1899-12-31T00:00:00+00:00",
    ],
)
def test_what_names_no_moment_of_a_record_is_none(text: str) -> None:
    assert cursor_moment(text) is None


@pytest.mark.django_db
@pytest.mark.parametrize("offset", ["+00:00", "+01:00", "-16:00", "+23:59", "+01:00:00.000001"])
def test_the_database_takes_every_moment_that_is_one(offset: str) -> None:
    moment = cursor_moment(f"2026-01-01T12:00:00{offset}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [moment])
        assert cursor.fetchone() == (moment,)
