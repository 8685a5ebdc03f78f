"""Registering and editing patients, without ever telling anybody that somebody else's patient exists (S27)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any

import psycopg
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team, User
from accounts.roles import Act
from accounts.selectors import members_who_may, teams_in_which
from audit.context import DUPLICATE_CHECK, current_context
from cases.look_ups import SamePerson, records_of_same_person, references_of, team_of
from cases.models import OtherName, Patient, RelatedPerson
from cases.nhs_numbers import usable_nhs_number
from cases.permissions import can, is_under_break_glass_alone, visible_patients
from cases.services.authorship import authorship, require
from cases.services.cases import open_case
from core import due
from core.access_guard import recorded_query
from core.errors import DomainError, NotAllowed, NotVisible, VersionClash

# Said after every registration, match or no match: the words must not depend on it.
REGISTERED = (
    "Registered. If another team already supports this person, its clinical lead is told and decides whether "
    "to get in touch."
)
POSSIBLE_DUPLICATE = "possible-duplicate"
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class RelatedDetails:
    name: str
    relation: str = ""
    phone: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class PatientDetails:
    """Who somebody is and how to reach them, as typed."""

    given_name: str
    family_name: str
    date_of_birth: date
    preferred_name: str = ""
    pronouns: str = ""
    nhs_number: str = ""
    phone: str = ""
    contact_preferences: str = ""
    address: str = ""
    postcode: str = ""
    interpreter_needs: str = ""
    access_needs: str = ""
    former_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    related: Mapping[str, RelatedDetails] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """What goes into the patient's own row."""
        apart = {"former_names", "aliases", "related"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}


def register_patient(
    *,
    by: User,
    team: Team,
    clinical_mentor: User,
    police_mentor: User,
    details: PatientDetails,
    submission_key: uuid.UUID | None = None,
    is_somebody_else: bool = False,
) -> Patient:
    """Register somebody and open their case; a second send of the same form returns the first registration.

    Matches among people the user may not know go to the clinical leads of the teams concerned, and onto the trail;
    the user learns nothing of them (S27). ``is_somebody_else`` says that the user has looked at a visible person of
    the same name and date of birth.

    Raises: NotAllowed outside of the user's teams; DomainError for an unusable NHS number, for one that a visible
    patient of the team has, for a visible namesake born the same day, for a form that has registered somebody else, and
    for mentors without the role.
    """
    if team not in teams_in_which(by, Act.REGISTER_PATIENT):
        raise NotAllowed("You may not register patients in this team.")
    checked = _with_checked_number(details)
    for _ in range(_ATTEMPTS):
        if submission_key and (earlier := _sent_before(by, submission_key, checked)):
            return earlier
        try:
            _refuse_visible_match(by, team, checked, is_somebody_else=is_somebody_else)
        except DomainError:
            # The first send may have been committed since it was looked for: then this match is its own.
            if submission_key and (earlier := _sent_before(by, submission_key, checked)):
                return earlier
            raise
        hidden = _hidden_matches(by, checked, apart_from=None)
        try:
            with transaction.atomic():
                patient = Patient.objects.create(
                    team=team,
                    submission_key=submission_key,
                    is_nhs_number_in_question=_is_in_question(hidden, team),
                    **checked.columns(),
                    **authorship(by),
                )
        except IntegrityError as error:
            _raise_unless_lost_race(error)
            continue  # somebody was faster: look again at what they wrote
        with transaction.atomic():
            _write_names_and_people(by, patient, checked)
            open_case(
                by=by,
                patient=patient,
                team=team,
                clinical_mentor=clinical_mentor,
                police_mentor=police_mentor,
            )
            _tell_leads(patient, team, hidden)
        return patient
    raise DomainError("Somebody is registering the same person at this moment. Try again in a minute.")


