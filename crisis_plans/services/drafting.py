"""Writing a version: begun from the current one, saved, submitted, taken back or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import transaction

from accounts.models import User
from accounts.roles import Act
from cases.models import Patient
from cases.services.authorship import authorship, require
from core import due
from core.errors import DomainError, NotAllowed, NotVisible
from crisis_plans.content import ROW_FIELDS, PlanContent, content_of
from crisis_plans.models import (
    CrisisResponsePlan,
    PlanAction,
    PlanCall,
    PlanServicePart,
    PlanSignOff,
    PlanVersion,
    Service,
)
from crisis_plans.rules import MOST_ACTIONS, MOST_CALLS, IncompletePlanError, find_gaps
from crisis_plans.selectors import current_plan, open_version, version_of, versions
from crisis_plans.services.reviews import APPROVAL, RETURNED, announce_approval, subject_of
from crisis_plans.services.signing import (
    add_author,
    add_sign_off,
    is_author,
    lock_version,
    require_editable,
    require_revision,
    require_submitted,
)

Part = TypeVar("Part", PlanAction, PlanCall, PlanServicePart)
Rows = Sequence[dict[str, Any]]


def start_draft(*, by: User, patient: Patient) -> PlanVersion:
    """Begin a version with the text of the approved one, which stays as it is (S07); go on with an open draft.

    How the person was involved and when to review are asked anew; the person's disagreement stands until they say
    otherwise, and is copied.

    Raises: NotVisible, NotAllowed; DomainError while a version waits for approval.
    """
    require(by, Act.DRAFT_PLAN, patient)
    with transaction.atomic():
        # Two people starting at once: the second waits here and then finds the first one's draft.
        Patient.objects.select_for_update(no_key=True).filter(pk=patient.pk).first()
        begun = open_version(by, patient)
        if begun is not None:
            if begun.state == PlanVersion.State.SUBMITTED:
                raise DomainError(f"Version {begun.number} is waiting for approval. Only one can be open.")
            return begun
        version = _create_version(by, patient, current_plan(by, patient))
        add_author(by, version)
        return version


def save_draft(*, by: User, version: PlanVersion, revision: int, content: PlanContent) -> PlanVersion:
    """Put the text into an open version; whoever changes it becomes one of its authors.

    Raises: NotVisible, NotAllowed; VersionClash when somebody saved since ``revision``; DomainError when the version
    is submitted or closed, or a list is too long.
    """
    _require_short(content)
    with transaction.atomic():
        version = lock_version(by, Act.DRAFT_PLAN, version)
        require_editable(version)
        require_revision(version, revision)
        if content != content_of(version):
            _write(by, version, content)
            version.revision += 1
            version.save()
            add_author(by, version)
        return _reloaded(by, version)


def submit(*, by: User, version: PlanVersion, revision: int) -> PlanSignOff:
    """Ask for approval; from now on the text does not change unless it is returned or taken back.

    Whoever may approve and did not write it gets a task.

    Raises: NotVisible, NotAllowed, VersionClash; IncompletePlanError with everything that is missing (S01); DomainError
    when nobody is left who may decide.
    """
    with transaction.atomic():
        version = lock_version(by, Act.DRAFT_PLAN, version)
        require_editable(version)
        require_revision(version, revision)
        if gaps := find_gaps(content_of(version)):
            raise IncompletePlanError(gaps)
        add_author(by, version)
        sign_off = add_sign_off(by, version, PlanSignOff.Kind.SUBMITTED)
        due.settle(kind=RETURNED, subject=subject_of(version))
        announce_approval(_reloaded(by, version), sign_off)
        return sign_off


def withdraw_submission(*, by: User, version: PlanVersion) -> PlanSignOff:
    """An author takes a submitted version back to go on writing.

    Raises: NotVisible, NotAllowed (no author); DomainError when it is not waiting for approval any more.
    """
    with transaction.atomic():
        version = lock_version(by, Act.DRAFT_PLAN, version)
        require_submitted(version)
        if not is_author(by, version):
            raise NotAllowed("Only somebody who wrote in this version can take it back.")
        sign_off = add_sign_off(by, version, PlanSignOff.Kind.WITHDRAWN)
        due.settle(kind=APPROVAL, subject=subject_of(version))
        return sign_off


def discard_draft(*, by: User, version: PlanVersion, revision: int) -> PlanSignOff:
    """Give an open draft up: it stays readable among the versions and never becomes the plan.

    Raises: NotVisible, NotAllowed, VersionClash; DomainError when it is submitted or closed.
    """
    with transaction.atomic():
        version = lock_version(by, Act.DRAFT_PLAN, version)
        require_editable(version)
        require_revision(version, revision)
        sign_off = add_sign_off(by, version, PlanSignOff.Kind.DISCARDED)
        due.settle(kind=RETURNED, subject=subject_of(version))
        return sign_off


def _create_version(by: User, patient: Patient, current: PlanVersion | None) -> PlanVersion:
    plan = CrisisResponsePlan.objects.filter(patient=patient).first()
    if plan is None:
        plan = CrisisResponsePlan.objects.create(patient=patient, **authorship(by))
    newest = versions(by, patient).first()
    version = PlanVersion.objects.create(
        plan=plan,
        patient=patient,
        number=newest.number + 1 if newest else 1,
        based_on=current,
        **authorship(by),
    )
    if current is not None:
        _write(by, version, _text_to_start_from(content_of(current)))
        version.save()
    return _reloaded(by, version)


def _text_to_start_from(current: PlanContent) -> PlanContent:
    return PlanContent(
        about_me=current.about_me,
        crisis_signs=current.crisis_signs,
        what_helps=current.what_helps,
        is_own_words=current.is_own_words,
        what_makes_it_worse=current.what_makes_it_worse,
        actions=current.actions,
        calls=current.calls,
        service_parts=current.service_parts,
        disagreement=current.disagreement,
    )


def _write(by: User, version: PlanVersion, content: PlanContent) -> None:
    """Set the version's own fields, unsaved, and bring the rows of its parts in line."""
    for name in ROW_FIELDS:
        setattr(version, name, getattr(content, name))
    _write_rows(
        by,
        version,
        PlanAction,
        "position",
        [{"position": place, "text": text} for place, text in enumerate(content.actions)],
    )
    _write_rows(
        by,
        version,
        PlanCall,
        "position",
        [
            {"position": place, "who": call.who, "phone": call.phone, "when": call.when}
            for place, call in enumerate(content.calls)
        ],
    )
    _write_rows(
        by,
        version,
        PlanServicePart,
        "service",
        [
            {"service": Service(part.service).value, "service_name": part.name, "agreed": part.agreed}
            for part in content.service_parts
        ],
    )


def _write_rows(by: User, version: PlanVersion, model: type[Part], key: str, wanted: Rows) -> None:
    """Change only the rows that differ, so that the trail names only what was changed."""
    there = {getattr(row, key): row for row in model.objects.filter(version=version)}
    for values in wanted:
        row = there.pop(values[key], None)
        if row is None:
            model.objects.create(version=version, patient_id=version.patient_id, **authorship(by), **values)
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.save()
    for row in there.values():
        row.delete()


def _reloaded(by: User, version: PlanVersion) -> PlanVersion:
    fresh = version_of(by, version.patient_id, version.number)
    if fresh is None:
        raise NotVisible("No such version.")
    return fresh


def _require_short(content: PlanContent) -> None:
    if len(content.actions) > MOST_ACTIONS:
        raise DomainError(
            f"Write {MOST_ACTIONS} supportive actions or fewer. A plan has to be read in half a minute.",
            field="actions",
        )
    if len(content.calls) > MOST_CALLS:
        raise DomainError(f"Name {MOST_CALLS} people or services to call, or fewer.", field="call_0_who")
