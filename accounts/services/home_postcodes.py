"""A person's own postcode, kept so that it can be compared and never read (S32)."""

from __future__ import annotations

import re

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_str

from accounts.models import HomePostcode, User
from core.errors import DomainError

_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}")


def keep_home_postcode(*, by: User, postcode: str) -> None:
    """Keep the digest of one's own postcode in place of any earlier one.

    Raises: DomainError for what is no postcode of the United Kingdom.
    """
    plain = plain_postcode(postcode)
    if not _POSTCODE.fullmatch(plain):
        raise DomainError("Enter a full postcode, like NM1 4ZZ", field="postcode")
    with transaction.atomic():
        kept = HomePostcode.objects.filter(user=by).first() or HomePostcode(user=by)
        kept.digest = _digest(by.pk, plain, force_str(settings.SECRET_KEY))
        kept.given_at = timezone.now()
        kept.save()


def remove_home_postcode(*, by: User) -> None:
    """Forget one's own postcode; where none is kept, nothing happens."""
    kept = HomePostcode.objects.filter(user=by).first()
    if kept is not None:
        kept.delete()


def home_postcode_of(user: User) -> HomePostcode | None:
    """Whether the user has given one, and when; which, nobody can say."""
    found: HomePostcode | None = HomePostcode.objects.filter(user=user).first()
    return found


def is_home_postcode(kept: HomePostcode, postcode: str) -> bool:
    """Whether this is the postcode of which the digest was kept; the keys of before count until they are dropped."""
    plain = plain_postcode(postcode)
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return bool(plain) and any(
        constant_time_compare(kept.digest, _digest(kept.user_id, plain, force_str(secret)))
        for secret in secrets
    )


def plain_postcode(text: str) -> str:
    """In capitals without spaces: the same for every way of writing it."""
    return "".join(text.split()).upper()


def _digest(user: int, plain: str, secret: str) -> str:
    # With the person's key in it, two people at one address have different digests: the table tells nothing.
    return salted_hmac(
        "accounts.home_postcode", f"{user}:{plain}", secret=secret, algorithm="sha256"
    ).hexdigest()
