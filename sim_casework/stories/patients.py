"""The demo's patients: four told at length, and enough others to fill a caseload."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import nhs_number
from django.utils import timezone

from accounts.models import Team, User
from audit.context import access_context
from cases.models import Contact, Patient
from cases.models.visit import Purpose
from cases.services.contacts import ContactFacts, log_contact
from cases.services.drafts import keep_draft
from cases.services.patients import PatientDetails, RelatedDetails, register_patient
from cases.services.signed_contacts import sign_contact
from cases.services.visits import VisitPlan, plan_visit
from crisis_plans.content import Call, PlanContent, ServicePart
from crisis_plans.models import Involvement, PlanVersion, Service
from crisis_plans.services.approval import approve
from crisis_plans.services.drafting import save_draft, start_draft, submit

REVIEW_STORY = ("Nora", "Quill")


@dataclass(frozen=True)
class Pair:
    """A clinical and a police mentor of one team, with their lead."""

    team: Team
    clinical: User
    police: User
    lead: User


@contextmanager
def told_by(user: User) -> Iterator[None]:
    """One scene: what this person does is done by them, on the trail as well."""
    with access_context(route="demo.story", actor=user, purpose="direct care", reason="demo story"):
        yield


def days_ago(days: int, hour: int, minute: int = 0) -> dt.datetime:
    """That time of day in London, so many days ago; never later than now."""
    day = timezone.localdate() - dt.timedelta(days=days)
    moment = timezone.make_aware(dt.datetime.combine(day, dt.time(hour, minute)))
    return min(moment, timezone.now() - dt.timedelta(minutes=3))


def invented_nhs_number(index: int) -> str:
    """The ``index``-th valid number of the 999 range, which is issued to nobody."""
    for digit in range(10):
        number = f"999{index:06d}{digit}"
        if nhs_number.is_valid(number):
            return number
    return invented_nhs_number(index + 500_000)  # a remainder of ten has no check digit


def tell_north(pairs: list[Pair]) -> tuple[Patient, Patient]:
    """Northmoor's stories: more people than one page of the caseload holds. Returns Nora and Omar."""
    amira = pairs[0]
    nora, omar = _tell_nora(amira), _tell_omar(amira)
    _tell_wren(pairs[1])
    for index, (given, family) in enumerate(_OTHERS):
        _tell_other(pairs[index % len(pairs)], index, given, family)
    return nora, omar


def tell_south(pairs: list[Pair]) -> None:
    """Southbay's people, whom nobody in Northmoor can see."""
    for index, (given, family) in enumerate(_SOUTHERNERS):
        _tell_other(pairs[index % len(pairs)], 100 + index, given, family)


def _tell_nora(pair: Pair) -> Patient:
    with told_by(pair.clinical):
        nora = _register(
            pair,
            PatientDetails(
                given_name="Nora",
                family_name="Quill",
                preferred_name="Norrie",
                date_of_birth=dt.date(1991, 5, 17),
                pronouns="she/her",
                nhs_number=invented_nhs_number(1),
                phone="07700 900101",
                contact_preferences="Text before you ring. Not before ten in the morning.",
                address="14 Larch Court, Northmoor",
                postcode="NM1 4ZZ",
                access_needs="Hearing aid in the left ear: sit on her right.",
                former_names=("Nora Finch",),
                aliases=("Norrie Q",),
                related={
                    "next of kin": RelatedDetails("Edie Quill", "sister", "07700 900102"),
                    "advocate": RelatedDetails("Jo Wick", "advocacy service", "01632 960131"),
                    "GP": RelatedDetails("Dr Hale", "Larch Surgery", "01632 960132"),
                },
            ),
        )
        _log(
            pair,
            nora,
            days_ago(9, 11, 20),
            account="Met at the café by the library. Norrie said that the nights before a benefits appointment are "
            "the hardest. We walked the route to the appointment together.",
            clinical="Sleep three to four hours. Raised with her GP whether the evening dose could come earlier.",
            purpose=Purpose.PRACTICAL_SUPPORT,
        )
        plan_visit(
            by=pair.clinical,
            patient=nora,
            plan=VisitPlan(
                planned_for=_today_at(15),
                purpose=Purpose.PRACTICAL_SUPPORT,
                participants=[pair.clinical, pair.police],
                place="Larch Court community room",
            ),
        )
        plan_visit(
            by=pair.clinical,
            patient=nora,
            plan=VisitPlan(
                planned_for=_today_at(11) + dt.timedelta(days=2),
                purpose=Purpose.THERAPEUTIC,
                participants=[pair.clinical],
                place="Northmoor clinic, room 3",
            ),
        )
    with told_by(pair.police):
        _log(
            pair,
            nora,
            days_ago(4, 16, 5),
            by=pair.police,
            account="Phoned after a night-time 999 call. Norrie answered and talked for ten minutes.",
            observation="She sounded tired and calm.",
            opinion="The letter from the benefits office seems to have set it off.",
            outcome=Contact.Outcome.PHONE,
            purpose=Purpose.SAFETY,
            agreed="yes",
            offered="yes",
        )
    version = _write_plan(pair.clinical, nora, _NORAS_PLAN, review_in_days=0)
    _approve(pair.lead, version)
    return nora


