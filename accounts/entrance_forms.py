"""allauth's forms where they have to know more about our accounts than allauth does."""

from __future__ import annotations

from allauth.account.forms import ResetPasswordForm
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
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
