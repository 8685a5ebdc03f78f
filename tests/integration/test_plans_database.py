"""Each rule that the database holds on plans, broken once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.context import access_context
from cases.services.authorship import authorship
from core.access_guard import recorded_query
from crisis_plans.models import (
    CrisisResponsePlan,
    PlanAction,
    PlanAuthor,
    PlanCall,
    PlanServicePart,
    PlanSignOff,
    PlanVersion,
)
from crisis_plans.services import return_to_author, start_draft, submit
from tests.people import Cast, make_cast, make_patient
from tests.plans import approve_past_the_service, approved, drafted, fresh, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def at_work(cast: Cast) -> Iterator[None]:
    with access_context(route="tests.plans", is_system=True):
        yield


@pytest.fixture
def draft(cast: Cast) -> PlanVersion:
    return drafted(cast)


def refused(constraint: str) -> Any:
    return pytest.raises(IntegrityError, match=constraint)


def create(model: Any, cast: Cast, version: PlanVersion | None = None, **fields: Any) -> Any:
    own = {"version": version} if version is not None else {}
    with transaction.atomic():
        return model.objects.create(**own, **({"patient": cast.nora} | fields), **authorship(cast["amira"]))


def sign(cast: Cast, version: PlanVersion, **fields: Any) -> PlanSignOff:
    defaults = {"sequence": 1, "kind": "submitted", "revision": version.revision, "signer_name": "Amira"}
    signed: PlanSignOff = create(PlanSignOff, cast, version, **(defaults | fields))
    return signed


def save(version: PlanVersion, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(version, name, value)
    with transaction.atomic():
        version.save()


def test_patient_has_one_plan(cast: Cast, draft: PlanVersion) -> None:
    with refused("plan_one_per_patient"):
        create(CrisisResponsePlan, cast)


def test_plan_has_one_open_version(cast: Cast, draft: PlanVersion) -> None:
    with refused("plan_version_one_open_per_plan"):
        create(PlanVersion, cast, plan=draft.plan, number=2)


def test_version_number_is_used_once(cast: Cast) -> None:
    version = approved(cast)
    with refused("plan_version_number_once"):
        create(PlanVersion, cast, plan=version.plan, number=1)


@pytest.mark.parametrize("fields", [{"number": 0}, {"revision": 0}])
def test_versions_count_from_one(draft: PlanVersion, fields: dict[str, int]) -> None:
    with refused("plan_version_counts_from_one"):
        save(draft, **fields)


def test_involvement_is_one_of_the_answers(draft: PlanVersion) -> None:
    with refused("plan_version_involvement_known"):
        save(draft, involvement="was told")


def test_whoever_took_part_needs_no_reason(draft: PlanVersion) -> None:
    with refused("plan_version_no_reason_for_taking_part"):
        save(draft, involvement="took part", involvement_reason="Because.")


def test_version_belongs_to_the_patient_of_its_plan(cast: Cast, draft: PlanVersion) -> None:
    with refused("belongs to the patient of its plan"):
        save(draft, patient=cast.sam)


def test_new_version_is_open(cast: Cast) -> None:
    plan = create(CrisisResponsePlan, cast)
    with refused("A new version is open"):
        create(PlanVersion, cast, plan=plan, number=1, is_open=False)


def test_version_closes_by_sign_off_alone(cast: Cast, draft: PlanVersion) -> None:
    with refused("closes when it is approved or discarded"):
        save(draft, is_open=False)


def test_approval_closes_the_version_in_the_database(cast: Cast) -> None:
    assert approved(cast).is_open is False


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (PlanAction, {"position": 0, "text": "x"}, "plan_action_position_once"),
        (PlanAction, {"position": 9, "text": ""}, "plan_action_says_something"),
        (PlanCall, {"position": 0, "who": "x"}, "plan_call_position_once"),
        (PlanCall, {"position": 9, "who": ""}, "plan_call_names_somebody"),
        (PlanServicePart, {"service": "ambulance", "agreed": "x"}, "plan_service_part_once"),
        (PlanServicePart, {"service": "army", "agreed": "x"}, "plan_service_part_known"),
        (PlanServicePart, {"service": "police", "agreed": ""}, "plan_service_part_known"),
        (
            PlanServicePart,
            {"service": "police", "agreed": "x", "service_name": "y"},
            "plan_service_part_other_is_named",
        ),
    ],
)
def test_parts_of_a_version(
    cast: Cast, draft: PlanVersion, model: Any, fields: dict[str, Any], constraint: str
) -> None:
    with refused(constraint):
        create(model, cast, draft, **fields)


def test_other_service_has_a_name(cast: Cast) -> None:
    version = start_draft(by=cast["amira"], patient=cast.nora)
    with refused("plan_service_part_other_is_named"):
        create(PlanServicePart, cast, version, service="other", agreed="x")


def test_part_belongs_to_the_patient_of_its_version(cast: Cast, draft: PlanVersion) -> None:
    with refused("belongs to the patient of its version"):
        create(PlanAction, cast, draft, position=9, text="x", patient=cast.sam)


def test_part_stays_with_its_version(cast: Cast, draft: PlanVersion) -> None:
    other = drafted(cast, patient=make_patient(cast.north, cast["amira"], cast["pete"]))
    action = draft.actions.all()[0]
    action.version, action.patient_id, action.position = other, other.patient_id, 9
    with refused("stays with its version"), transaction.atomic():
        action.save()


def test_author_is_named_once(cast: Cast, draft: PlanVersion) -> None:
    with refused("plan_author_once"):
        create(PlanAuthor, cast, draft, user=cast["amira"])


def test_sign_off_is_of_a_known_kind(cast: Cast) -> None:
    version = submitted(cast)
    with refused("plan_sign_off_kind_known"):
        sign(cast, version, kind="waved through", sequence=2)


def test_sign_off_numbers_are_used_once(cast: Cast) -> None:
    version = submitted(cast)
    with refused("plan_sign_off_sequence_once"):
        sign(cast, version, kind="withdrawn")


def test_return_says_why(cast: Cast) -> None:
    version = submitted(cast)
    with refused("plan_sign_off_return_says_why"), transaction.atomic():
        PlanSignOff.objects.create(
            version=version,
            patient=cast.nora,
            sequence=2,
            kind="returned",
            revision=version.revision,
            signer_name="Lena Lund",
            **authorship(cast["lena"]),
        )


def test_version_is_approved_once(cast: Cast) -> None:
    version = approved(cast)
    with refused("Only a submitted version can be approved"), transaction.atomic():
        approve_past_the_service(cast, version, by="dev", sequence=3)


@pytest.mark.parametrize("kind", ["withdrawn", "returned", "approved"])
def test_draft_is_not_decided_on(cast: Cast, draft: PlanVersion, kind: str) -> None:
    with refused(f"Only a submitted version can be {kind}"):
        sign(cast, draft, kind=kind, comment="x")


@pytest.mark.parametrize("kind", ["submitted", "discarded"])
def test_submitted_version_is_not_submitted_or_discarded_again(cast: Cast, kind: str) -> None:
    version = submitted(cast)
    with refused(f"A version that was submitted cannot be {kind}"):
        sign(cast, version, kind=kind, sequence=2)


def test_sign_off_names_the_text_as_it_is(cast: Cast, draft: PlanVersion) -> None:
    with refused("changed since it was read"):
        sign(cast, draft, revision=draft.revision + 1)


def test_sign_off_belongs_to_the_patient_of_its_version(cast: Cast, draft: PlanVersion) -> None:
    with refused("belongs to the patient of its version"):
        sign(cast, draft, patient=cast.sam)


def test_returned_version_can_be_submitted_again(cast: Cast) -> None:
    version = submitted(cast)
    return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Ask about nights.")
    submit(by=cast["amira"], version=version, revision=version.revision)
    assert fresh(cast, version).state == PlanVersion.State.SUBMITTED


def test_version_is_never_deleted(cast: Cast) -> None:
    version = start_draft(by=cast["amira"], patient=cast.nora)
    with refused("never deleted"), transaction.atomic(), recorded_query("a test"):
        PlanVersion.objects.filter(pk=version.pk)._raw_delete("default")
