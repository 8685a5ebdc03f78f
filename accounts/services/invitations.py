"""How somebody gets their first password: a link by e-mail that works once, for a week."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, Organisation, Team, User
from accounts.permissions import require_manageable
from accounts.services.people import add_membership, add_person, require_system
from core.errors import DomainError

VALID_FOR = timedelta(days=7)


def invite_person(
    *,
    by: User,
    username: str,
    email: str,
    first_name: str,
    last_name: str,
    organisation: Organisation,
    role: str,
    team: Team | None = None,
    starts_on: date | None = None,
    ends_on: date | None = None,
) -> User:
    """Create an account with its first role, and send the link to set a password.

    Raises: what add_person and add_membership raise; nothing is kept then.
    """
    with transaction.atomic():
        user = add_person(
            by=by,
            username=username,
            email=email,
            first_name=first_name,
            last_name=last_name,
            organisation=organisation,
        )
        add_membership(by=by, user=user, role=role, team=team, starts_on=starts_on, ends_on=ends_on)
        _send_link(user, by)
    return user


def resend_invitation(*, by: User, user: User) -> None:
    """Send a new link; the old one stops working.

    Raises: NotVisible for people out of reach; DomainError when the account is open or closed already.
    """
    require_manageable(by, user)
    if not user.is_active:
        raise DomainError(f"The account of {user} is closed.")
    if user.has_usable_password():
        raise DomainError(f"{user} has already set a password and can sign in.")
    with transaction.atomic():
        _send_link(user, by)


def invite_first_administrator(user: User) -> str:
    """For the installation's command: send the link and return it as well, since mail may not work yet."""
    require_system()
    return _send_link(user, None)


def find_invitation(token: str) -> Invitation | None:
    """The invitation that a link belongs to, if it still works."""
    return (
        Invitation.objects.filter(
            token_digest=_digest(token),
            accepted_at__isnull=True,
            expires_at__gt=timezone.now(),
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )


def accept_invitation(*, token: str, password: str) -> User:
    """Set the first password. The link is used up; a second factor follows at once.

    Raises: DomainError when the link is used or too old, or when the password is too weak.
    """
    with transaction.atomic():
        invitation = find_invitation(token)
        # Locked and asked again: two browsers with the same link must not both set a password.
        if invitation is not None:
            Invitation.objects.select_for_update().get(pk=invitation.pk)
            invitation = find_invitation(token)
        if invitation is None:
            raise DomainError(
                "This invitation has been used or is too old. Ask your administrator for a new one."
            )
        user = invitation.user
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise DomainError(" ".join(error.messages), field="password") from None
        user.set_password(password)
        user.save(update_fields=["password"])
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
    return user


def _send_link(user: User, by: User | None) -> str:
    now = timezone.now()
    for older in Invitation.objects.filter(user=user, accepted_at__isnull=True, expires_at__gt=now):
        older.expires_at = now
        older.save(update_fields=["expires_at"])
    token = secrets.token_urlsafe(32)
    Invitation.objects.create(
        user=user, token_digest=_digest(token), invited_by=by, expires_at=now + VALID_FOR
    )
    link = settings.SERVICE_URL + reverse("accounts:invitation_link", args=[token])
    text = render_to_string(
        "accounts/email/invitation.txt",
        {
            "link": link,
            "username": user.username,
            "days": VALID_FOR.days,
            "service_name": settings.SERVICE_NAME,
        },
    )
    transaction.on_commit(
        lambda: send_mail(
            f"{settings.SERVICE_NAME}: set up your account", text, settings.DEFAULT_FROM_EMAIL, [user.email]
        ),
        robust=True,
    )
    return link


def _digest(token: str) -> str:
    # The token has 256 random bits, so a plain digest cannot be guessed backwards.
    return hashlib.sha256(token.encode()).hexdigest()
