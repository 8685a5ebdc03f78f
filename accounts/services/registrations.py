"""Entries in professional registers: without a current one nobody approves a plan (S01)."""

from __future__ import annotations

from datetime import date

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
    if ProfessionalRegistration.objects.filter(body=body, number=number).exists():
        raise DomainError("This registration is already recorded", field="number")
    _require_ahead(valid_until)
    with transaction.atomic():
        added = ProfessionalRegistration.objects.create(
            user=user, body=body, number=number, valid_until=valid_until
        )
        follow_up_clearance(user, renewed=[REGISTRATION])
    return added


def renew_registration(*, by: User | None, registration: ProfessionalRegistration, valid_until: date) -> None:
    """Record a later date until which it is valid.

    Raises: NotVisible for people out of reach; DomainError for one's own, or a date that is not later.
    """
    _require(by, registration.user)
    _require_ahead(valid_until)
    if valid_until <= registration.valid_until:
        raise DomainError("The new date must be later than the one recorded", field="valid_until")
    registration.valid_until = valid_until
    with transaction.atomic():
        registration.save(update_fields=["valid_until"])
        follow_up_clearance(registration.user, renewed=[REGISTRATION])


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
