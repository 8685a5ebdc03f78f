"""What the patient record shows of this app, as prepared reads: the page asks for everything in two statements.

For the patient that ``cases.selectors.access`` found, and for nobody else: the right to open the record is not asked again. What
the user may read within it is decided here like in ``selectors.contacts``: clinical-only rows and struck-out text stay
in the database for others.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.roles import Act
from cases.models import (
    Case,
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    Draft,
    OtherName,
    RelatedPerson,
    Visit,
    VisitParticipant,
)
from cases.selectors.access import Access
from cases.selectors.contacts import TIMELINE_LENGTH, TimelinePage, shown_texts, timeline_page
from cases.selectors.visits import MOST_UPCOMING, day_bounds
from core.prepared import Prepared, Read, read_together

_NAME = ("username", "first_name", "last_name")


@dataclass(frozen=True, slots=True)
class RecordParts:
    """Everything of this app on the record's page; ``others`` are the rows of reads that the page asked for besides."""

    page: TimelinePage
    upcoming: list[Visit]
    names: list[OtherName]
    related: list[RelatedPerson]
    cases: list[Case]
    drafts: list[Draft]
    others: list[list[Any]]


def record_parts(access: Access, *others: Read[Any]) -> RecordParts:
    """The newest twenty contacts and visits, visits ahead, details, cases and the user's own drafts. Two statements.

    ``others`` are prepared reads of the apps above, for the same patient and in the same statement.
    """
    patient, user = access.patient.pk, access.user
    sees_all, is_clinical = Act.STRIKE_OUT in access.acts, Act.READ_CLINICAL in access.acts
    today, _ = day_bounds(timezone.localdate())
    contacts, past, upcoming, names, related, cases, drafts, *rest = read_together(
        _contacts_read(sees_all)(patient=patient, **_whose(user, sees_all)),
        _PAST_VISITS(patient=patient, now=timezone.now()),
        _UPCOMING_VISITS(patient=patient, today=today),
        _NAMES(patient=patient),
        _RELATED(patient=patient),
        _CASES(patient=patient),
        _drafts_read(is_clinical)(patient=patient, user=user),
        *others,
    )
    _add_details(contacts, [*past, *upcoming], user, sees_all=sees_all, is_clinical=is_clinical)
    for draft in drafts:
        draft.patient = access.patient
    page = timeline_page(contacts, past, TIMELINE_LENGTH)
    return RecordParts(page, upcoming, names, related, cases, drafts, rest)


def _contacts(patient: uuid.UUID, user: int, *, sees_all: bool) -> QuerySet[Contact]:
    return (
        Contact.objects.filter(patient=patient)
        .annotate(**shown_texts(Q() if sees_all else _standing("", user)))
        .select_related("created_by", "signature", "strike_out", "review")
        .only(
            "patient_id", "created_by_id", "created_at", "happened_at", "place", "outcome", "is_planned", "purpose",
            "others_present", "is_police_authored", "police_attended", "agreed_to_police",
            *(f"created_by__{name}" for name in _NAME),
            *(f"{one}__{name}" for one in ("signature", "strike_out", "review") for name in ("patient_id", "contact_id")),
            "strike_out__created_by_id", "review__closed_at",
        )
        .order_by("-happened_at", "pk")[: TIMELINE_LENGTH + 1]
    )  # fmt: skip


@cache
def _contacts_read(sees_all: bool) -> Prepared[Contact]:
    return Prepared(
        lambda patient, user=0: _contacts(patient, user, sees_all=sees_all),
        patient=uuid.UUID,
        **({} if sees_all else {"user": int}),
    )


def _visits(condition: Q, patient: uuid.UUID) -> QuerySet[Visit]:
    return (
        Visit.objects.filter(condition, patient=patient)
        .select_related("created_by", "outcome__created_by")
        .only(
            "patient_id", "created_by_id", "planned_for", "purpose", "place",
            "outcome__patient_id", "outcome__visit_id", "outcome__kind", "outcome__note", "outcome__created_by_id",
            *(f"{doer}__{name}" for doer in ("created_by", "outcome__created_by") for name in _NAME),
        )
    )  # fmt: skip


def _past_visits(patient: uuid.UUID, now: datetime) -> QuerySet[Visit]:
    has_come = Q(planned_for__lte=now) | Q(outcome__isnull=False)
    return _visits(has_come & Q(contact__isnull=True), patient).order_by("-planned_for", "pk")[
        : TIMELINE_LENGTH + 1
    ]


def _upcoming_visits(patient: uuid.UUID, today: datetime) -> QuerySet[Visit]:
    waiting = _visits(Q(planned_for__gte=today, outcome__isnull=True), patient)
    return waiting.order_by("planned_for", "pk")[:MOST_UPCOMING]


