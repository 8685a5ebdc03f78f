"""Whether whoever holds this session has just shown their second factor (S33), by the server's clock."""

from __future__ import annotations

import time

from allauth.account import app_settings as account_settings
from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

from accounts.models import User

# How far the clocks of two web hosts may differ, in seconds; a record from further ahead is none.
CLOCKS_APART = 5.0


def gave_second_factor(request: HttpRequest) -> bool:
    """Whether this session was opened with a code, a recovery code or a passkey, by allauth's own record."""
    return bool(_moments(request))


def is_confirmed(request: HttpRequest) -> bool:
    """Whether a second factor was given in this session within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds.

    Signing in with it counts like confirming it; a password never does. The records lie in the session on the server.
    """
    now = time.time()
    return any(
        -CLOCKS_APART <= now - at < account_settings.REAUTHENTICATION_TIMEOUT for at in _moments(request)
    )


def _moments(request: HttpRequest) -> list[float]:
    """When second factors were given in this session by its present user, in seconds since 1970."""
    user = request.user
    records = get_authentication_records(request, user if isinstance(user, User) else None)
    return [float(record.get("at", 0)) for record in records if record.get("method") == "mfa"]
