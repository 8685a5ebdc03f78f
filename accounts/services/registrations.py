"""Entries in professional registers: without a current one nobody approves a plan (S01)."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.clearance import REGISTRATION
from accounts.models import ProfessionalRegistration, User
from accounts.permissions import require_manageable
from accounts.services.lapses import follow_up_clearance
from accounts.services.people import require_system
from core.errors import DomainError


def add_registration(
    *, by: User | None, user: User, body: str, number: str, valid_until: date
) -> ProfessionalRegistration:
    """Record that somebody is in a register, as an administrator has checked it there.

    Raises: NotVisible for people out of reach; DomainError for one's own, a number that is taken, or one that has
    run out.
    """
    _require(by, user)
    number = "".join(number.split()).upper()
    if not number:
        raise DomainError("Enter the registration number", field="number")
    # Whoever is back on the register often has the old number.
    known = ProfessionalRegistration.objects.filter(body=body, number=number)
    if known.exclude(user=user, withdrawn_on__isnull=False).exists():
        raise DomainError("This registration is already recorded", field="number")
    _require_ahead(valid_until)
    with transaction.atomic():
        added = ProfessionalRegistration.objects.create(
            user=user, body=body, number=number, valid_until=valid_until
        )
        follow_up_clearance(user, changed=[REGISTRATION])
    return added


def renew_registration(*, by: User | None, registration: ProfessionalRegistration, valid_until: date) -> None:
    """Record a later date until which it is valid.

    Raises: NotVisible for people out of reach; DomainError for one's own, one that was withdrawn, or a date that is
    not later.
    """
    _require(by, registration.user)
    _require_ahead(valid_until)
    with transaction.atomic():
        kept = _locked(registration)
        if kept.withdrawn_on is not None:
            raise DomainError("This registration was withdrawn. Record a new one.", field="valid_until")
        if valid_until <= kept.valid_until:
            raise DomainError("The new date must be later than the one recorded", field="valid_until")
        kept.valid_until = valid_until
        kept.save(update_fields=["valid_until"])
        follow_up_clearance(kept.user, changed=[REGISTRATION])


def withdraw_registration(
    *, by: User | None, registration: ProfessionalRegistration, withdrawn_on: date, evidence: str
) -> ProfessionalRegistration:
    """Record since when somebody is no longer on the register, and what was seen of it.

    It counts for nothing from the next request on; another valid one still does. For administrators who look after the
    person, and the system (``by`` None). The same withdrawal sent again returns the one recorded.

    Raises: NotVisible for people out of reach; DomainError for one's own, a day to come, missing evidence, or one
    withdrawn before with another day or evidence.
    """
    _require(by, registration.user)
    if withdrawn_on > timezone.localdate():
        raise DomainError("The day must be today or in the past", field="withdrawn_on")
    evidence = " ".join(evidence.split())
    if not evidence:
        raise DomainError("Write what you have seen", field="evidence")
    with transaction.atomic():
        kept = _locked(registration)
        if kept.withdrawn_on is not None:
            if (kept.withdrawn_on, kept.withdrawal_evidence) == (withdrawn_on, evidence):
                return kept
            raise DomainError("This registration was already withdrawn")
        kept.withdrawn_on, kept.withdrawal_evidence = withdrawn_on, evidence
        # The clearance of a role asks for this date alone.
        kept.valid_until = min(kept.valid_until, withdrawn_on - timedelta(days=1))
        kept.save(update_fields=["withdrawn_on", "withdrawal_evidence", "valid_until"])
        follow_up_clearance(kept.user, changed=[REGISTRATION])
    return kept


def _locked(registration: ProfessionalRegistration) -> ProfessionalRegistration:
    """As it is now. The person comes first, as in the triggers that keep their clearance."""
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=registration.user_id)
    return ProfessionalRegistration.objects.select_for_update(of=("self",)).get(pk=registration.pk)


def _require(by: User | None, user: User) -> None:
    if by is None:
        require_system()
        return
    require_manageable(by, user)
    if by.pk == user.pk:
        raise DomainError("Nobody vouches for their own registration. Ask another administrator.")


def _require_ahead(valid_until: date) -> None:
    if valid_until < timezone.localdate():
        raise DomainError("The registration must still be valid", field="valid_until")