def _cases(patient: uuid.UUID) -> QuerySet[Case]:
    people = ("clinical_mentor", "police_mentor", "closed_by")
    return (
        Case.objects.filter(patient=patient)
        .select_related("team", *people)
        .only(
            "patient_id", "team_id", "opened_on", "closed_on", "next_service", "step_down_note", "team__name",
            "clinical_mentor_id", "police_mentor_id", "closed_by_id",
            *(f"{person}__{name}" for person in people for name in _NAME),
        )
        .order_by("-closed_on", "-opened_on", "id")  # PostgreSQL puts empty dates first when descending
    )  # fmt: skip


@cache
def _drafts_read(is_clinical: bool) -> Prepared[Draft]:
    readable = Q() if is_clinical else Q(is_clinical_only=False)
    return Prepared(
        lambda patient, user: (
            Draft.objects.filter(readable, user=user, patient=patient).defer("data").order_by("-saved_at")
        ),
        patient=uuid.UUID,
        user=int,
    )


_PAST_VISITS = Prepared(_past_visits, patient=uuid.UUID, now=datetime)
_UPCOMING_VISITS = Prepared(_upcoming_visits, patient=uuid.UUID, today=datetime)
_NAMES = Prepared(
    lambda patient: OtherName.objects.filter(patient=patient).order_by("created_at", "name"),
    patient=uuid.UUID,
)
_RELATED = Prepared(lambda patient: RelatedPerson.objects.filter(patient=patient), patient=uuid.UUID)
_CASES = Prepared(_cases, patient=uuid.UUID)


def _with_names(rows: Any, *names: str) -> Any:
    kept = ("patient_id", "user_id", "is_police", *names, *(f"user__{name}" for name in _NAME))
    return rows.select_related("user").only(*kept).order_by("user__last_name", "user__first_name")


_PARTICIPANTS = Prepared(
    lambda keys: _with_names(ContactParticipant.objects.filter(contact__any_of=keys), "contact_id"), keys=list
)
_VISIT_PARTICIPANTS = Prepared(
    lambda keys: _with_names(VisitParticipant.objects.filter(visit__any_of=keys), "visit_id"), keys=list
)


@cache
def _addenda_read(sees_all: bool, is_clinical: bool) -> Prepared[ContactAddendum]:
    def build(keys: list[uuid.UUID], user: int = 0) -> QuerySet[ContactAddendum]:
        standing = Q() if sees_all else _standing("contact__", user)
        readable = Q() if is_clinical else Q(is_clinical_only=False)
        return (
            ContactAddendum.objects.filter(standing, readable, contact__any_of=keys)
            .select_related("created_by")
            .only(
                "patient_id", "contact_id", "created_at", "reason", "text", "is_clinical_only", "created_by_id",
                *(f"created_by__{name}" for name in _NAME),
            )
            .order_by("created_at", "pk")
        )  # fmt: skip

    return Prepared(build, keys=list, **({} if sees_all else {"user": int}))


@cache
def _notes_read(sees_all: bool) -> Prepared[ContactClinicalNote]:
    def build(keys: list[uuid.UUID], user: int = 0) -> QuerySet[ContactClinicalNote]:
        standing = Q() if sees_all else _standing("contact__", user)
        return ContactClinicalNote.objects.filter(standing, contact__any_of=keys)

    return Prepared(build, keys=list, **({} if sees_all else {"user": int}))


def _whose(user: int, sees_all: bool) -> dict[str, int]:
    """Who sees all of them is not asked who they are."""
    return {} if sees_all else {"user": user}


def _standing(contact: str, user: int) -> Q:
    """Not struck out, or the user's own (S15)."""
    return Q(**{f"{contact}strike_out__isnull": True}) | Q(**{f"{contact}created_by": user})


def _add_details(
    contacts: Sequence[Contact], visits: Sequence[Visit], user: int, *, sees_all: bool, is_clinical: bool
) -> None:
    """Give contacts and visits the rows that belong to them, as a prefetch would. One statement."""
    keys = [contact.pk for contact in contacts]
    whose = _whose(user, sees_all)
    reads: list[Read[Any]] = [
        _PARTICIPANTS(keys=keys),
        _VISIT_PARTICIPANTS(keys=[visit.pk for visit in visits]),
        _addenda_read(sees_all, is_clinical)(keys=keys, **whose),
    ]
    if is_clinical:
        reads.append(_notes_read(sees_all)(keys=keys, **whose))
    there, taking_part, addenda, *notes = read_together(*reads)
    _prefetched(contacts, "participants", there, "contact_id")
    _prefetched(visits, "participants", taking_part, "visit_id")
    _prefetched(contacts, "addenda", addenda, "contact_id")
    note_of = {note.contact_id: note for found in notes for note in found}
    for contact in contacts:
        if note := note_of.get(contact.pk):
            contact._state.fields_cache["clinical_note"] = note


def _prefetched(owners: Iterable[Any], name: str, rows: Iterable[Any], key: str) -> None:
    by_owner: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for row in rows:
        by_owner[getattr(row, key)].append(row)
    for owner in owners:
        # Where Django's own prefetch puts them; presenters only walk through them.
        owner._prefetched_objects_cache = {
            **getattr(owner, "_prefetched_objects_cache", {}),
            name: by_owner[owner.pk],
        }