def _tell_omar(pair: Pair) -> Patient:
    with told_by(pair.clinical):
        omar = _register(
            pair,
            PatientDetails(
                given_name="Omar",
                family_name="Vance",
                date_of_birth=dt.date(1978, 11, 2),
                pronouns="he/him",
                nhs_number=invented_nhs_number(2),
                phone="07700 900103",
                interpreter_needs="Arabic interpreter for anything about medicines.",
                related={"next of kin": RelatedDetails("Lina Vance", "wife", "07700 900104")},
            ),
        )
        _log(
            pair,
            omar,
            days_ago(34, 10),
            account="Omar showed us the allotment. He wants a crisis plan that his wife can read too.",
            purpose=Purpose.PLAN,
        )
    # Waits for the lead's decision.
    _write_plan(pair.clinical, omar, _OMARS_PLAN, review_in_days=120)
    return omar


def _tell_wren(pair: Pair) -> None:
    with told_by(pair.clinical):
        wren = _register(
            pair,
            PatientDetails(
                given_name="Wren",
                family_name="Abbot",
                date_of_birth=dt.date(2001, 1, 23),
                pronouns="they/them",
                nhs_number=invented_nhs_number(3),
                phone="07700 900105",
            ),
        )
        # Police took part in planned therapeutic work: recorded as it was, and reviewed (S11).
        log_contact(
            by=pair.clinical,
            patient=wren,
            submission_key=uuid.uuid4(),
            facts=ContactFacts(
                happened_at=days_ago(2, 14),
                outcome=Contact.Outcome.MET,
                account="Distress-tolerance session at the clinic. The officer came in for the last half hour because "
                "the next appointment had been moved.",
                participants=[pair.clinical, pair.police],
                police_attended=True,
                agreed_to_police="no",
                offered_without_police="no",
                purpose=Purpose.THERAPEUTIC,
                is_planned=True,
            ),
        )
        keep_draft(
            by=pair.clinical,
            patient=wren,
            form="contact",
            data={"account": ["Wren rang from the bus stop. They said the session on"]},
        )


def _tell_other(pair: Pair, index: int, given: str, family: str) -> None:
    with told_by(pair.clinical):
        patient = _register(
            pair,
            PatientDetails(
                given_name=given,
                family_name=family,
                date_of_birth=dt.date(1960 + (index * 7) % 45, 1 + index % 12, 1 + (index * 5) % 28),
                nhs_number=invented_nhs_number(10 + index),
                phone=f"07700 900{200 + index:03d}",
            ),
        )
        for step in range(1 if index % 4 else 2):
            _log(
                pair,
                patient,
                days_ago(3 + (index * 5) % 40 + 14 * step, 9 + index % 8, 10 * (step % 6)),
                account=_ACCOUNTS[(index + step) % len(_ACCOUNTS)].format(name=given),
                purpose=Purpose.PRACTICAL_SUPPORT,
            )
    if index % 6 == 0:
        content = PlanContent(
            about_me=f"{given} likes to be asked, not told.",
            crisis_signs="Days without sleep; not answering messages.",
            what_helps="Sitting with me and talking about something ordinary until it passes.",
            is_own_words=True,
            what_makes_it_worse="Being asked the same questions by several people.",
            actions=("Ring the crisis line together", "Offer a walk or a hot drink"),
            calls=(Call("Team", pair.team.phone, "day and night"),),
            service_parts=(ServicePart(Service.AMBULANCE, "Read this plan, then ask what is needed today."),),
            involvement=Involvement.TOOK_PART,
        )
        _approve(
            pair.lead, _write_plan(pair.clinical, patient, content, review_in_days=30 + (index * 3) % 120)
        )


def _register(pair: Pair, details: PatientDetails) -> Patient:
    return register_patient(
        by=pair.clinical,
        team=pair.team,
        clinical_mentor=pair.clinical,
        police_mentor=pair.police,
        details=details,
        submission_key=uuid.uuid4(),
    )


def _log(
    pair: Pair,
    patient: Patient,
    happened_at: dt.datetime,
    *,
    account: str,
    purpose: Purpose,
    by: User | None = None,
    clinical: str = "",
    agreed: str = "",
    offered: str = "",
    outcome: Contact.Outcome = Contact.Outcome.MET,
    **facts: Any,
) -> Contact:
    author = by or pair.clinical
    contact = log_contact(
        by=author,
        patient=patient,
        submission_key=uuid.uuid4(),
        facts=ContactFacts(
            happened_at=happened_at,
            outcome=outcome,
            account=account,
            participants=[author],
            police_attended=author == pair.police,
            agreed_to_police=agreed,
            offered_without_police=offered,
            purpose=purpose,
            is_planned=False,
            clinical_text=clinical,
            **facts,
        ),
    )
    sign_contact(by=author, contact=contact, version=contact.version)
    return contact


