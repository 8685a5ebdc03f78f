"""The contact log: a contact is saved at once, and changed by its author until it is signed (services.signed_contacts)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from cases.models import (
    Case,
    Contact,
    ContactClinicalNote,
    ContactParticipant,
    Patient,
    Visit,
    VisitOutcome,
)
from cases.models.contact import Answer
from cases.models.visit import Purpose
from cases.permissions import can
from cases.selectors.contacts import contact_sent_before
from cases.selectors.visits import Colleague, colleagues_in, outcome_of
from cases.services.authorship import authorship, require
from cases.services.contact_reviews import open_review_if_due
from cases.services.visits import close_visit, members_named, required_case
from core.errors import DomainError, NotAllowed, NotVisible, VersionClash
from core.formatting import day

# A phone's clock may run ahead of the server's.
CLOCK_TOLERANCE = timedelta(minutes=5)

_OUTCOME_OF_VISIT = {
    Contact.Outcome.NOT_MET: VisitOutcome.Kind.ATTEMPTED,
    Contact.Outcome.DECLINED: VisitOutcome.Kind.DECLINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFacts:
    """What is recorded of a contact. Only when, outcome and account are required; the rest is asked before signing.

    ``participants`` are colleagues of the team; ``police_attended`` is also true for officers from elsewhere, who
    are named in ``others_present``. Purpose and planned-or-not are the visit's where there is one. An officer
    writes facts into ``account`` and keeps ``observation`` and ``opinion`` apart (S14).
    """

    happened_at: datetime
    outcome: str
    account: str
    observation: str = ""
    opinion: str = ""
    participants: Sequence[User] = ()
    others_present: str = ""
    place: str = ""
    police_attended: bool = False
    agreed_to_police: str = ""
    offered_without_police: str = ""
    purpose: str = ""
    is_planned: bool | None = None
    clinical_text: str = ""


def log_contact(
    *,
    by: User,
    patient: Patient,
    submission_key: uuid.UUID,
    facts: ContactFacts,
    visit: Visit | None = None,
    is_from_page: bool = False,
) -> Contact:
    """Save a contact. A second send with the same key returns the contact that the first one saved; from a page, so
    does the same text sent again within the hour under another key (a browser's "back").

    With a ``visit`` its outcome is recorded too. Police presence at planned therapeutic work is accepted, and opens
    a review (S11). Raises: DomainError for a time in the future or before the person's birth, for somebody named
    who is not in the team, and when the visit's outcome is recorded already; NotAllowed for clinical-only text of a
    role that may not write it.
    """
    case = required_case(by, Act.LOG_CONTACT, patient)
    if is_from_page:
        saved = contact_sent_before(
            by,
            patient,
            submission_key,
            happened_at=facts.happened_at,
            outcome=facts.outcome,
            account=facts.account,
        )
        _refuse_used_key(saved, patient)
    else:
        saved = _sent_before(by, patient, submission_key)
    if saved is not None:
        return saved
    _check(by, patient, facts)
    try:
        with transaction.atomic():
            return _create_contact(by, case, patient, submission_key, facts, visit)
    except IntegrityError:
        # The same form was sent twice at the same moment: the other send has saved it.
        saved = _sent_before(by, patient, submission_key)
        if saved is None:
            raise
        return saved


def _create_contact(
    by: User,
    case: Case,
    patient: Patient,
    submission_key: uuid.UUID,
    facts: ContactFacts,
    visit: Visit | None,
) -> Contact:
    members = colleagues_in(case)
    taking_part = members_named(case.team, facts.participants, field="present", members=members)
    locked = _visit_to_log(patient, visit) if visit is not None else None
    if locked is not None:
        # It may have been sent while this one waited for the lock.
        if (saved := _sent_before(by, patient, submission_key)) is not None:
            return saved
        _refuse_second_outcome(locked)
    is_police_authored = _is_police(by, members)
    contact = Contact.objects.create(
        patient=patient,
        case=case,
        visit=locked,
        submission_key=submission_key,
        is_police_authored=is_police_authored,
        **_columns(facts, taking_part, locked, is_police_authored=is_police_authored),
        **authorship(by),
    )
    _create_participants(contact, taking_part, by)
    if facts.clinical_text.strip():
        ContactClinicalNote.objects.create(
            patient=patient, contact=contact, text=facts.clinical_text, **authorship(by)
        )
    if locked is not None:
        kind = _OUTCOME_OF_VISIT.get(Contact.Outcome(contact.outcome), VisitOutcome.Kind.HAPPENED)
        close_visit(by=by, visit=locked, kind=kind)
    open_review_if_due(by=by, contact=contact)
    return contact


def change_contact(*, by: User, contact: Contact, version: int, facts: ContactFacts) -> Contact:
    """Change an own contact before it is signed; ``version`` is the one the user had in front of them.

    Raises: VersionClash when it was saved since (from another device, say); NotAllowed for anybody but the author;
    DomainError once it is signed or struck out, and like ``log_contact``.
    """
    case = required_case(by, Act.LOG_CONTACT, contact.patient_id)
    with transaction.atomic():
        current = locked_contact(contact)
        require_own_open(by, current)
        if current.version != version:
            raise VersionClash("This contact was changed after you opened it.")
        _check(by, current.patient, facts)
        # Somebody who was there and has left the team since was there all the same.
        before = {row.user_id: row for row in ContactParticipant.objects.filter(contact=current)}
        new = [user for user in facts.participants if user.pk not in before]
        taking_part = [
            Colleague(user, before[user.pk].is_police) for user in facts.participants if user.pk in before
        ] + members_named(case.team, new, field="present")
        columns = _columns(facts, taking_part, current.visit, is_police_authored=current.is_police_authored)
        for name, value in columns.items():
            setattr(current, name, value)
        current.version = version + 1
        # Police leave before the contact says that none were there, and join after it says that some were.
        _remove_participants(current, taking_part)
        current.save()
        _add_participants(current, taking_part, by)
        _set_clinical_text(current, facts.clinical_text, by)
        open_review_if_due(by=by, contact=current)
    return current


def _sent_before(by: User, patient: Patient, submission_key: uuid.UUID) -> Contact | None:
    contact = Contact.objects.filter(created_by=by, submission_key=submission_key).first()
    _refuse_used_key(contact, patient)
    return contact


def _refuse_used_key(contact: Contact | None, patient: Patient) -> None:
    if contact is not None and contact.patient_id != patient.pk:
        raise DomainError("This page was already used for somebody else. Open a new contact for this person.")


def _check(by: User, patient: Patient, facts: ContactFacts) -> None:
    if facts.outcome not in Contact.Outcome.values:
        raise DomainError("Choose what came of it.", field="outcome")
    if not facts.account.strip():
        raise DomainError("Write what was said and done.", field="account")
    if facts.happened_at > timezone.now() + CLOCK_TOLERANCE:
        raise DomainError("The time is in the future. Enter when it happened.", field="at")
    if timezone.localdate(facts.happened_at) < patient.date_of_birth:
        raise DomainError(
            f"The date is before the person was born ({day(patient.date_of_birth)}).", field="happened_on"
        )
    _check_choices(facts)
    if facts.clinical_text.strip():
        require(by, Act.WRITE_CLINICAL, patient)


def _check_choices(facts: ContactFacts) -> None:
    for field, allowed in (
        ("purpose", Purpose.values),
        ("agreed_to_police", Answer.values),
        ("offered_without_police", Answer.values),
    ):
        value = getattr(facts, field)
        if value and value not in allowed:
            raise DomainError("Choose one of the answers offered.", field=field)


def _columns(
    facts: ContactFacts, taking_part: Sequence[Colleague], visit: Visit | None, *, is_police_authored: bool
) -> dict[str, object]:
    if not is_police_authored and (facts.observation or facts.opinion):
        raise DomainError("Observation and opinion are kept apart in police entries only.", field="account")
    police_attended = facts.police_attended or any(colleague.is_police for colleague in taking_part)
    return {
        "happened_at": facts.happened_at,
        "outcome": facts.outcome,
        "account": facts.account,
        "observation": facts.observation,
        "opinion": facts.opinion,
        "others_present": facts.others_present,
        "place": facts.place,
        "police_attended": police_attended,
        # Without police the questions do not arise, whatever the form still held.
        "agreed_to_police": facts.agreed_to_police if police_attended else "",
        "offered_without_police": facts.offered_without_police if police_attended else "",
        "purpose": visit.purpose if visit else facts.purpose,
        "is_planned": True if visit else facts.is_planned,
    }


def _is_police(user: User, members: Sequence[Colleague]) -> bool:
    return any(colleague.is_police for colleague in members if colleague.user.pk == user.pk)


def _visit_to_log(patient: Patient, visit: Visit) -> Visit:
    """The visit, locked, if a contact may still be made of it."""
    current = (
        # Without its outcome: joined, it would be as it was before the wait for the lock.
        Visit.objects.select_for_update(of=("self",)).filter(pk=visit.pk, patient=patient).first()
    )
    if current is None:
        raise NotVisible("No such visit.")
    return current


def _refuse_second_outcome(visit: Visit) -> None:
    outcome = outcome_of(visit)
    if outcome is not None:
        raise DomainError(
            f"The outcome of this visit is recorded already: {outcome.get_kind_display().lower()}. "
            "Log the contact without the visit, and say that it was planned."
        )


def locked_contact(contact: Contact) -> Contact:
    """The contact as it is now, until the transaction ends."""
    found: Contact = (
        Contact.objects.select_for_update(of=("self",))
        # Not signature and strike-out: joined, they would be as they were before the wait for the lock.
        .select_related("visit", "patient", "case__team")
        .get(pk=contact.pk)
    )
    return found


def require_own_open(by: User, contact: Contact) -> None:
    """Raises: NotAllowed for anybody but the author; DomainError once the contact is signed or struck out."""
    if contact.created_by_id != by.pk:
        raise NotAllowed("Only its author changes or signs a contact.")
    if getattr(contact, "strike_out", None) is not None:
        raise DomainError("This contact is struck out: it was written into the wrong record.")
    if getattr(contact, "signature", None) is not None:
        raise DomainError("This contact is signed. Write an addendum instead.")


def _remove_participants(contact: Contact, staying: Sequence[Colleague]) -> None:
    keys = {colleague.user.pk for colleague in staying}
    for row in ContactParticipant.objects.filter(contact=contact):
        if row.user_id not in keys:
            row.delete()


def _add_participants(contact: Contact, taking_part: Sequence[Colleague], by: User) -> None:
    there = {row.user_id for row in ContactParticipant.objects.filter(contact=contact)}
    _create_participants(contact, [c for c in taking_part if c.user.pk not in there], by)


def _create_participants(contact: Contact, colleagues: Sequence[Colleague], by: User) -> None:
    for colleague in colleagues:
        ContactParticipant.objects.create(
            patient_id=contact.patient_id,
            contact=contact,
            user=colleague.user,
            is_police=colleague.is_police,
            **authorship(by),
        )


def _set_clinical_text(contact: Contact, text: str, by: User) -> None:
    """Write the clinical-only part, or take it back while the contact is unsigned. Reads nothing for police roles."""
    if not can(by, Act.WRITE_CLINICAL, contact.patient_id):
        return
    note = ContactClinicalNote.objects.filter(contact=contact).first()
    if note is None and text.strip():
        ContactClinicalNote.objects.create(
            patient_id=contact.patient_id, contact=contact, text=text, **authorship(by)
        )
    elif note is not None and not text.strip():
        note.delete()
    elif note is not None and note.text != text:
        note.text = text
        note.save()
