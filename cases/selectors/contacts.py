"""The contact log as a user may read it: clinical-only rows and struck-out text stay in the database for others."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from django.db import models
from django.db.models import F, Prefetch, Q, Value
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import teams_in_which
from audit.context import current_context
from cases.models import (
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    ContactReview,
    Patient,
    Visit,
)
from cases.permissions import can, reads_clinical, visible_patients
from cases.selectors.visits import visits_of
from core.keyset import cursor_moment
from core.models import GuardedQuerySet
from core.prepared import Prepared, read_together

TIMELINE_LENGTH = 20
JUST_SAVED = dt.timedelta(hours=1)
SAME_MOMENT = dt.timedelta(minutes=5)
MOST_TO_SIGN = 50
# The name under which the trail keeps whose text was on a page: keys of contacts, nothing personal.
SHOWN_CONTACTS = "contacts"

# Spoke with the person, wherever; an attempt is no contact for "last contact".
SPOKE_WITH_PERSON = (Contact.Outcome.MET, Contact.Outcome.PHONE)


@dataclass(frozen=True, slots=True)
class ContactText:
    """What one user may read of a contact; of a struck-out one, nothing unless they are its author or a lead."""

    account: str
    observation: str
    opinion: str
    clinical: str
    is_struck_out: bool
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Contacts and visits, newest first; ``older`` is the cursor of the next page, empty on the last one."""

    entries: list[Contact | Visit]
    older: str

    def __iter__(self) -> Iterator[Contact | Visit]:
        return iter(self.entries)


@dataclass(frozen=True, slots=True)
class _Cursor:
    at: dt.datetime
    key: uuid.UUID


def timeline(
    user: User, patient: Patient, *, before: str | None = None, limit: int = TIMELINE_LENGTH
) -> TimelinePage:
    """What happened with this patient, newest first, as this user may read it.

    Visits stand there once their time has come or their outcome is known, and not beside the contact made of them.
    ``before`` is the ``older`` of a page; anything else starts at the newest. Clinical-only notes and addenda are
    loaded only for who reads them (S12), struck-out text only for its author and the lead (S15). The trail keeps
    which contacts' text was shown.
    """
    cursor = _parse_cursor(before)
    contacts = _before(readable_contacts(user, patient), "happened_at", cursor)[: limit + 1]
    visits = _before(_past_visits(user, patient), "planned_for", cursor)[: limit + 1]
    return timeline_page(contacts, visits, limit)


def timeline_page(
    contacts: Iterable[Contact | Visit], visits: Iterable[Contact | Visit], limit: int
) -> TimelinePage:
    """Both in one line, newest first; needs one more of each than the limit. Tells the trail whose text is shown."""
    merged: list[Contact | Visit] = sorted(
        [*contacts, *visits], key=lambda entry: (-_at(entry).timestamp(), entry.pk)
    )
    shown = merged[:limit]
    _tell_trail([entry for entry in shown if isinstance(entry, Contact)])
    last = shown[-1] if len(merged) > limit else None
    return TimelinePage(shown, f"{_at(last).isoformat()}_{last.pk}" if last else "")


def contact_of(user: User, patient: Patient, contact_id: uuid.UUID) -> Contact | None:
    """One contact of this patient as the user may read it, noted on the trail as shown; None for any other key."""
    contact = readable_contacts(user, patient).filter(pk=contact_id).first()
    if contact is not None:
        _tell_trail([contact])
    return contact


def readable_contacts(user: User, patient: Patient) -> GuardedQuerySet[Contact]:
    """The patient's contacts; read their text with ``text_of``."""
    is_lead = can(user, Act.STRIKE_OUT, patient)
    is_clinical = reads_clinical(user, patient)
    mine_or_standing = Q() if is_lead else Q(strike_out__isnull=True) | Q(created_by=user)
    contacts = (
        Contact.objects.filter(patient=patient, patient__in=visible_patients(user))
        .defer("account", "observation", "opinion")
        .annotate(**shown_texts(mine_or_standing))
        .select_related(
            "created_by",
            "visit",
            "signature",
            "strike_out__created_by",
            "review__closed_by",
        )
        .prefetch_related(
            Prefetch(
                "participants",
                ContactParticipant.objects.select_related("user").order_by(
                    "user__last_name", "user__first_name"
                ),
            ),
            Prefetch("addenda", _readable_addenda(user, is_clinical=is_clinical, is_lead=is_lead)),
        )
    )
    if is_clinical:
        contacts = contacts.prefetch_related(
            Prefetch("clinical_note", _standing(ContactClinicalNote.objects.all(), user, is_lead=is_lead))
        )
    readable: GuardedQuerySet[Contact] = contacts
    return readable


