"""Addresses for pages that are full of them: Django's ``reverse`` is asked once for each kind, not once for each row."""

from __future__ import annotations

import uuid
from functools import lru_cache

from django.conf import settings
from django.urls import get_script_prefix, get_urlconf, reverse


def address(name: str, *keys: uuid.UUID) -> str:
    """What ``reverse(name, args=keys)`` says. Raises: NoReverseMatch like it."""
    parts = _parts(get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), name, len(keys))
    if not keys:
        return parts[0]
    return parts[0] + "".join(f"{key}{part}" for key, part in zip(keys, parts[1:], strict=True))


@lru_cache(maxsize=1000)
def _parts(urlconf: str, prefix: str, name: str, number: int) -> tuple[str, ...]:
    """The address around its keys; where it is written down belongs to the key of what is kept."""
    marks = [uuid.UUID(int=place) for place in range(number)]
    rest, parts = reverse(name, args=marks, urlconf=urlconf), []
    for mark in marks:
        before, _, rest = rest.partition(str(mark))
        parts.append(before)
    return (*parts, rest)
