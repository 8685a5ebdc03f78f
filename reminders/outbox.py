"""What a mail backend must be able to say after a crash, and the one that writes mails into a folder."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

_OWN_MESSAGE_ID = re.compile(r"<([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@")


class Finding(StrEnum):
    """What a look-up by reference can find."""

    SENT = "sent"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"


class KnowsItsMails(Protocol):
    """A backend that can look up what it has sent. One without ``find`` (SMTP) counts as knowing nothing."""

    def find(self, reference: uuid.UUID) -> Finding: ...


def look_up(backend: object, reference: uuid.UUID) -> Finding:
    """Ask the backend whether the mail with this reference left."""
    find = getattr(backend, "find", None)
    return Finding(find(reference)) if find else Finding.UNKNOWN


class FolderEmailBackend(BaseEmailBackend):
    """Writes each mail as ``<reference>.eml`` into EMAIL_FILE_PATH, whole or not at all. For the demo.

    A mail of ours bears its reference in the Message-ID; any other gets a random name.
    """

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        folder = getattr(settings, "EMAIL_FILE_PATH", None)
        if not folder:
            raise ImproperlyConfigured("EMAIL_FILE_PATH names no folder.")
        self.folder = Path(folder)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write them; raises OSError where the folder cannot be written."""
        for message in email_messages:
            self._write(_reference_of(message), message.message().as_bytes())
        return len(email_messages)

    def find(self, reference: uuid.UUID) -> Finding:
        return Finding.SENT if self._path(reference).exists() else Finding.NOT_SENT

    def _path(self, reference: uuid.UUID) -> Path:
        return self.folder / f"{reference}.eml"

    def _write(self, reference: uuid.UUID, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=self.folder, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._path(reference))
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft)
            raise


def _reference_of(message: EmailMessage) -> uuid.UUID:
    found = _OWN_MESSAGE_ID.match(str(message.extra_headers.get("Message-ID", "")))
    return uuid.UUID(found.group(1)) if found else uuid.uuid4()
