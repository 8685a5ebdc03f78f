"""What a canary is: a value that occurs nowhere else, known to belong to one field of one patient's record."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Canary:
    """``field`` as "cases.Patient.given_name"; ``owner`` is the user whose alone it is (a draft), if it is anybody's."""

    field: str
    patient: uuid.UUID
    row: str
    is_clinical_only: bool = False
    owner: int | None = None


@dataclass
class Canaries:
    """All that were planted, by what to look for: words, digits, days and keys."""

    words: dict[str, Canary] = field(default_factory=dict)
    digits: dict[str, Canary] = field(default_factory=dict)
    days: dict[dt.date, Canary] = field(default_factory=dict)
    keys: dict[str, Canary] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.everything())

    def everything(self) -> set[Canary]:
        return {*self.words.values(), *self.digits.values(), *self.days.values(), *self.keys.values()}

    def add_word(self, canary: Canary) -> str:
        """A new word for this canary: letters and digits, so that no escaping changes it."""
        word = f"Zx{len(self.words):05d}q"
        self.words[word.casefold()] = canary
        return word

    def add_known_word(self, word: str, canary: Canary) -> None:
        """A value that is unique already: a patient's reference."""
        self.words[word.casefold()] = canary

    def values_of(self, patient: uuid.UUID) -> dict[str, str]:
        """What somebody could search this patient by: the words of each field, as typed."""
        found: dict[str, str] = {}
        for value, canary in [*self.words.items(), *self.digits.items()]:
            if canary.patient == patient:
                found.setdefault(canary.field, value)
        return found

    def born_on(self, patient: uuid.UUID) -> dt.date | None:
        for on, canary in self.days.items():
            if canary.patient == patient and canary.field == "cases.Patient.date_of_birth":
                return on
        return None
