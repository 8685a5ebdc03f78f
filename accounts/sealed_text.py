"""Encryption of what must not stand in the database in clear: keys come from SECRET_KEY and its fallbacks."""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.encoding import force_str

# Tells how a text was sealed, so that another way may follow and this one be read on.
_MARK = b"gcm1."
_NONCE_BYTES = 12


class CannotBeReadError(Exception):
    """The text was changed, belongs to another purpose, or its key is known no longer."""


class Seal:
    """AES-256 in GCM mode; the key is made by HKDF-SHA-256 from the secret and the purpose."""

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose.encode()
        self.secrets = [force_str(secret) for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]]

    def encrypt(self, text: bytes) -> bytes:
        """With today's key; plain ASCII, fit for a text column."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._key(self.secrets[0]).encrypt(nonce, text, self.purpose)
        return _MARK + base64.urlsafe_b64encode(nonce + sealed)

    def decrypt(self, sealed: bytes) -> bytes:
        """With today's key or an older one.

        Raises: CannotBeReadError.
        """
        if not sealed.startswith(_MARK):
            return self._decrypt_as_before(sealed)
        try:
            raw = base64.urlsafe_b64decode(sealed.removeprefix(_MARK))
        except ValueError:
            raise CannotBeReadError from None
        for secret in self.secrets:
            try:
                return self._key(secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self.purpose)
            except (InvalidTag, ValueError):
                continue
        raise CannotBeReadError

    def _key(self, secret: str) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sim-casework:" + self.purpose)
        return AESGCM(derived.derive(secret.encode()))

    def _decrypt_as_before(self, sealed: bytes) -> bytes:
        """Fernet (AES-128-CBC with HMAC) was used until November 2026; nothing is written so any longer."""
        keys = [
            base64.urlsafe_b64encode(hashlib.sha256(self.purpose + b":" + secret.encode()).digest())
            for secret in self.secrets
        ]
        try:
            return MultiFernet([Fernet(key) for key in keys]).decrypt(sealed)
        except InvalidToken:
            raise CannotBeReadError from None


def cipher(purpose: str) -> Seal:
    """Encrypts with today's key and still reads what older ones wrote. A text of one purpose is unreadable for another."""
    return Seal(purpose)
