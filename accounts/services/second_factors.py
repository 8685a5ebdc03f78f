"""Second factors as administrators and seeds meet them; people set up their own on allauth's pages."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import SecondFactorReset, User
from accounts.permissions import require_manageable
from accounts.services.people import require_system
from accounts.services.sessions import end_all_sessions
from core.errors import DomainError

TOTP_PERIOD_SECONDS = 30


def give_totp(user: User, secret: str) -> None:
    """Give a person of the demo an authenticator app with a known secret (base 32). System contexts only."""
    require_system()
    TOTP.activate(user, secret)


def current_code(user: User) -> str:
    """The code that the person's app shows now; empty when there is none. For the demo's page alone."""
    authenticator = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if authenticator is None:
        return ""
    secret = decrypt(authenticator.data["secret"])
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // TOTP_PERIOD_SECONDS)))


def has_second_factor(user: User) -> bool:
    """Whether the account has an authenticator app or a passkey; recovery codes alone do not count."""
    return bool(
        Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES).exists()
    )


def has_authenticator_app(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def open_reset_of(user: User) -> SecondFactorReset | None:
    return (
        SecondFactorReset.objects.filter(user=user, confirmed_at__isnull=True, refused_at__isnull=True)
        .select_related("requested_by")
        .first()
    )


def request_second_factor_reset(*, by: User, user: User) -> SecondFactorReset:
    """Ask that somebody's lost second factor be removed; a different administrator has to confirm it.

    Raises: NotVisible for people out of reach; DomainError for oneself, a closed account, or when already asked.
    """
    require_manageable(by, user)
    if by.pk == user.pk:
        raise DomainError("Ask two other administrators: nobody removes their own second factor.")
    if not user.is_active:
        raise DomainError(f"The account of {user} is closed.")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if open_reset_of(user):
            raise DomainError("This has already been asked for. A different administrator has to confirm it.")
        return SecondFactorReset.objects.create(user=user, requested_by=by)


def confirm_second_factor_reset(*, by: User, user: User) -> None:
    """Remove the person's second factors, end their sessions and tell them. They set up a new one at sign-in.

    Raises: NotVisible for people out of reach; DomainError for oneself, for who asked, or when nobody asked.
    """
    with transaction.atomic():
        reset = _reset_to_decide(by, user)
        if reset.requested_by_id == by.pk:
            raise DomainError("You asked for this yourself. A different administrator has to confirm it.")
        reset.confirmed_by = by
        reset.confirmed_at = timezone.now()
        reset.save(update_fields=["confirmed_by", "confirmed_at"])
        for authenticator in Authenticator.objects.filter(user=user):
            authenticator.delete()
        end_all_sessions(user)
        transaction.on_commit(lambda: _tell(user), robust=True)


def refuse_second_factor_reset(*, by: User, user: User) -> None:
    """Close the request without removing anything; who asked may withdraw it this way.

    Raises: NotVisible for people out of reach; DomainError for oneself or when nobody asked.
    """
    with transaction.atomic():
        reset = _reset_to_decide(by, user)
        reset.refused_at = timezone.now()
        reset.save(update_fields=["refused_at"])


def _reset_to_decide(by: User, user: User) -> SecondFactorReset:
    require_manageable(by, user)
    if by.pk == user.pk:
        raise DomainError("Nobody decides about their own second factor.")
    # Locked like the asking: of two decisions at the same moment, the second finds it decided.
    User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    reset = open_reset_of(user)
    if reset is None:
        raise DomainError("Nobody has asked for this, or it has been decided.")
    return reset


def _tell(user: User) -> None:
    context: dict[str, Any] = {"service_url": settings.SERVICE_URL}
    send_mail(
        f"{settings.SERVICE_NAME}: your second factor was removed",
        render_to_string("accounts/email/second_factor_removed.txt", context),
        settings.DEFAULT_FROM_EMAIL,
        [user.email],
    )
