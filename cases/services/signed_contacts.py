"""What becomes of a contact once it is written: signed when nothing is missing, then only added to or struck out (S13, S15)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.roles import Act
from cases.models import Contact, ContactAddendum, ContactSignature, ContactStrikeOut
from cases.models.contact import Answer
from cases.models.visit import Purpose
from cases.permissions import can
from cases.selectors.contacts import own_addendum
from cases.services.authorship import authorship, require
from cases.services.contact_reviews import open_review_if_due
from cases.services.contacts import locked_contact, require_own_open
from core.errors import DomainError, NotAllowed, VersionClash


@dataclass(frozen=True, slots=True)
class Gap:
    """Something a contact does not say yet; ``field`` answers it before signing."""

    field: str
    words: str


def gaps(contact: Contact) -> list[Gap]:
    """What a contact must still say before it is signed (S13); "not known" is an answer. Makes no query."""
    found = []
    if contact.is_planned is None:
        found.append(Gap("is_planned", "whether it was planned"))
    if not contact.purpose:
        found.append(Gap("purpose", "what it was for"))
    if contact.police_attended and not contact.agreed_to_police:
        found.append(Gap("agreed_to_police", "whether the person agreed to police being there"))
    if contact.police_attended and not contact.offered_without_police:
        found.append(Gap("offered_without_police", "whether they were offered a contact without police"))
    return found


def sign_contact(
    *, by: User, contact: Contact, version: int, answers: Mapping[str, object] | None = None
) -> ContactSignature:
    """Sign an own contact; from here on its text does not change (S15). ``answers`` fill its gaps, by field.

    Raises: DomainError while something is missing, when it is signed or struck out; NotAllowed for anybody but the
    author; VersionClash when it was changed since the user read it.
    """
    require(by, Act.LOG_CONTACT, contact.patient_id)
    with transaction.atomic():
        current = locked_contact(contact)
        require_own_open(by, current)
        if current.version != version:
            raise VersionClash("This contact was changed after you opened it. Read it again before you sign.")
        missing = gaps(current)
        for gap in missing:
            _answer(current, gap.field, (answers or {}).get(gap.field))
        for gap in gaps(current):
            raise DomainError(f"Before you sign, say {gap.words}.", field=gap.field)
        if missing:
            current.version = version + 1
            current.save()
            open_review_if_due(by=by, contact=current)
        return ContactSignature.objects.create(
            patient_id=current.patient_id, contact=current, **authorship(by)
        )


def add_addendum(
    *,
    by: User,
    contact: Contact,
    reason: str,
    text: str,
    is_clinical_only: bool = False,
    submission_key: uuid.UUID | None = None,
) -> ContactAddendum:
    """Add to a signed contact, dated and with a reason; what was signed stays as it is (S15).

    A second send with the same key returns the addendum that the first one saved.
    Raises: DomainError for a contact that is not signed or is struck out, and without reason or text; NotAllowed
    for clinical-only text of a role that may not write it.
    """
    require(by, Act.LOG_CONTACT, contact.patient_id)
    if is_clinical_only:
        require(by, Act.WRITE_CLINICAL, contact.patient_id)
    if not reason.strip():
        raise DomainError("Say why you add to this contact.", field="reason")
    if not text.strip():
        raise DomainError("Write what you want to add.", field="text")
    key = submission_key or uuid.uuid4()
    with transaction.atomic():
        # A second send waits here for the first.
        current = locked_contact(contact)
        if (saved := _added_before(by, current, key)) is not None:
            return saved
        if getattr(current, "strike_out", None) is not None:
            raise DomainError("This contact is struck out: it was written into the wrong record.")
        if getattr(current, "signature", None) is None:
            raise DomainError("This contact is not signed yet. Its author can still change it.")
        try:
            with transaction.atomic():
                return ContactAddendum.objects.create(
                    patient_id=current.patient_id,
                    contact=current,
                    reason=reason,
                    text=text,
                    is_clinical_only=is_clinical_only,
                    submission_key=key,
                    **authorship(by),
                )
        except IntegrityError:
            saved = _added_before(by, current, key)
            if saved is None:
                raise
            return saved


def strike_out_contact(*, by: User, contact: Contact, reason: str) -> ContactStrikeOut:
    """Strike out an entry written into the wrong record (S15): a stub stays, author and lead still read the text.

    Raises: NotAllowed for anybody but its author and the lead; DomainError without a reason, or the second time.
    """
    require(by, Act.OPEN_RECORD, contact.patient_id)
    if not may_strike_out(by, contact):
        raise NotAllowed("Only the author or the clinical lead strikes out a contact.")
    if not reason.strip():
        raise DomainError("Say how it came into the wrong record.", field="reason")
    with transaction.atomic():
        current = locked_contact(contact)
        if getattr(current, "strike_out", None) is not None:
            raise DomainError("This contact is struck out already.")
        return ContactStrikeOut.objects.create(
            patient_id=current.patient_id, contact=current, reason=reason, **authorship(by)
        )


def may_strike_out(user: User, contact: Contact) -> bool:
    """The author, while they may still write in this record, and the lead."""
    act = Act.LOG_CONTACT if contact.created_by_id == user.pk else Act.STRIKE_OUT
    return can(user, act, contact.patient_id)


def _added_before(by: User, contact: Contact, submission_key: uuid.UUID) -> ContactAddendum | None:
    addendum = own_addendum(by, contact.patient_id, submission_key)
    if addendum is not None and addendum.contact_id != contact.pk:
        raise DomainError("This page was already used for another contact. Open “Add to it” there again.")
    return addendum


def _answer(contact: Contact, field: str, value: object) -> None:
    allowed: Mapping[str, Sequence[object]] = {
        "is_planned": (True, False),
        "purpose": Purpose.values,
        "agreed_to_police": Answer.values,
        "offered_without_police": Answer.values,
    }
    if value in allowed[field]:
        setattr(contact, field, value)
