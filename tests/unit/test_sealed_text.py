"""What is sealed is read with its key and purpose only, and what was sealed before is still read."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from accounts.sealed_text import CannotBeReadError, cipher

TEXT = "a secret – ☂".encode()


def test_what_is_sealed_is_read_again_and_never_looks_the_same_twice() -> None:
    one, two = cipher("a").encrypt(TEXT), cipher("a").encrypt(TEXT)
    assert one != two and TEXT not in one
    assert cipher("a").decrypt(one) == cipher("a").decrypt(two) == TEXT


def test_another_purpose_or_key_reads_nothing(settings: Settings) -> None:
    sealed = cipher("a").encrypt(TEXT)
    with pytest.raises(CannotBeReadError):
        cipher("b").decrypt(sealed)
    settings.SECRET_KEY = "another key"
    with pytest.raises(CannotBeReadError):
        cipher("a").decrypt(sealed)


def test_a_former_key_still_reads_and_the_new_one_seals(settings: Settings) -> None:
    sealed = cipher("a").encrypt(TEXT)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next key"
    assert cipher("a").decrypt(sealed) == TEXT
    again = cipher("a").encrypt(TEXT)
    settings.SECRET_KEY_FALLBACKS = []
    assert cipher("a").decrypt(again) == TEXT


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    sealed = cipher("a").encrypt(TEXT)
    raw = bytearray(base64.urlsafe_b64decode(sealed.removeprefix(b"gcm1.")))
    for place in range(len(raw)):
        spoiled = bytearray(raw)
        spoiled[place] ^= 1
        with pytest.raises(CannotBeReadError):
            cipher("a").decrypt(b"gcm1." + base64.urlsafe_b64encode(bytes(spoiled)))


@pytest.mark.parametrize("sealed", [b"", b"gcm1.", b"gcm1.AAAA", b"gcm1.***", b"gAAAAA", b"plain"])
def test_what_was_never_sealed_is_refused(sealed: bytes) -> None:
    with pytest.raises(CannotBeReadError):
        cipher("a").decrypt(sealed)


def test_texts_sealed_the_former_way_are_still_read(settings: Settings) -> None:
    key = base64.urlsafe_b64encode(hashlib.sha256(f"a:{settings.SECRET_KEY}".encode()).digest())
    assert cipher("a").decrypt(Fernet(key).encrypt(TEXT)) == TEXT
