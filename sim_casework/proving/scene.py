"""Everybody and everything the walk meets: the demo's people, some who may no longer enter, and patients of two teams.

Made through the services, so that the rows are what the product writes; what they say is replaced by canaries.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.webauthn.internal.auth import WebAuthn
from django.utils import timezone

from accounts.clearance import CHECKS
from accounts.models import StaffCheck, Team, User
from accounts.roles import Act, Role
from accounts.services.people import add_membership, add_person
from accounts.services.registrations import add_registration
from accounts.services.second_factors import request_second_factor_reset
from accounts.services.staff_checks import record_check
from audit.context import access_context
from cases.models import Case, Contact, Patient
from cases.models.visit import Purpose
from cases.selectors.patients import open_case_for
from cases.services.cases import close_case
from cases.services.contact_reviews import close_review
from cases.services.contacts import ContactFacts, log_contact
from cases.services.drafts import keep_draft
from cases.services.patients import PatientDetails, RelatedDetails, register_patient
from cases.services.signed_contacts import add_addendum, sign_contact, strike_out_contact
from cases.services.visits import VisitPlan, plan_visit, record_visit_outcome
from core.due import Due, announce
from crisis_plans.content import Call, PlanContent, ServicePart
from crisis_plans.models import Involvement, PlanVersion, Service
from crisis_plans.services.approval import approve, return_to_author
from crisis_plans.services.drafting import save_draft, start_draft, submit
from reminders import ticks
from reminders.models import EmailMessageOut
from sim_casework.proving.aftermath import tell_aftermath
from sim_casework.stories.patients import Pair, invented_nhs_number, told_by
from sim_casework.stories.people import DEMO_PASSWORD, tell_people

# Who was somebody here once, or never, or whose vetting lapsed; nobody of them may see a record.
ENDED, LEFT, MEMBER_OF_NOTHING, LAPSED = "ended.before", "left.us", "odd.orme", "lapsed.lowe"
# Far beyond the 28 days for which a closed case may still be read.
LONG_CLOSED = dt.timedelta(days=400)


@dataclass(frozen=True)
class Scene:
    """Everybody by username, and the patients of both teams, the first of each with the fullest record.

    The case of the last northern patient closed so long ago that nobody reads it any more.
    """

    people: dict[str, User]
    northern: list[uuid.UUID]
    southern: list[uuid.UUID]


def make_scene() -> Scene:
    """Write it all, each act by whoever would do it. The services of the reminders run once, so that some are sent."""
    with access_context(route="proving.scene", is_system=True, reason="canaries"):
        people = tell_people()
        north, south = Team.objects.order_by("name")
        people |= _outsiders(north)
    lena, sia = people["lena.lund"], people["sia.sand"]
    amira = Pair(north, people["amira.adeyemi"], people["pete.parr"], lena)
    callum = Pair(north, people["callum.carrow"], people["pru.pell"], lena)
    sol = Pair(south, people["sol.sorrel"], people["saul.stone"], sia)
    scene = Scene(
        people,
        northern=[
            _tell(amira, 1),
            _tell(callum, 2, is_waiting=True),
            _tell(amira, 3, is_closed=True),
            _tell_long_closed(amira, 5),
        ],
        southern=[_tell(sol, 4)],
    )
    _second_factors(people["callum.carrow"], people["tess.thorn"], passkey_of=people[LEFT])
    _due_today(people["amira.adeyemi"], scene.northern[0])
    _stuck_mail(people["callum.carrow"])
    tell_aftermath(people, scene.northern)
    ticks.send_due()
    return scene


def _outsiders(team: Team) -> dict[str, User]:
    found = {}
    for username in (ENDED, LEFT, MEMBER_OF_NOTHING, LAPSED):
        first, last = username.title().split(".")
        found[username] = add_person(
            by=None,
            username=username,
            email=f"{username}@example.org",
            first_name=first,
            last_name=last,
            organisation=team.trust,
        )
        found[username].set_password(DEMO_PASSWORD)
        found[username].save()
    today = timezone.localdate()
    for username, role in ((ENDED, Role.CLINICAL_MENTOR), (LEFT, Role.CLINICAL_LEAD)):
        add_membership(
            by=None,
            user=found[username],
            role=role,
            team=team,
            starts_on=today - dt.timedelta(days=400),
            ends_on=today - dt.timedelta(days=1),
        )
    found[LEFT].is_active = False
    found[LEFT].left_at = timezone.now()
    found[LEFT].save()
    _let_lapse(found[LAPSED], team)
    return found


def _let_lapse(user: User, team: Team) -> None:
    """A clinical mentor of today in whom nothing is amiss but the vetting, which lapsed yesterday."""
    today = timezone.localdate()
    add_membership(by=None, user=user, role=Role.CLINICAL_MENTOR, team=team)
    add_registration(by=None, user=user, body="NMC", number="99P9001E", valid_until=today + dt.timedelta(900))
    for kind in CHECKS:
        days = -1 if kind == StaffCheck.Kind.VETTING else 900
        record_check(
            by=None,
            user=user,
            kind=kind,
            valid_until=today + dt.timedelta(days=days),
            evidence="Invented for the proof",
        )


def _tell(pair: Pair, index: int, *, is_waiting: bool = False, is_closed: bool = False) -> uuid.UUID:
    with told_by(pair.clinical):
        patient = _register(pair, index)
    if is_closed:
        _close(pair, patient)
        return patient.pk
    _contacts(pair, patient)
    with told_by(pair.clinical):
        _visits(pair, patient)
        keep_draft(by=pair.clinical, patient=patient, form="contact-log", data={"account": ["Typed"]})
    with told_by(pair.police):
        keep_draft(by=pair.police, patient=patient, form="contact-log", data={"account": ["Typed"]})
    _plan(pair, patient, is_waiting=is_waiting)
    return patient.pk


def _tell_long_closed(pair: Pair, index: int) -> uuid.UUID:
    """No service closes a case on another day than today, so its days are moved afterwards."""
    with told_by(pair.clinical):
        patient = _register(pair, index)
        _log(pair, patient, by=pair.clinical, clinical="Clinical")
    _close(pair, patient)
    with access_context(route="proving.scene", is_system=True, reason="canaries"):
        case = Case.objects.get(patient=patient)
        case.opened_on -= 2 * LONG_CLOSED
        case.closed_on = timezone.localdate() - LONG_CLOSED
        case.save()
    return patient.pk


def _register(pair: Pair, index: int) -> Patient:
    somebody = RelatedDetails("Name", "relation", "07700 900001", "Address")
    return register_patient(
        by=pair.clinical,
        team=pair.team,
        clinical_mentor=pair.clinical,
        police_mentor=pair.police,
        submission_key=uuid.uuid4(),
        details=PatientDetails(
            given_name=f"Given{index}",
            family_name=f"Family{index}",
            date_of_birth=dt.date(1980, 1, index),
            nhs_number=invented_nhs_number(index),
            former_names=("Former",),
            aliases=("Alias",),
            related=dict.fromkeys(("next of kin", "advocate", "GP"), somebody),
        ),
    )


def _log(pair: Pair, patient: Patient, *, by: User, clinical: str = "", **facts: Any) -> Contact:
    told: dict[str, Any] = {
        "happened_at": timezone.now() - dt.timedelta(days=2),
        "outcome": Contact.Outcome.MET,
        "account": "Account",
        "place": "Place",
        "others_present": "Others",
        "purpose": Purpose.PRACTICAL_SUPPORT,
        "is_planned": False,
        "participants": [by],
        "police_attended": by == pair.police,
        "clinical_text": clinical,
    } | facts
    if told["police_attended"]:
        told |= {"agreed_to_police": "yes", "offered_without_police": "yes"}
    return log_contact(by=by, patient=patient, submission_key=uuid.uuid4(), facts=ContactFacts(**told))


def _contacts(pair: Pair, patient: Patient) -> None:
    """One of each: open, signed with addenda, police's, under review, reviewed, struck out."""
    both: dict[str, Any] = {
        "participants": [pair.clinical, pair.police],
        "purpose": Purpose.THERAPEUTIC,
        "is_planned": True,
        "police_attended": True,
    }
    with told_by(pair.clinical):
        _log(pair, patient, by=pair.clinical, clinical="Clinical")
        signed = _log(pair, patient, by=pair.clinical, clinical="Clinical")
        sign_contact(by=pair.clinical, contact=signed, version=signed.version)
        for is_clinical in (True, False):
            add_addendum(
                by=pair.clinical, contact=signed, reason="Why", text="Text", is_clinical_only=is_clinical
            )
        _log(pair, patient, by=pair.clinical, **both)
        reviewed = _log(pair, patient, by=pair.clinical, **both)
        struck = _log(pair, patient, by=pair.clinical, clinical="Clinical")
        strike_out_contact(by=pair.clinical, contact=struck, reason="Somebody else's")
    with told_by(pair.police):
        police = _log(pair, patient, by=pair.police, observation="Seen", opinion="Thought")
        sign_contact(by=pair.police, contact=police, version=police.version)
    with told_by(pair.lead):
        close_review(by=pair.lead, review=reviewed.review, finding="Found")


