"""What is compared: the product, the product with one part taken out, and the floor.

The parts are taken out here, in the benchmark's own process; the product has no switch for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.cluster import UNPOLICED

FLOOR, APP, NO_TRAIL, NO_POLICIES = "floor", "app", "app without trail", "app without policies"
CONTENDERS = (FLOOR, APP, NO_TRAIL, NO_POLICIES)

# The database role each works as; the policies of row-level security do not bind the last two.
ROLES = {APP: "sim_app", NO_TRAIL: "sim_app", NO_POLICIES: UNPOLICED, FLOOR: "postgres"}

Application = Callable[..., Any]
SignIn = Callable[[list[int]], dict[int, str]]


def load(name: str) -> tuple[Application, SignIn]:
    """The WSGI application of a contender, in this process; and the way to sign people in where it has one."""
    if name == FLOOR:
        from benchmarks.floor.application import Floor

        return Floor(), _nobody
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
    if name == NO_TRAIL:
        _take_out_the_trail()
    return application, sign_in


def sign_in(users: list[int]) -> dict[int, str]:
    """A session for each, as a password and a code would have opened it."""
    from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from accounts import session_clock
    from accounts.models import User
    from accounts.session_store import SessionStore

    keys = {}
    for user in User.objects.filter(pk__in=users):
        session = SessionStore()
        now = time.time()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["account_authentication_methods_user"] = str(user.pk)
        session[AUTHENTICATION_METHODS_SESSION_KEY] = [
            {"method": "password", "at": now, "username": user.username},
            {"method": "mfa", "at": now, "id": 0, "type": "totp"},
        ]
        session_clock.start(session, device="Benchmark")
        session.save()
        keys[user.pk] = str(session.session_key)
    return keys


def _nobody(users: list[int]) -> dict[int, str]:
    raise LookupError("The floor uses the sessions that the application has opened.")


def _take_out_the_trail() -> None:
    """No rows noted, no changes compared, no reasons asked for, no entry written: the rest as it is."""
    from auditlog.registry import auditlog

    from audit import middleware, writing
    from audit.context import AccessContext

    def nothing(*args: object, **kwargs: object) -> None:
        return None

    AccessContext.saw = nothing  # type: ignore[method-assign]
    for module in (middleware, writing):
        for name in ("write_entries", "write_refusal"):
            if hasattr(module, name):
                setattr(module, name, nothing)
    for model in list(auditlog.get_models()):
        auditlog.unregister(model)
