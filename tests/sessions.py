"""Signing somebody in for a test of a page: a session whose second factor was given, as allauth records it."""

from __future__ import annotations

import time

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client

from accounts.models import User

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
_USER_OF_METHODS = "account_authentication_methods_user"


def sign_in(client: Client, user: User) -> Client:
    """The same client, signed in with password and code. The sign-in itself is no request, so not on the trail."""
    sign_in_with_password_only(client, user)
    session = client.session
    now = time.time()
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "password", "at": now, "username": user.username},
        {"method": "mfa", "at": now, "id": 0, "type": "totp"},
    ]
    session[_USER_OF_METHODS] = str(user.pk)
    session.save()
    return client


def sign_in_with_password_only(client: Client, user: User) -> Client:
    """Half a sign-in: the second factor was not given."""
    client.force_login(user, backend=BACKEND)
    return client