def _visits(pair: Pair, patient: Patient) -> None:
    for days in (0, 3):
        visit = plan_visit(
            by=pair.clinical,
            patient=patient,
            plan=VisitPlan(
                planned_for=timezone.now() + dt.timedelta(days=days, minutes=10),
                purpose=Purpose.PRACTICAL_SUPPORT,
                participants=[pair.clinical, pair.police],
                place="Place",
            ),
        )
    record_visit_outcome(by=pair.clinical, visit=visit, kind="cancelled", note="Note")


def _plan(pair: Pair, patient: Patient, *, is_waiting: bool) -> None:
    """Approved, with a returned draft of the next; or the next one waiting."""
    approved = _submitted(pair, patient)
    with told_by(pair.lead):
        approve(by=pair.lead, version=approved, revision=approved.revision)
    following = _submitted(pair, patient)
    if not is_waiting:
        with told_by(pair.lead):
            return_to_author(by=pair.lead, version=following, revision=following.revision, comment="More")


def _submitted(pair: Pair, patient: Patient) -> PlanVersion:
    content = PlanContent(
        about_me="About",
        crisis_signs="Signs",
        what_helps="Helps",
        is_own_words=True,
        what_makes_it_worse="Worse",
        actions=("Action", "Another"),
        calls=(Call("Who", "07700 900002", "When"),),
        service_parts=(
            ServicePart(Service.AMBULANCE, "Agreed"),
            ServicePart(Service.OTHER, "Agreed", "A house"),
        ),
        involvement=Involvement.COULD_NOT,
        involvement_reason="Reason",
        involvement_retry_on=timezone.localdate() + dt.timedelta(days=20),
        disagreement="Disagreement",
        review_on=timezone.localdate() + dt.timedelta(days=60),
    )
    with told_by(pair.clinical):
        version = start_draft(by=pair.clinical, patient=patient)
        version = save_draft(by=pair.clinical, version=version, revision=version.revision, content=content)
        submit(by=pair.clinical, version=version, revision=version.revision)
    return version


