"""What each role requires of whoever holds it, and what of it is in date (S30). Who records it: services.staff_checks.

The database holds the same table in ``accounts_cleared_until`` and keeps ``Membership.cleared_until`` by it; a test
compares the two for every role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from accounts.models import StaffCheck
from accounts.roles import CLINICAL_ROLES, Role

# Until when a role is cleared that requires nothing. Administrators see no patient, IG officers no clinical content
# and responders only what is released to their organisation; their employers answer for their vetting.
ALWAYS = date(9999, 12, 31)

WORKING_WITH_PATIENTS = frozenset({*CLINICAL_ROLES, Role.POLICE_MENTOR})
REGISTRATION = "registration"
CHECKS: tuple[str, ...] = tuple(StaffCheck.Kind.values)
LABELS = dict(StaffCheck.Kind.choices) | {REGISTRATION: "Professional registration"}
# So many days before a lapse people are reminded; from the first of them on a check counts as running out.
REMINDED_AT = (60, 30, 7)
RUNNING_OUT = timedelta(days=REMINDED_AT[0])


def required_of(role: str) -> tuple[str, ...]:
    """The kinds of check without which the role opens nothing; ``registration`` is the entry in a register."""
    if role not in WORKING_WITH_PATIENTS:
        return ()
    return (*CHECKS, REGISTRATION) if role in CLINICAL_ROLES else CHECKS


@dataclass(frozen=True, slots=True)
class CheckState:
    """One check that somebody's roles require; ``valid_until`` is empty while nothing is recorded.

    A registration that was withdrawn is not in date from ``withdrawn_on`` on.
    """

    kind: str
    valid_until: date | None = None
    evidence: str = ""
    withdrawn_on: date | None = None

    @property
    def label(self) -> str:
        return str(LABELS[self.kind])

    @property
    def is_in_date(self) -> bool:
        return self.valid_until is not None and self.valid_until >= timezone.localdate()

    @property
    def is_running_out(self) -> bool:
        return self.valid_until is None or self.valid_until <= timezone.localdate() + RUNNING_OUT


def required_of_all(roles: Iterable[str]) -> tuple[str, ...]:
    """Everything that one of the roles requires, each once, in the order in which it is shown."""
    wanted = {kind for role in roles for kind in required_of(role)}
    return tuple(kind for kind in (*CHECKS, REGISTRATION) if kind in wanted)


def cleared_until(states: Iterable[CheckState]) -> date | None:
    """The last day on which all of them are in date, as the database keeps it with the role; empty if one is missing."""
    days = [state.valid_until for state in states]
    return None if None in days else min((day for day in days if day is not None), default=ALWAYS)
