"""For views of one button: do it, and tell at the top of the next page what came of it."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest

from core.errors import DomainError, NotAllowed, NotVisible


def do_and_tell(request: HttpRequest, call: Callable[[], object], done: str) -> None:
    """Call a service; ``done`` or its refusal becomes a message. NotAllowed and NotVisible stay 403 and 404."""
    try:
        call()
    except (NotAllowed, NotVisible):
        raise
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
