"""What each role requires of whoever holds it, and what of it is in date (S30). Who records it: services.staff_checks.

The database holds the same table in ``accounts_cleared_until`` and keeps ``Membership.cleared_until`` by it; a test
compares the two for every role.
"""

from __future__ import annotations

from datetime import date

from accounts.models import StaffCheck
from accounts.roles import CLINICAL_ROLES, Role

# Until when a role is cleared that requires nothing. Administrators see no patient, IG officers no clinical content
# and responders only what is released to their organisation; their employers answer for their vetting.
ALWAYS = date(9999, 12, 31)

WORKING_WITH_PATIENTS = frozenset({*CLINICAL_ROLES, Role.POLICE_MENTOR})
REGISTRATION = "registration"
CHECKS: tuple[str, ...] = tuple(StaffCheck.Kind.values)


def required_of(role: str) -> tuple[str, ...]:
    """The kinds of check without which the role opens nothing; ``registration`` is the entry in a register."""
    if role not in WORKING_WITH_PATIENTS:
        return ()
    return (*CHECKS, REGISTRATION) if role in CLINICAL_ROLES else CHECKS