def edit_patient(*, by: User, patient: Patient, version: int, details: PatientDetails) -> Patient:
    """Change who somebody is and how to reach them. The trail says which fields changed, not their text.

    Raises: NotVisible, NotAllowed; VersionClash when somebody saved since ``version``; DomainError as for a
    registration.
    """
    require(by, Act.EDIT_PATIENT, patient)
    checked = _with_checked_number(details)
    for _ in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _edit(by, patient.pk, version, checked)
        except IntegrityError as error:
            _raise_unless_lost_race(error)
    raise DomainError("Somebody is saving the same NHS number at this moment. Try again in a minute.")


def settle_duplicate(*, by: User, patient: uuid.UUID, registered: uuid.UUID, decision: str) -> None:
    """A clinical lead of the patient's team has decided what to do about a possible duplicate.

    Raises: NotVisible for anybody who does not lead that team.
    """
    require_lead_of_team(by=by, patient=patient)
    with transaction.atomic():
        current_context().reason = decision
        due.settle(kind=POSSIBLE_DUPLICATE, subject=_subject(patient, registered))


def require_lead_of_team(*, by: User, patient: uuid.UUID) -> str:
    """The patient's reference, for a lead of the patient's team, whether the case is still open or not.

    Raises: NotVisible for anybody else.
    """
    context = current_context()
    context.concerns(patient, relationship=DUPLICATE_CHECK)
    teams = teams_in_which(by, Act.CHANGE_CASE)
    if team_of(patient) not in {team.pk for team in teams}:
        raise NotVisible("No such patient.")
    return references_of([patient])[patient]


def _edit(by: User, key: uuid.UUID, version: int, details: PatientDetails) -> Patient:
    patient = Patient.objects.select_for_update(of=("self",)).select_related("team").get(pk=key)
    if patient.version != version:
        raise VersionClash("Somebody else has saved this record since you opened it.")
    hidden: list[SamePerson] = []
    if details.nhs_number != patient.nhs_number:
        _refuse_visible_number(by, patient.team, details.nhs_number, apart_from=key)
        hidden = _hidden_matches(by, details, apart_from=key)
        patient.is_nhs_number_in_question = _is_in_question(hidden, patient.team)
    for name, value in details.columns().items():
        setattr(patient, name, value)
    patient.version += 1
    patient.save()
    _write_names_and_people(by, patient, details)
    _tell_leads(patient, patient.team, hidden)
    return patient


def _with_checked_number(details: PatientDetails) -> PatientDetails:
    return replace(details, nhs_number=usable_nhs_number(details.nhs_number))


def _sent_before(by: User, submission_key: uuid.UUID, details: PatientDetails) -> Patient | None:
    mine = visible_patients(by).filter(created_by=by, submission_key=submission_key)
    earlier: Patient | None = mine.first()
    if earlier is not None and not mine.filter(_same_person(details)).exists():
        raise DomainError("This page has registered somebody else already. Open a new registration.")
    return earlier


def _refuse_visible_match(by: User, team: Team, details: PatientDetails, *, is_somebody_else: bool) -> None:
    _refuse_visible_number(by, team, details.nhs_number, apart_from=None)
    if not is_somebody_else and visible_patients(by).filter(_same_person(details), team=team).exists():
        raise DomainError(
            "Your team already supports somebody of this name and date of birth. Open that record first.",
            field="family_name",
        )


def _refuse_visible_number(by: User, team: Team, number: str, *, apart_from: uuid.UUID | None) -> None:
    same = visible_patients(by).filter(team=team, nhs_number=number)
    if apart_from:
        same = same.exclude(pk=apart_from)
    if number and same.exists():
        raise DomainError("Your team already has a record with this NHS number.", field="nhs_number")


def _same_person(details: PatientDetails) -> Q:
    return Q(
        given_name__iexact=details.given_name,
        family_name__iexact=details.family_name,
        date_of_birth=details.date_of_birth,
    )


