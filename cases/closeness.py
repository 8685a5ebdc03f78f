"""Whether somebody who opened a record is close to the person it is about beyond the work (S32).

Answers the trail's detectors alone. Both sides are read here and compared here; what leaves is only which of the ties
there are.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from accounts.home_postcodes import is_home_postcode
from accounts.models import HomePostcode, User
from audit.alerts.kinds import AlertKind
from audit.providers import Closeness
from cases.models import OtherName, Patient, RelatedPerson
from core.access_guard import recorded_query

_HYPHENS = "-‐‑–"
_HYPHEN = re.compile(rf"\s*[{_HYPHENS}]\s*")
# What stands before a hyphen without being a name: who is called Al-Amin shares nothing with all who are called Al-….
_PARTICLES = frozenset(
    ["abu", "ad", "al", "an", "ar", "as", "ash", "at", "az", "ben", "bin", "el", "ibn", "st", "ul", "ur"]
)


@dataclass(slots=True)
class _Names:
    """What of a patient is compared, names folded."""

    postcode: str
    full: set[str] = field(default_factory=set)
    surnames: set[str] = field(default_factory=set)
    next_of_kin: set[str] = field(default_factory=set)


def find_closeness(pairs: Collection[tuple[int, uuid.UUID]]) -> list[Closeness]:
    """Those pairs of a user and a patient whom something connects. Registered with audit.providers.

    Three statements on patients, one on users, one on postcodes, however many pairs. No patient becomes an object, so
    those who are close to nobody stand on no entry: nothing about them is shown or kept.
    """
    users = {user.pk: user for user in User.objects.filter(pk__in={user for user, _ in pairs})}
    postcodes = {kept.user_id: kept for kept in HomePostcode.objects.filter(user__in=users)}
    patients = _names_of({patient for _, patient in pairs})
    found = []
    for key, patient in sorted(set(pairs)):
        if key in users and patient in patients:
            ties = _ties(users[key], postcodes.get(key), patients[patient])
            found += [Closeness(key, patient, ties)] if ties else []
    return found


def _ties(user: User, home: HomePostcode | None, patient: _Names) -> frozenset[str]:
    full, surnames = folded(user.get_full_name()), _surnames(user.last_name)
    is_address = home is not None and is_home_postcode(home, patient.postcode)
    ties = {
        # Namesakes too: what people give of themselves may add a tie, and takes none away (ADR 17).
        AlertKind.OWN_RECORD: full in patient.full,
        # A surname alone would be the end of a whole family's names.
        AlertKind.NEXT_OF_KIN: bool(folded(user.first_name)) and _end_in(patient.next_of_kin, {full}),
        AlertKind.SAME_ADDRESS: is_address,
        AlertKind.SAME_SURNAME: _end_in(patient.surnames, surnames),
    }
    return frozenset(kind for kind, holds in ties.items() if holds and full)


def _names_of(keys: set[uuid.UUID]) -> dict[uuid.UUID, _Names]:
    with recorded_query("staff compared with the people whose records they opened"):
        rows = list(
            Patient.objects.filter(pk__in=keys).values_list(
                "pk", "given_name", "preferred_name", "family_name", "postcode"
            )
        )
        others = list(OtherName.objects.filter(patient__in=keys).values_list("patient_id", "name"))
        kin = list(
            RelatedPerson.objects.filter(patient__in=keys, kind=RelatedPerson.Kind.NEXT_OF_KIN).values_list(
                "patient_id", "name"
            )
        )
    patients = {}
    for key, given, preferred, family, postcode in rows:
        names = _Names(postcode, surnames=_surnames(family))
        names.full = _some(f"{first} {family}" for first in (given, preferred) if first)
        patients[key] = names
    for key, name in others:
        patients[key].full |= _some([name])
        # "Nora van der Berg" was a van der Berg; a single word may be a surname too.
        patients[key].surnames |= _surnames(name)
    for key, name in kin:
        patients[key].next_of_kin |= _some([name])
    return patients


def _surnames(name: str) -> set[str]:
    """A name that ends in a surname, or is one: whole, and with each part of a hyphenated surname alone."""
    *before, last = _HYPHEN.sub("-", name).split() or [""]
    parts = [part for part in last.split("-") if folded(part) not in _PARTICLES]
    return _some([name, " ".join([*before, *parts[:1]]), *parts[1:]])


def _end_in(names: Collection[str], wanted: Collection[str]) -> bool:
    """Whether one of the names is or ends in a wanted one: given names or a title ("Mrs") may stand before it."""
    return any(f" {name}".endswith(f" {end}") for name in names for end in wanted)


def _some(names: Iterable[str]) -> set[str]:
    return {folded(name) for name in names} - {""}


def folded(name: str) -> str:
    """A name so that ways of writing it are one: no capitals, accents, hyphens, apostrophes or double spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    kept = (
        " " if char in _HYPHENS else char for char in plain if char.isalnum() or char in f" {_HYPHENS}\t\n"
    )
    return " ".join("".join(kept).split())
