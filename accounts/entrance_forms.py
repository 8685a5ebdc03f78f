"""allauth's forms where they have to know more about our accounts than allauth does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.cache import cache

from accounts.models import User

# How long an app's code may be accepted, in seconds; allauth remembers a used one for one period only.
_CODE_LIVES = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 1)


class PasswordResetForm(ResetPasswordForm):
    """An account that was invited opens by its invitation only, which runs out; a reset must not replace it."""

    def clean_email(self) -> str:
        email: str = super().clean_email()
        self.users: list[User] = [user for user in self.users if user.has_usable_password()]
        return email


class _UsedOnce:
    """A code from an app is used once in all the time it is accepted, at sign-in and when asked again together: whoever
    looked over a shoulder comes too late. A second use counts as a wrong code."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        used: Authenticator = self.authenticator  # type: ignore[attr-defined]
        if used.type == Authenticator.Type.TOTP:
            key = f"accounts.used_code:{used.user_id}:{normalize_user_code(code)}"
            if not cache.add(key, True, timeout=_CODE_LIVES):
                check_rate_limit(used.user)
                self._emit_authentication_failed(used)  # type: ignore[attr-defined]
                raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_UsedOnce, AuthenticateForm):
    """The second step of signing in."""


class CodeAgainForm(_UsedOnce, ReauthenticateForm):
    """The second factor asked for again in the middle of a session."""


class _CredentialField(forms.JSONField):
    """What the browser's passkey said. Numbers too long for Python, and brackets too deep for it, are no JSON either."""

    def to_python(self, value: Any) -> Any:
        return _unless_unreadable(lambda: super(_CredentialField, self).to_python(value))

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return None  # drawn empty: what a passkey says is not typed


def _unless_unreadable(read: Callable[[], Any]) -> Any:
    """What the library reads out of a credential. It trusts the browser's form of it; here it may be anything.

    Raises: ValidationError where it is no credential.
    """
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, struct.error):
        raise get_adapter().validation_error("incorrect_code") from None


class _Passkey(forms.Form):
    credential = _CredentialField(required=True, widget=forms.HiddenInput)


class AddPasskeyForm(_Passkey, AddWebAuthnForm):
    """Setting a passkey up."""

    def clean(self) -> Any:
        return _unless_unreadable(super().clean)


class _ReadSafely(_Passkey):
    def clean_credential(self) -> Any:
        return _unless_unreadable(super().clean_credential)  # type: ignore[misc]


class PasskeyForm(_ReadSafely, AuthenticateWebAuthnForm):
    """A passkey as the second step of signing in."""


class PasskeyAloneForm(_ReadSafely, LoginWebAuthnForm):
    """A passkey that signs in by itself."""


class PasskeyAgainForm(_ReadSafely, ReauthenticateWebAuthnForm):
    """A passkey asked for again in the middle of a session."""
