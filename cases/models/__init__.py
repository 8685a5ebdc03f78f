"""Patients, the periods in which a team supports them, and what happened in those periods."""

from cases.models.break_glass import BreakGlass, BreakGlassAttempt, BreakGlassReview
from cases.models.case import Case
from cases.models.contact import (
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    ContactReview,
    ContactSignature,
    ContactStrikeOut,
)
from cases.models.draft import Draft
from cases.models.grant import PatientGroupObjectPermission, PatientUserObjectPermission
from cases.models.item import PatientItem
from cases.models.patient import OtherName, Patient, RelatedPerson
from cases.models.visit import Visit, VisitOutcome, VisitParticipant

__all__ = [
    "BreakGlass",
    "BreakGlassAttempt",
    "BreakGlassReview",
    "Case",
    "Contact",
    "ContactAddendum",
    "ContactClinicalNote",
    "ContactParticipant",
    "ContactReview",
    "ContactSignature",
    "ContactStrikeOut",
    "Draft",
    "OtherName",
    "Patient",
    "PatientGroupObjectPermission",
    "PatientItem",
    "PatientUserObjectPermission",
    "RelatedPerson",
    "Visit",
    "VisitOutcome",
    "VisitParticipant",
]
