"""Which passwords are refused, and that length is the only thing demanded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from pytest_django import Settings

from accounts.models import Organisation, User
from accounts.password_rules import stands_in
from sim_casework.settings.required import read_required
from tests.unit.test_required_settings import GOOD


def why_refused(password: str) -> set[str]:
    user = User(username="nadia", organisation=Organisation(name="Westmarch Trust"))
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        return {str(error.code) for error in refusal.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    [
        "SIM-Casework-2026",
        "S1mC4sework!!",
        "policeteam1234",
        "Westmarch2026",
        "NHS-crisis-team",
        "Serenity-Mentor",
    ],
)
def test_a_password_of_our_own_words_is_refused(password: str) -> None:
    assert "password_our_words" in why_refused(password)


@pytest.mark.parametrize(
    "password",
    ["qwerty123456", "password2026!", "1234567890123", "abcabcabcabc", "!!!!!!!!!!!!!", "aaaabbbbaaaa"],
)
def test_a_common_password_with_more_around_it_is_refused(password: str) -> None:
    assert "password_padded" in why_refused(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "crisis tractor banana",
        "police blue umbrella",
        "ÄÖÜ ß ☂ regen im mai",
        "onlylowercaseletters",
        "x7!kQ)2m_bR4",
        " spaces at both ends ",
        "long " * 25 + "enough",
    ],
)
def test_any_other_long_password_is_taken_whatever_it_is_made_of(password: str) -> None:
    assert why_refused(password) == set()


@pytest.mark.parametrize("password", ["a" + "1" * 1_000_000 + "a", "ab1" * 400_000 + "c", "police" * 200_000])
def test_the_longest_form_that_is_taken_keeps_no_worker_busy(password: str) -> None:
    # A rule whose work grew with the square of the length would not come back.
    assert "password_padded" in why_refused(password)


def test_eleven_characters_are_too_few_and_twelve_enough() -> None:
    assert "password_too_short" in why_refused("tractor-blu")
    assert why_refused("tractor-blue") == set()


@pytest.fixture
def breached(tmp_path: Path) -> Path:
    words = [f"made public {number}" for number in range(500)]
    lines = sorted(hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest().upper() for word in words)
    file = tmp_path / "breached.txt"
    file.write_bytes("".join(f"{line}:{number}\r\n" for number, line in enumerate(lines)).encode())
    return file


def test_a_breached_password_is_refused_from_the_list_on_disk(breached: Path, settings: Settings) -> None:
    assert why_refused("made public 7") == set()
    settings.BREACHED_PASSWORDS_FILE = str(breached)
    assert why_refused("made public 7") == {"password_breached"}
    assert why_refused("never made public") == set()


def test_every_line_of_the_list_is_found_and_nothing_else(breached: Path) -> None:
    lines = breached.read_bytes().split()
    assert all(stands_in(breached, line[:40]) for line in lines)
    for digest in (b"0" * 40, b"F" * 40, lines[3][:39] + b"Z"):
        assert not stands_in(breached, digest)
    (breached.parent / "empty.txt").write_bytes(b"")
    assert not stands_in(breached.parent / "empty.txt", lines[0][:40])


def test_a_list_that_is_not_there_stops_the_start() -> None:
    with pytest.raises(ImproperlyConfigured, match="BREACHED_PASSWORDS_FILE is no file"):
        read_required(GOOD | {"BREACHED_PASSWORDS_FILE": "/no/such/file"})