def _close(pair: Pair, patient: Patient) -> None:
    with told_by(pair.lead):
        case = open_case_for(pair.lead, patient, Act.CHANGE_CASE)
        assert case is not None
        close_case(
            by=pair.lead, case=case, version=case.version, next_service="Next", step_down_note="Step down"
        )


def _second_factors(user: User, administrator: User, *, passkey_of: User) -> None:
    """Recovery codes, and a lost second factor to be confirmed. The passkey is no real one: its owner must not come."""
    with access_context(route="proving.scene", is_system=True):
        RecoveryCodes.activate(user)
        WebAuthn.add(passkey_of, "Work phone", {})
    with access_context(route="proving.scene", actor=administrator):
        request_second_factor_reset(by=administrator, user=user)


def _due_today(user: User, patient: uuid.UUID) -> None:
    with access_context(route="proving.scene", is_system=True):
        announce(
            Due(
                kind="proving",
                subject=f"proving:{patient}",
                at=timezone.now() - dt.timedelta(minutes=1),
                recipients=[user],
                text="Something is due",
                link="/",
                patient_id=patient,
                is_ticked_off=True,
            )
        )


def _stuck_mail(user: User) -> None:
    now = timezone.now()
    with access_context(route="proving.scene", is_system=True):
        EmailMessageOut.objects.create(
            recipient=user, reminder_count=1, stuck_at=now, problem="unknown", marked_at=now
        )