def shown_texts(readable: Q) -> dict[str, F | models.Case]:
    """The annotations from which ``text_of`` reads: the texts where the condition holds, otherwise nothing."""
    return {f"shown_{name}": _text(name, readable) for name in ("account", "observation", "opinion")}


def text_of(contact: Contact) -> ContactText:
    """The readable text of a contact that ``readable_contacts`` loaded. Makes no query."""
    loaded = vars(contact)
    is_struck_out = getattr(contact, "strike_out", None) is not None
    note = contact._state.fields_cache.get("clinical_note")
    return ContactText(
        account=loaded["shown_account"],
        observation=loaded["shown_observation"],
        opinion=loaded["shown_opinion"],
        clinical=note.text if isinstance(note, ContactClinicalNote) else "",
        is_struck_out=is_struck_out,
        # An account is never empty, so an empty one was kept back.
        is_withheld=is_struck_out and not loaded["shown_account"],
    )


def own_unsigned_contact(user: User, patient: Patient, contact_id: uuid.UUID) -> Contact | None:
    """A contact that this user wrote and may still change: neither signed nor struck out."""
    return (
        Contact.objects.filter(
            pk=contact_id,
            patient=patient,
            patient__in=visible_patients(user, Act.LOG_CONTACT),
            created_by=user,
            signature__isnull=True,
            strike_out__isnull=True,
        )
        .select_related("visit")
        .prefetch_related(Prefetch("participants", ContactParticipant.objects.select_related("user")))
        .first()
    )


def own_clinical_text(user: User, contact: Contact) -> str:
    """The clinical-only part of the author's own contact, for its form; empty for who may not read such text."""
    if not reads_clinical(user, contact.patient_id):
        return ""
    note = ContactClinicalNote.objects.filter(contact=contact, created_by=user).first()
    return note.text if note else ""


def sent_contact(user: User, submission_key: object) -> bool:
    """Whether this page's contact has been saved; an unreadable key belongs to none."""
    try:
        key = uuid.UUID(str(submission_key))
    except ValueError:
        return False
    return Contact.objects.filter(created_by=user, submission_key=key).exists()


def own_addendum(user: User, patient_key: uuid.UUID, submission_key: object) -> ContactAddendum | None:
    """The addendum that the user saved from the page with this key; an unreadable key belongs to none."""
    try:
        key = uuid.UUID(str(submission_key))
    except ValueError:
        return None
    addenda = ContactAddendum.objects.filter(created_by=user, submission_key=key)
    if not reads_clinical(user, patient_key):
        addenda = addenda.filter(is_clinical_only=False)
    return addenda.first()


def contact_sent_before(
    user: User,
    patient: Patient,
    submission_key: uuid.UUID,
    *,
    happened_at: dt.datetime,
    outcome: str,
    account: str,
) -> Contact | None:
    """What a page has saved already: under this key, or in the same words about the same moment in the last hour.

    A browser's "back" refills the page that was saved, under a new key and a few minutes later. With the key it may
    be somebody else's patient. One statement.
    """
    sent, alike = read_together(
        _SENT(user=user.pk, key=submission_key),
        _ALIKE(
            user=user.pk,
            patient=patient.pk,
            saved_since=timezone.now() - JUST_SAVED,
            earliest=happened_at - SAME_MOMENT,
            latest=happened_at + SAME_MOMENT,
            outcome=outcome,
            account=account,
        ),
    )
    return next(iter([*sent, *alike]), None)


_SENT = Prepared(
    lambda user, key: Contact.objects.filter(created_by=user, submission_key=key), user=int, key=uuid.UUID
)
_ALIKE = Prepared(
    lambda user, patient, saved_since, earliest, latest, outcome, account: Contact.objects.filter(
        created_by=user,
        patient=patient,
        created_at__gte=saved_since,
        happened_at__range=(earliest, latest),
        outcome=outcome,
        account=account,
        strike_out__isnull=True,
    ).order_by("-created_at")[:1],
    user=int,
    patient=uuid.UUID,
    saved_since=dt.datetime,
    earliest=dt.datetime,
    latest=dt.datetime,
    outcome=str,
    account=str,
)


