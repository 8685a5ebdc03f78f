"""Plans for tests: a complete invented text, and versions brought as far as a test needs them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from cases.models import Patient
from cases.services.authorship import authorship
from crisis_plans.content import Call, PlanContent, ServicePart
from crisis_plans.models import PlanSignOff, PlanVersion
from crisis_plans.selectors import version_of
from crisis_plans.services import approve, save_draft, start_draft, submit
from tests.people import Cast


def full_content(**changes: Any) -> PlanContent:
    """Everything S01 asks for and more; ``changes`` replace parts of it."""
    return PlanContent(
        **{
            "about_me": "I paint and I look after two rabbits.",
            "crisis_signs": "I stop answering my phone.\nAnniversaries are hard.",
            "what_helps": "Speak slowly.\nLet me smoke outside.",
            "is_own_words": True,
            "what_makes_it_worse": "Being surrounded.\nBeing told to calm down.",
            "actions": ("Sit with me", "Offer tea"),
            "calls": (Call("Jo, my sister", "07700 900123", "Any time"), Call("Crisis line", "01632 960999")),
            "service_parts": (
                ServicePart("ambulance", "Ring the team on the way."),
                ServicePart("other", "Keeps a bed for one night.", "Moor House"),
            ),
            "involvement": "took part",
            "review_on": timezone.localdate() + dt.timedelta(days=60),
        }
        | changes
    )


def drafted(cast: Cast, by: str = "amira", patient: Patient | None = None, **changes: Any) -> PlanVersion:
    """A saved draft, written by that person alone. Call inside an access context, like the others here."""
    version = start_draft(by=cast[by], patient=patient or cast.nora)
    return save_draft(
        by=cast[by], version=version, revision=version.revision, content=full_content(**changes)
    )


def submitted(cast: Cast, by: str = "amira", patient: Patient | None = None, **changes: Any) -> PlanVersion:
    version = drafted(cast, by, patient, **changes)
    submit(by=cast[by], version=version, revision=version.revision)
    return fresh(cast, version, by)


def approved(
    cast: Cast, by: str = "amira", approver: str = "lena", patient: Patient | None = None, **changes: Any
) -> PlanVersion:
    version = submitted(cast, by, patient, **changes)
    approve(by=cast[approver], version=version, revision=version.revision)
    return fresh(cast, version, by)


def fresh(cast: Cast, version: PlanVersion, reader: str = "amira") -> PlanVersion:
    """The version as the database has it now, with all parts."""
    found = version_of(cast[reader], version.patient_id, version.number)
    assert found is not None
    return found


def submit_past_the_service(cast: Cast, version: PlanVersion) -> PlanVersion:
    """The service refuses to submit an incomplete text; only so can the approval itself be put to the test."""
    PlanSignOff.objects.create(
        version=version,
        patient_id=version.patient_id,
        sequence=1,
        kind="submitted",
        revision=version.revision,
        signer_name="Amira Adeyemi",
        **authorship(cast["amira"]),
    )
    return fresh(cast, version)


def approve_past_the_service(cast: Cast, version: PlanVersion, by: str = "lena", **changes: Any) -> None:
    PlanSignOff.objects.create(
        **{
            "version": version,
            "patient_id": version.patient_id,
            "sequence": 2,
            "kind": "approved",
            "revision": version.revision,
            "signer_name": "Lena Lund",
            "registration_body": "NMC",
            "registration_number": "99A0002E",
        }
        | authorship(cast[by])
        | changes
    )
