"""How much data a run works on."""

from __future__ import annotations

from dataclasses import dataclass

# A mentor pair looks after about twelve people and a team has four pairs: a team's page of names is one page and a half
# at any size of the installation. Only the number of teams grows.
PATIENTS_PER_TEAM = 50


@dataclass(frozen=True, slots=True)
class Size:
    """``rounds`` interleaved rounds, in each of which every contender answers ``batch`` requests of each operation."""

    name: str
    patients: int
    contacts_per_patient: int
    entries: int
    rounds: int
    batch: int

    @property
    def teams(self) -> int:
        return self.patients // PATIENTS_PER_TEAM


SIZES = {
    size.name: size
    for size in (
        # Shows in seconds that the machinery works; its figures mean nothing.
        Size("small", patients=100, contacts_per_patient=40, entries=4_000, rounds=2, batch=2),
        Size("default", patients=2_500, contacts_per_patient=100, entries=1_000_000, rounds=15, batch=20),
        Size("large", patients=25_000, contacts_per_patient=100, entries=10_000_000, rounds=15, batch=20),
    )
}
