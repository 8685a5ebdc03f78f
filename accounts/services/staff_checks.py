"""Training, vetting and confidentiality agreements as an administrator has seen them: added, never edited (S30)."""

from __future__ import annotations

from datetime import date

from django.db import transaction

from accounts.models import StaffCheck, User
from accounts.permissions import require_manageable
from accounts.services.lapses import follow_up_clearance
from accounts.services.people import require_system
from core.errors import DomainError


def record_check(*, by: User | None, user: User, kind: str, valid_until: date, evidence: str) -> StaffCheck:
    """Record until when a check of somebody is good, and what was seen of it. From the next request on it counts.

    The same again is the check recorded before.
    A date that has passed is accepted: so a check that was withdrawn ends the person's access at once.

    Raises: NotVisible for people out of reach; DomainError for one's own checks, an unknown kind, missing evidence or
    an account that is closed.
    """
    if by is None:
        require_system()
    else:
        require_manageable(by, user)
        if by.pk == user.pk:
            raise DomainError("Nobody records their own checks. Ask another administrator.")
    if not user.is_active:
        raise DomainError(f"{user} has left. A closed account needs no checks.")
    if kind not in StaffCheck.Kind.values:
        raise DomainError("Choose what was checked", field="kind")
    evidence = " ".join(evidence.split())
    if not evidence:
        raise DomainError("Write what you have seen", field="evidence")
    with transaction.atomic():
        # A form that was sent twice adds one row: it could never be taken away again.
        User.objects.select_for_update(no_key=True, of=("self",)).get(pk=user.pk)
        same = {
            "user": user,
            "kind": kind,
            "valid_until": valid_until,
            "evidence": evidence,
            "recorded_by": by,
        }
        newest = StaffCheck.objects.filter(user=user, kind=kind).order_by("-pk").first()
        if newest and all(getattr(newest, name) == value for name, value in same.items()):
            return newest
        recorded = StaffCheck.objects.create(**same)
        follow_up_clearance(user, changed=[kind])
    return recorded
