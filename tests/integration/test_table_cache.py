"""The counts against guessing: kept in PostgreSQL as JSON, until their time is over, whoever else is counted."""

from __future__ import annotations

import base64
import datetime as dt
import pickle
import threading
import time
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction

from core.table_cache import TableCache

NOON = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)


def rows() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key, value FROM core_cache")
        return dict(cursor.fetchall())


@pytest.fixture
def empty(db: None) -> None:
    cache.clear()


@pytest.mark.parametrize("value", [[1.5, 2.25], True, None, "text ☂", {"a": [1]}, 0])
def test_what_is_kept_comes_back_and_lies_there_as_json(empty: None, value: Any) -> None:
    assert isinstance(cache._connections["default"], TableCache)  # type: ignore[attr-defined]
    cache.set("key", value, 60)
    assert cache.get("key", "nothing") == value
    assert next(iter(rows().values()))[0] in '[tn"{0'


def test_what_cannot_be_json_is_refused(empty: None) -> None:
    with pytest.raises(TypeError):
        cache.set("key", object(), 60)


class Bomb:
    """What a pickle can do to its reader."""

    went_off = False

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return setattr, (Bomb, "went_off", True)


def test_a_row_that_somebody_pickled_is_never_unpickled(empty: None) -> None:
    cache.set("key", 1, 60)
    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_cache SET value = %s", [bomb])
    assert cache.get("key", "nothing") == "nothing"
    assert not Bomb.went_off
    pickle.loads(pickle.dumps(Bomb()))  # noqa: S301
    assert Bomb.went_off


def test_a_time_that_is_over_is_over(empty: None) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        cache.set("key", 1, 60)
        assert not cache.add("key", 2, 60)
        clock.shift(59)
        assert cache.get("key") == 1
        assert cache.touch("key", 10)
        clock.shift(10)
        assert cache.get("key") is None
        assert not cache.touch("key", 10)
        assert cache.add("key", 2, 60) and cache.get("key") == 2
        cache.set("for-good", 3, None)
        clock.shift(dt.timedelta(days=400))
        assert cache.get("for-good") == 3


def test_nobodys_count_is_dropped_because_many_others_are_counted(empty: None) -> None:
    cache.set("0-the-first-by-its-name", [1.0, 2.0], 900)
    for number in range(700):
        cache.set(f"somebody-{number}", [1.0], 900)
    assert cache.get("0-the-first-by-its-name") == [1.0, 2.0]


def test_what_is_over_is_swept_up_with_time(empty: None) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(60):
            cache.set(f"key-{number}", 1, 10)
        clock.shift(11)
        cache.set("another", 1, 10)
        cache.set("and-another", 1, 10)
    assert len(rows()) == 2


def test_deleting_says_whether_there_was_something(empty: None) -> None:
    cache.set("key", 1, 60)
    assert cache.delete("key") and not cache.delete("key")
    assert cache.get_many(["key", "other"]) == {} and not cache.has_key("key")


@pytest.mark.django_db(transaction=True)
def test_of_several_who_add_at_once_one_succeeds_and_the_others_wait_for_its_end() -> None:
    cache.clear()
    begun, answers = threading.Event(), []

    def another() -> None:
        begun.wait(10)
        answers.append((cache.add("lock", True, 60), time.monotonic()))
        connection.close()

    others = [threading.Thread(target=another) for _ in range(3)]
    for thread in others:
        thread.start()
    with transaction.atomic():
        assert cache.add("lock", True, 60)
        begun.set()
        time.sleep(0.5)
        assert not answers
        before = time.monotonic()
    for thread in others:
        thread.join(10)
    assert [added for added, _ in answers] == [False, False, False]
    assert min(at for _, at in answers) >= before
