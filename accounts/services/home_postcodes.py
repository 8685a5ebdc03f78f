"""A person's own postcode, given and taken back by themselves (S32). Compared in accounts.home_postcodes."""

from __future__ import annotations

import re

from django.conf import settings
from django.utils import timezone
from django.utils.encoding import force_str

from accounts.home_postcodes import digest_of_postcode, plain_postcode
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
    digest = digest_of_postcode(by.pk, plain, force_str(settings.SECRET_KEY))
    # Of two clicks at the same moment the later one finds the row of the other, and changes it.
    HomePostcode.objects.update_or_create(user=by, defaults={"digest": digest, "given_at": timezone.now()})


def remove_home_postcode(*, by: User) -> None:
    """Forget one's own postcode; where none is kept, nothing happens."""
    kept = HomePostcode.objects.filter(user=by).first()
    if kept is not None:
        kept.delete()
