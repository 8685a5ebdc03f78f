"""Whether an NHS number can be one: ten digits, a right check digit, a range that is issued to people."""

from __future__ import annotations

import re

import nhs_number
from django.conf import settings

from core.errors import DomainError

_SYNTHETIC = nhs_number.REGION_SYNTHETIC


def usable_nhs_number(typed: str) -> str:
    """The ten digits, or "" for nothing typed.

    Numbers of the 999 test range are taken only where ALLOW_TEST_NHS_NUMBERS says so: in a real installation they
    belong to nobody, so one typed there is a mistake.

    Raises: DomainError saying what is wrong, with the field ``nhs_number``.
    """
    digits = without_spacing(typed)
    if not digits:
        return ""
    if not re.fullmatch("[0-9]{10}", digits):
        raise DomainError("NHS number must have 10 digits", field="nhs_number")
    if not nhs_number.is_valid(digits):
        raise DomainError(
            "NHS number is not a real one. Check it for a slip of one digit", field="nhs_number"
        )
    if _SYNTHETIC.contains_number(digits) and not settings.ALLOW_TEST_NHS_NUMBERS:
        raise DomainError(
            "NHS number is from the range kept for tests. Enter the person's own", field="nhs_number"
        )
    return digits


def without_spacing(typed: str) -> str:
    """What was typed without blanks and dashes of any kind: people write 999 123 4567, letters 999-123-4567."""
    return re.sub(r"[\s\u2010-\u2015-]", "", typed)