def _write_plan(by: User, patient: Patient, content: PlanContent, *, review_in_days: int) -> PlanVersion:
    """Draft and submit in one scene; the version as it waits for approval."""
    with told_by(by):
        version = start_draft(by=by, patient=patient)
        review_on = timezone.localdate() + dt.timedelta(days=review_in_days)
        version = save_draft(
            by=by,
            version=version,
            revision=version.revision,
            content=_with_review(content, review_on),
        )
        submit(by=by, version=version, revision=version.revision)
    return version


def _with_review(content: PlanContent, review_on: dt.date) -> PlanContent:
    return replace(content, review_on=review_on)


def _approve(lead: User, version: PlanVersion) -> None:
    with told_by(lead):
        approve(by=lead, version=version, revision=version.revision)


def _today_at(hour: int) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(timezone.localdate(), dt.time(hour)))


_NORAS_PLAN = PlanContent(
    about_me="I am Norrie. I paint, and I look after my sister's dog on Sundays.",
    crisis_signs="I stop answering texts and walk at night. It often starts with a letter I do not understand.",
    what_helps="Say my name and tell me who you are. Sit on my right side. Ask about the dog. Give me time: I come "
    "back by myself if nobody rushes me.",
    is_own_words=True,
    what_makes_it_worse="Sirens and several people talking at once. Being asked whether I have taken my tablets "
    "before anybody has said hello.",
    actions=(
        "Offer to ring Edie, my sister, and let me speak to her",
        "Move somewhere quiet, away from blue lights",
        "Help me open and read the letter that started it",
    ),
    calls=(
        Call("Northmoor joint support team", "01632 960110", "day and night"),
        Call("Edie Quill (sister)", "07700 900102", "any time"),
        Call("Moor and Bay Crisis Line", "01632 960140", "day and night"),
    ),
    service_parts=(
        ServicePart(
            Service.CONTROL_ROOM, "Tell whoever is sent that a plan exists. Ask Norrie what she needs now."
        ),
        ServicePart(Service.AMBULANCE, "Assess as for anybody. Lights off on arrival where that is safe."),
        ServicePart(
            Service.EMERGENCY_DEPARTMENT,
            "Quiet room if there is one; the liaison nurse reads this plan first.",
        ),
        ServicePart(Service.CRISIS_LINE, "Stay on the line. Ask about the dog, Biscuit."),
    ),
    involvement=Involvement.TOOK_PART,
    disagreement="I would rather the police did not come at all unless somebody is in danger.",
)
_OMARS_PLAN = PlanContent(
    about_me="Omar grows vegetables and is proud of his beans.",
    crisis_signs="He stays at the allotment after dark and does not answer his wife.",
    what_helps="Speak to me slowly. Let Lina be there. Do not stand over me.",
    is_own_words=True,
    what_makes_it_worse="Raised voices; papers to sign while I am upset.",
    actions=("Ring Lina first", "Use the Arabic interpreting line", "Offer a lift home"),
    calls=(
        Call("Northmoor joint support team", "01632 960110", "day and night"),
        Call("Lina Vance (wife)", "07700 900104", "any time"),
    ),
    service_parts=(
        ServicePart(Service.AMBULANCE, "Book the interpreter before asking about medicines."),
        ServicePart(Service.POLICE, "One officer speaks; others keep a distance where that is safe."),
    ),
    involvement=Involvement.TOOK_PART,
)
_ACCOUNTS = [
    "{name} and I went through the post and sorted out the gas bill.",
    "Short visit at home. {name} had slept better and wants to go back to the choir.",
    "Phoned as agreed. {name} had a difficult weekend, used the crisis line, and found it useful.",
    "Walked to the pharmacy together. {name} talked about looking for volunteering.",
]
_OTHERS = [
    ("Ada", "Birch"),
    ("Ben", "Coll"),
    ("Cleo", "Dunn"),
    ("Dara", "Eames"),
    ("Eli", "Frost"),
    ("Fay", "Gale"),
    ("Gwen", "Holt"),
    ("Hari", "Iyer"),
    ("Isla", "Jarrow"),
    ("Jai", "Kerr"),
    ("Kit", "Loam"),
    ("Lola", "Mead"),
    ("Milo", "Nash"),
    ("Nia", "Orchard"),
    ("Otis", "Penn"),
    ("Pia", "Quarry"),
    ("Quin", "Rowe"),
    ("Remy", "Slate"),
    ("Suki", "Tarn"),
    ("Tao", "Umber"),
    ("Una", "Vale"),
    ("Vik", "Weir"),
    ("Willa", "Yarrow"),
    ("Xan", "Zell"),
    ("Yana", "Ash"),
    ("Zeke", "Brook"),
]
_SOUTHERNERS = [("Sam", "Teal"), ("Tilda", "Sloe"), ("Arlo", "Marsh"), ("Bea", "Cove"), ("Cy", "Drift")]
