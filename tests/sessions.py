"""Signing somebody in for a test of a page: a session whose second factor was given, as allauth records it."""

from __future__ import annotations

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client

from accounts.models import User
from accounts.services.second_factors import give_totp
from audit.context import access_context
from audit.models import LogEntry
from core.access_guard import current_recorder
from sim_casework.proving.visitors import BACKEND, sign_in

__all__ = ["BACKEND", "code_now", "give_app", "sign_in", "sign_in_with_password_only", "trail_entries"]


def sign_in_with_password_only(client: Client, user: User) -> Client:
    """Half a sign-in: the second factor was not given."""
    client.force_login(user, backend=BACKEND)
    return client


class _Blind:
    """A recorder that keeps nothing, so that reading the trail in a test does not lengthen it."""

    def saw(self, instance: object) -> None: ...

    def noted_query(self, reason: str) -> None: ...

    def noted_write(self, table: str, reason: str) -> None: ...


def trail_entries(**conditions: object) -> list[LogEntry]:
    """The entries that fit, oldest first."""
    token = current_recorder.set(_Blind())
    try:
        return list(LogEntry.objects.filter(**conditions).select_related("actor").order_by("id"))
    finally:
        current_recorder.reset(token)


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def give_app(user: User) -> None:
    """An authenticator app whose secret the tests know."""
    with access_context(route="tests.app", is_system=True):
        give_totp(user, SECRET)


def code_now(*, secret: str = SECRET) -> str:
    """What that app shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
