"""The contact log: saved at once, completed before it is signed, and after that only added to or struck out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from cases.models import (
    Case,
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    ContactSignature,
    ContactStrikeOut,
    Patient,
    Visit,
    VisitOutcome,
)
from cases.models.contact import Answer
from cases.models.visit import Purpose
from cases.permissions import can
from cases.selectors.contacts import contact_sent_before, own_addendum
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


@dataclass(frozen=True, slots=True)
class Gap:
    """Something a contact does not say yet; ``field`` answers it before signing."""

    field: str
    words: str


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
        current = _locked(contact)
        _require_own_open(by, current)
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
        current = _locked(contact)
        _require_own_open(by, current)
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
        current = _locked(contact)
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
        current = _locked(contact)
        if getattr(current, "strike_out", None) is not None:
            raise DomainError("This contact is struck out already.")
        return ContactStrikeOut.objects.create(
            patient_id=current.patient_id, contact=current, reason=reason, **authorship(by)
        )


def may_strike_out(user: User, contact: Contact) -> bool:
    """The author, while they may still write in this record, and the lead."""
    act = Act.LOG_CONTACT if contact.created_by_id == user.pk else Act.STRIKE_OUT
    return can(user, act, contact.patient_id)


def _sent_before(by: User, patient: Patient, submission_key: uuid.UUID) -> Contact | None:
    contact = Contact.objects.filter(created_by=by, submission_key=submission_key).first()
    _refuse_used_key(contact, patient)
    return contact


def _refuse_used_key(contact: Contact | None, patient: Patient) -> None:
    if contact is not None and contact.patient_id != patient.pk:
        raise DomainError("This page was already used for somebody else. Open a new contact for this person.")


def _added_before(by: User, contact: Contact, submission_key: uuid.UUID) -> ContactAddendum | None:
    addendum = own_addendum(by, contact.patient_id, submission_key)
    if addendum is not None and addendum.contact_id != contact.pk:
        raise DomainError("This page was already used for another contact. Open “Add to it” there again.")
    return addendum


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


def _locked(contact: Contact) -> Contact:
    found: Contact = (
        Contact.objects.select_for_update(of=("self",))
        # Not signature and strike-out: joined, they would be as they were before the wait for the lock.
        .select_related("visit", "patient", "case__team")
        .get(pk=contact.pk)
    )
    return found


def _require_own_open(by: User, contact: Contact) -> None:
    if contact.created_by_id != by.pk:
        raise NotAllowed("Only its author changes or signs a contact.")
    if getattr(contact, "strike_out", None) is not None:
        raise DomainError("This contact is struck out: it was written into the wrong record.")
    if getattr(contact, "signature", None) is not None:
        raise DomainError("This contact is signed. Write an addendum instead.")


def _answer(contact: Contact, field: str, value: object) -> None:
    allowed: Mapping[str, Sequence[object]] = {
        "is_planned": (True, False),
        "purpose": Purpose.values,
        "agreed_to_police": Answer.values,
        "offered_without_police": Answer.values,
    }
    if value in allowed[field]:
        setattr(contact, field, value)


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
