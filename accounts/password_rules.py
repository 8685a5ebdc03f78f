"""What a password must not be, beside Django's rules: our own words, a common one with more around it, a breached one.

Length is the only demand; no kind of character is asked for, and no password runs out (NIST SP 800-63B, 3.1.1).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

# What an outsider who knows where somebody works would try first; docs/security/rules.md names them too.
OUR_WORDS = (
    *(
        "ambulance",
        "casework",
        "clinical",
        "clinician",
        "constabulary",
        "crisis",
        "england",
        "hospital",
        "mental",
    ),
    *(
        "health",
        "mentor",
        "mentoring",
        "nhs",
        "nurse",
        "officer",
        "password",
        "patient",
        "police",
        "serenity",
    ),
    *("service", "simcasework", "team", "trust", "welcome"),
)
# Letters that have to be left when our words are taken out.
ENOUGH_OF_THEIR_OWN = 8
FEWEST_DIFFERENT = 5
_STANDS_FOR = str.maketrans("0134578@$!", "oleastbasi")
_SHORTEST_WORD = 3


class OurWordsValidator:
    """Refuses what is made of our own words and little else: Northmoor-Police-2026, S1mC4sework!."""

    def validate(self, password: str, user: Any = None) -> None:
        left = _letters(password)
        found = False
        for word in sorted(_words_around(user), key=len, reverse=True):
            found = found or word in left
            left = left.replace(word, "")
        if found and len(left) < ENOUGH_OF_THEIR_OWN:
            raise ValidationError(
                "The password is made of words that anybody would try here, such as the name of the service or of "
                "your organisation. Choose others",
                code="password_our_words",
            )

    def get_help_text(self) -> str:
        return "It must not be made of the name of the service, your organisation or your team."


class PaddedPasswordValidator:
    """Refuses one piece over and over, and a common password with numbers or signs around it: qwerty123456."""

    def __init__(self) -> None:
        self.common: set[str] = CommonPasswordValidator().passwords

    def validate(self, password: str, user: Any = None) -> None:
        typed = password.casefold()
        letters = [place for place, character in enumerate(typed) if character.isalpha()]
        core = typed[letters[0] : letters[-1] + 1] if letters else ""
        if (
            len(set(typed)) < FEWEST_DIFFERENT
            or re.fullmatch(r"(.{1,8}?)\1+", typed)
            or not core
            or core in self.common
        ):
            raise ValidationError(
                "The password is easy to guess: a common one with more around it, or the same piece again and again. "
                "Three random words are good",
                code="password_padded",
            )

    def get_help_text(self) -> str:
        return "It must not be a common password with numbers around it."


class BreachedPasswordValidator:
    """Refuses what stands in the list of breached passwords that the installation was given, if it was given one.

    The list is a file on our own disk, never a service elsewhere: no part of a password leaves the server. Its lines
    are ``SHA-1:count``, sorted, as Pwned Passwords hands them out.
    """

    def validate(self, password: str, user: Any = None) -> None:
        name = settings.BREACHED_PASSWORDS_FILE
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        if name and stands_in(Path(name), digest.encode()):
            raise ValidationError(
                "This password was made public when another service was broken into. Choose another one",
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return "It must not be one that has been made public elsewhere."


def stands_in(path: Path, digest: bytes) -> bool:
    """Whether a line begins with the digest. Looked up by halving: a file of 40 GB takes some forty reads."""
    with path.open("rb") as lines:
        low, high = 0, lines.seek(0, 2)
        while low < high:
            middle = (low + high) // 2
            if _line_after(lines, middle)[: len(digest)].upper() < digest:
                low = middle + 1
            else:
                high = middle
        return _line_after(lines, low)[: len(digest)].upper() == digest


def _line_after(lines: Any, place: int) -> bytes:
    """The first line that begins behind the place, or the very first; past the end what sorts last."""
    lines.seek(place)
    if place:
        lines.readline()
    line: bytes = lines.readline()
    return line or b"\xff"


def _words_around(user: Any) -> set[str]:
    organisation = getattr(user, "organisation", None)
    teams = [m.team for m in user.memberships.select_related("team")] if getattr(user, "pk", None) else []
    names = [
        settings.SERVICE_NAME,
        settings.OPERATOR_NAME,
        str(organisation or ""),
        *(str(t) for t in teams if t),
    ]
    words = {_letters(word) for name in names for word in [name, *name.split()]}
    return set(OUR_WORDS) | {word for word in words if len(word) >= _SHORTEST_WORD}


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold().translate(_STANDS_FOR) if c.isalpha())