def contacts_to_sign(user: User) -> GuardedQuerySet[Contact]:
    """The user's own contacts that wait for their signature, oldest first, with patient and visit, without text."""
    waiting = (
        Contact.objects.filter(
            created_by=user,
            signature__isnull=True,
            strike_out__isnull=True,
            patient__in=visible_patients(user, Act.LOG_CONTACT),
        )
        .defer("account", "observation", "opinion")
        .select_related("patient", "visit")
        .order_by("happened_at", "pk")
    )
    return waiting[:MOST_TO_SIGN]


def open_reviews(user: User) -> GuardedQuerySet[ContactReview]:
    """Reviews of police presence that wait in the user's teams, oldest first, with patient, case and participants."""
    return (
        ContactReview.objects.filter(
            closed_at__isnull=True,
            contact__case__team__in=teams_in_which(user, Act.REVIEW_CONTACT),
            patient__in=visible_patients(user, Act.REVIEW_CONTACT),
        )
        .select_related("patient", "contact__created_by", "contact__case__team")
        .defer("contact__account", "contact__observation", "contact__opinion")
        .prefetch_related(
            Prefetch("contact__participants", ContactParticipant.objects.select_related("user"))
        )
        .order_by("opened_at", "pk")
    )


def review_of(user: User, patient: Patient, contact_id: uuid.UUID) -> ContactReview | None:
    """The review of one contact of this patient, if it has one."""
    return (
        ContactReview.objects.filter(contact=contact_id, patient=patient, patient__in=visible_patients(user))
        .select_related("closed_by", "contact__created_by", "contact__case__team")
        .defer("contact__account", "contact__observation", "contact__opinion")
        .prefetch_related(
            Prefetch("contact__participants", ContactParticipant.objects.select_related("user"))
        )
        .first()
    )


def last_place(user: User, patient: Patient) -> str:
    """Where the team last met the person: the default of the next entry."""
    met = Contact.objects.filter(
        patient=patient,
        patient__in=visible_patients(user),
        outcome=Contact.Outcome.MET,
        strike_out__isnull=True,
    ).exclude(place="")
    latest = met.defer("account", "observation", "opinion").order_by("-happened_at", "pk").first()
    return latest.place if latest else ""


def _past_visits(user: User, patient: Patient) -> GuardedQuerySet[Visit]:
    has_come = Q(planned_for__lte=models.functions.Now()) | Q(outcome__isnull=False)
    visits: GuardedQuerySet[Visit] = visits_of(user, patient).filter(has_come, contact__isnull=True)
    return visits


def _before(
    entries: GuardedQuerySet[Contact] | GuardedQuerySet[Visit], field: str, cursor: _Cursor | None
) -> GuardedQuerySet[Contact] | GuardedQuerySet[Visit]:
    if cursor is not None:
        same_time = Q(**{field: cursor.at, "pk__gt": cursor.key})
        entries = entries.filter(Q(**{f"{field}__lt": cursor.at}) | same_time)
    return entries.order_by(f"-{field}", "pk")


def _parse_cursor(text: str | None) -> _Cursor | None:
    try:
        at, key = (text or "").split("_")
        moment = cursor_moment(at)
        return _Cursor(moment, uuid.UUID(key)) if moment else None
    except ValueError:
        return None


def _at(entry: Contact | Visit) -> dt.datetime:
    return entry.happened_at if isinstance(entry, Contact) else entry.planned_for


def _text(name: str, readable: Q) -> F | models.Case:
    if not readable:
        return F(name)
    return models.Case(
        models.When(readable, then=F(name)), default=Value(""), output_field=models.TextField()
    )


def _standing(
    notes: models.QuerySet[ContactClinicalNote], user: User, *, is_lead: bool
) -> models.QuerySet[ContactClinicalNote]:
    return (
        notes if is_lead else notes.filter(Q(contact__strike_out__isnull=True) | Q(contact__created_by=user))
    )


def _readable_addenda(user: User, *, is_clinical: bool, is_lead: bool) -> models.QuerySet[ContactAddendum]:
    addenda = ContactAddendum.objects.select_related("created_by").order_by("created_at", "pk")
    if not is_clinical:
        addenda = addenda.filter(is_clinical_only=False)
    if not is_lead:
        addenda = addenda.filter(Q(contact__strike_out__isnull=True) | Q(contact__created_by=user))
    return addenda


def _tell_trail(contacts: Collection[Contact]) -> None:
    """Keep whose text was on the page, so that everyone who opened a struck-out entry can be listed (S15)."""
    keys = [str(contact.pk) for contact in contacts if not text_of(contact).is_withheld]
    if keys:
        notes = current_context().notes
        notes[SHOWN_CONTACTS] = sorted({*notes.get(SHOWN_CONTACTS, []), *keys})
