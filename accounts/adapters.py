"""How allauth behaves here: nobody signs up by themselves, secrets are encrypted, refusals are in plain words."""

from __future__ import annotations

import time
from typing import Any

from allauth.account import app_settings as account_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse

from accounts.directory import account_named
from accounts.models import User
from accounts.sealed_text import cipher
from accounts.services.held_submissions import has_held
from accounts.services.second_factors import has_authenticator_app, has_second_factor
from accounts.sign_in_events import note_refused_sign_in
from accounts.step_up import is_confirmed
from audit.middleware import trusted_address


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "The name or the password is wrong. Check both and try again",
        "email_password_mismatch": "The name or the password is wrong. Check both and try again",
        "too_many_login_attempts": (
            "Too many wrong attempts. Sign-in to this account is closed for 15 minutes; then try again. "
            "If you have forgotten your password, you can set a new one now"
        ),
        "incorrect_password": "The password is wrong",
        "enter_current_password": "Enter the password you use now",
        "account_inactive": "This account has been closed",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As the trail sees it: only our own proxies are believed."""
        return trusted_address(request) or "unknown"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One count an account, whether its username or its e-mail address is typed."""
        typed = _typed_name(credentials)
        account = account_named(typed)
        return str(
            super()._get_login_attempts_cache_key(request, username=account.username if account else typed)
        )

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            typed = _typed_name(credentials)
            note_refused_sign_in(
                reason="Closed after too many wrong attempts", user=account_named(typed), typed_name=typed
            )
            raise

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Asked by allauth before somebody changes how they sign in: as before any step that weighs much.

        Who has no second factor yet, and is here to set one up, has just given the password or gives it again.
        """
        request = context.request
        if is_confirmed(request):
            return False
        if isinstance(request.user, User) and not has_second_factor(request.user):
            records = get_authentication_records(request, request.user)
            newest = max((record["at"] for record in records), default=0.0)
            if time.time() - newest < account_settings.REAUTHENTICATION_TIMEOUT:
                return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """Never the password for somebody with a second factor: it would let a thief of both add a factor of their own.

        The first is the page somebody is sent to: what they are most likely to have at hand.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not isinstance(user, User) or not has_second_factor(user):
            return methods
        second = [method for method in methods if method["id"] != "reauthenticate"]
        return second if has_authenticator_app(user) else second[::-1]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """To the text that was kept when the last session ended, if there is some; else home."""
        if isinstance(request.user, User) and has_held(request.user):
            return reverse("accounts:held_submission")
        return str(super().get_login_redirect_url(request))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("accounts:profile")


def _typed_name(credentials: dict[str, Any]) -> str:
    # PostgreSQL refuses NUL even in a question.
    return str(credentials.get("username") or credentials.get("email") or "").replace("\x00", "")


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "The code is wrong or was used before. Enter the newest one from your app",
        "cannot_delete_authenticator": "Add another second factor first: every account needs one",
    }

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return str(user.get_username())

    def encrypt(self, text: str) -> str:
        return cipher("accounts.second_factor").encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return cipher("accounts.second_factor").decrypt(encrypted_text.encode()).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last one stays: without it the next page would only ask for a new one."""
        return bool(
            Authenticator.objects.filter(user_id=authenticator.user_id)
            .exclude(type=Authenticator.Type.RECOVERY_CODES)
            .exclude(pk=authenticator.pk)
            .exists()
        )
