"""Who is at work is said for as long as it lasts: nothing of it is left in a transaction that goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.acting import Acting, acting, acting_as_system, acting_transaction

# For real: a test's own transaction would have a savepoint.
pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = (False, None)


def at_work() -> tuple[bool, int | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_is_system(), core_acting_user()")
        found: tuple[bool, int | None] = cursor.fetchone()
        return found


@pytest.fixture(autouse=True)
def _ends_as_nobody() -> Iterator[None]:
    assert at_work() == NOBODY
    yield
    assert at_work() == NOBODY


def test_the_system_is_gone_from_a_transaction_that_began_as_nobodys_and_goes_on() -> None:
    with transaction.atomic():
        with acting_as_system():
            assert at_work() == (True, None)
        assert at_work() == NOBODY
        with acting(Acting(user=7)):
            with acting_as_system():
                assert at_work() == (True, 7)
            assert at_work() == (False, 7)
        assert at_work() == NOBODY


def test_it_is_gone_after_an_error_that_the_transaction_outlives() -> None:
    with transaction.atomic():
        with pytest.raises(ValueError, match="ours"), acting_as_system():
            raise ValueError("ours")
        assert at_work() == NOBODY
        with pytest.raises(DatabaseError), transaction.atomic(), acting_as_system():
            broken()
        assert at_work() == NOBODY
        with acting_as_system():
            with pytest.raises(DatabaseError), transaction.atomic():
                broken()
            assert at_work() == (True, None)
        assert at_work() == NOBODY


def test_a_broken_transaction_takes_nothing_with_it() -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), acting_as_system():
        broken()
    with pytest.raises(DatabaseError), acting_transaction(Acting(is_system=True)):
        broken()


def broken() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1/0")


def test_a_transaction_of_somebodys_own_ends_with_them_and_sends_nothing_more() -> None:
    with (
        CaptureQueriesContext(
            connection,
        ) as sent,
        acting_transaction(Acting(user=7)),
    ):
        assert at_work() == (False, 7)
    assert [query["sql"].split("(")[0] for query in sent] == [
        "BEGIN",
        "SELECT set_config",
        "SELECT core_is_system",
        "COMMIT",
    ]


def test_inside_of_another_it_is_put_back() -> None:
    with transaction.atomic():
        with acting_transaction(Acting(is_system=True)):
            assert at_work() == (True, None)
        assert at_work() == NOBODY
