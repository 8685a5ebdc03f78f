"""The one table of who may do what. A right also needs a current relationship: see cases.permissions."""

from enum import StrEnum

from django.db import models

from audit.providers import READING_THE_TRAIL


class Role(models.TextChoices):
    CLINICAL_MENTOR = "clinical mentor", "Clinical mentor"
    POLICE_MENTOR = "police mentor", "Police mentor"
    CLINICAL_LEAD = "clinical lead", "Clinical lead"
    DEPUTY_LEAD = "deputy clinical lead", "Deputy clinical lead"
    TEAM_ADMINISTRATOR = "team administrator", "Team administrator"
    IG_OFFICER = "IG officer", "Information governance officer"
    RESPONDER = "responder", "Responder"
    ADMINISTRATOR = "administrator", "Organisation administrator"


# Roles held in a team; the others are held for an organisation as a whole.
TEAM_ROLES = frozenset(
    {
        Role.CLINICAL_MENTOR,
        Role.POLICE_MENTOR,
        Role.CLINICAL_LEAD,
        Role.DEPUTY_LEAD,
        Role.TEAM_ADMINISTRATOR,
    }
)
CLINICAL_ROLES = frozenset({Role.CLINICAL_MENTOR, Role.CLINICAL_LEAD, Role.DEPUTY_LEAD})


class Act(StrEnum):
    """What somebody may do. Acts on a patient are asked with cases.permissions.can."""

    OPEN_RECORD = "open the record"
    READ_CLINICAL = "read clinical-only text"
    WRITE_CLINICAL = "write clinical-only text"
    REGISTER_PATIENT = "register a patient"
    EDIT_PATIENT = "edit patient details"
    PLAN_VISIT = "plan a visit"
    LOG_CONTACT = "log a contact"
    STRIKE_OUT = "strike out a contact written into the wrong record"
    REVIEW_CONTACT = "review police presence at a therapeutic contact"
    CHANGE_CASE = "open, hand over or close a case"
    DRAFT_PLAN = "draft a crisis response plan"
    APPROVE_PLAN = "approve a crisis response plan"
    READ_TRAIL = READING_THE_TRAIL
    EXPORT_TRAIL = "export the trail"
    MANAGE_PEOPLE = "manage people and teams"
    BREAK_GLASS = "open a record by break-glass"
    REVIEW_BREAK_GLASS = "review an opening by break-glass"
    READ_RELEASED_PLAN = "read a released plan"


# While a closed case may still be read, only these remain; break-glass opens no others (S31).
READING_ACTS = frozenset({Act.OPEN_RECORD, Act.READ_CLINICAL})

_JOINT_WORK = frozenset(
    {
        Act.OPEN_RECORD,
        Act.REGISTER_PATIENT,
        Act.EDIT_PATIENT,
        Act.PLAN_VISIT,
        Act.LOG_CONTACT,
        Act.DRAFT_PLAN,
    }
)
_CLINICAL = frozenset({Act.READ_CLINICAL, Act.WRITE_CLINICAL, Act.BREAK_GLASS})
_LEADING = frozenset(
    {Act.STRIKE_OUT, Act.REVIEW_CONTACT, Act.CHANGE_CASE, Act.APPROVE_PLAN, Act.REVIEW_BREAK_GLASS}
)

ACTS_OF_ROLE: dict[str, frozenset[Act]] = {
    Role.CLINICAL_MENTOR: _JOINT_WORK | _CLINICAL,
    Role.POLICE_MENTOR: _JOINT_WORK,
    Role.CLINICAL_LEAD: _JOINT_WORK | _CLINICAL | _LEADING,
    Role.DEPUTY_LEAD: _JOINT_WORK | _CLINICAL | _LEADING,
    Role.TEAM_ADMINISTRATOR: frozenset({Act.MANAGE_PEOPLE}),
    Role.ADMINISTRATOR: frozenset({Act.MANAGE_PEOPLE}),
    Role.IG_OFFICER: frozenset({Act.READ_TRAIL, Act.EXPORT_TRAIL, Act.REVIEW_BREAK_GLASS}),
    Role.RESPONDER: frozenset({Act.READ_RELEASED_PLAN}),
}


def roles_that_may(act: Act) -> list[str]:
    """The roles that carry an act, in a stable order for queries."""
    return sorted(role for role, acts in ACTS_OF_ROLE.items() if act in acts)