def _hidden_matches(by: User, details: PatientDetails, *, apart_from: uuid.UUID | None) -> list[SamePerson]:
    """Patients whom the user may not know and who may be the same person. Nothing of it may reach a page.

    Whom break-glass alone shows is not the user's to know of: their leads are told.
    """
    matches = records_of_same_person(
        given_name=details.given_name,
        family_name=details.family_name,
        born=details.date_of_birth,
        nhs_number=details.nhs_number,
    )
    with recorded_query(DUPLICATE_CHECK):
        visible = set(
            visible_patients(by).filter(pk__in=[m.patient for m in matches]).values_list("pk", flat=True)
        )
    known = {key for key in visible if not is_under_break_glass_alone(by, key)}
    return [match for match in matches if match.patient not in known and match.patient != apart_from]


def _is_in_question(hidden: list[SamePerson], team: Team) -> bool:
    return any(match.has_same_number and match.team == team.pk for match in hidden)


def _raise_unless_lost_race(error: IntegrityError) -> None:
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    if name not in {
        "patient_nhs_number_once_per_team",
        "patient_submitted_once",
        "cases_patient_reference_key",
    }:
        raise error


def _write_names_and_people(by: User, patient: Patient, details: PatientDetails) -> None:
    """Bring the rows to what was typed; rows that stay the same are left alone, so the trail shows real changes."""
    wanted = {(OtherName.Kind.FORMER.value, name) for name in details.former_names}
    wanted |= {(OtherName.Kind.ALIAS.value, name) for name in details.aliases}
    for row in OtherName.objects.filter(patient=patient):
        if (row.kind, row.name) in wanted:
            wanted.discard((row.kind, row.name))
        else:
            row.delete()
    for kind, name in sorted(wanted):
        OtherName.objects.create(patient=patient, kind=kind, name=name, **authorship(by))
    _write_people(by, patient, details.related)


def _write_people(by: User, patient: Patient, wanted: Mapping[str, RelatedDetails]) -> None:
    known = {person.kind: person for person in RelatedPerson.objects.filter(patient=patient)}
    for kind, person in known.items():
        if kind not in wanted:
            person.delete()
    for kind, details in wanted.items():
        columns = {f.name: getattr(details, f.name) for f in fields(details)}
        if kind not in known:
            RelatedPerson.objects.create(patient=patient, kind=kind, **columns, **authorship(by))
        elif any(getattr(known[kind], name) != value for name, value in columns.items()):
            for name, value in columns.items():
                setattr(known[kind], name, value)
            known[kind].save()


def _tell_leads(registered: Patient, team: Team, matches: list[SamePerson]) -> None:
    context = current_context()
    teams = {found.pk: found for found in Team.objects.filter(pk__in={match.team for match in matches})}
    references = references_of([match.patient for match in matches])
    for match in matches:
        context.concerns(match.patient, relationship=DUPLICATE_CHECK)
        leads = list(members_who_may(teams[match.team], Act.CHANGE_CASE))
        # After the case has closed for good not even the leads see the record; as the team's business the task reaches
        # them all the same.
        leads_see_it = any(can(lead, Act.OPEN_RECORD, match.patient) for lead in leads)
        due.announce(
            due.Due(
                kind=POSSIBLE_DUPLICATE,
                subject=_subject(match.patient, registered.pk),
                at=timezone.now(),
                recipients=leads,
                text=_words(references[match.patient], team, match),
                link=reverse("cases:duplicate", args=[match.patient, registered.pk]),
                patient_id=match.patient if leads_see_it else None,
                team=match.team,
                act=Act.CHANGE_CASE,
            )
        )


def _words(reference: str, team: Team, match: SamePerson) -> str:
    what = "NHS number" if match.has_same_number else "name and date of birth"
    return f"{reference}: {team} ({team.phone}) has recorded somebody with the same {what}"


def _subject(patient: uuid.UUID, registered: uuid.UUID) -> str:
    return f"cases.patient:{patient.hex}:{registered.hex}"
