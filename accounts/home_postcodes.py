"""A person's own postcode, kept so that it can be compared and never read (S32). Written by accounts.services."""

from __future__ import annotations

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_str

from accounts.models import HomePostcode, User


def home_postcode_of(user: User) -> HomePostcode | None:
    """Whether the user has given one, and when; which, nobody can say."""
    found: HomePostcode | None = HomePostcode.objects.filter(user=user).first()
    return found


def is_home_postcode(kept: HomePostcode, postcode: str) -> bool:
    """Whether this is the postcode of which the digest was kept; the keys of before count until they are dropped."""
    plain = plain_postcode(postcode)
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return bool(plain) and any(
        constant_time_compare(kept.digest, digest_of_postcode(kept.user_id, plain, force_str(secret)))
        for secret in secrets
    )


def plain_postcode(text: str) -> str:
    """In capitals without spaces: the same for every way of writing it."""
    return "".join(text.split()).upper()


def digest_of_postcode(user: int, plain: str, secret: str) -> str:
    """What is kept of it. With the person's key in it, two people at one address have different digests."""
    return salted_hmac(
        "accounts.home_postcode", f"{user}:{plain}", secret=secret, algorithm="sha256"
    ).hexdigest()
