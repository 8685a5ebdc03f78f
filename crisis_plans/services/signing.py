"""Locking a version and adding a sign-off to it: what every step of a version has in common."""

from __future__ import annotations

from accounts.models import ProfessionalRegistration, User
from accounts.roles import Act
from accounts.selectors import main_standing
from cases.services.authorship import authorship, require
from core.errors import DomainError, NotVisible, VersionClash
from core.formatting import moment
from crisis_plans.models import PlanAuthor, PlanSignOff, PlanVersion
from crisis_plans.selectors import whole_versions

Kind = PlanSignOff.Kind
State = PlanVersion.State


def lock_version(by: User, act: Act, version: PlanVersion) -> PlanVersion:
    """The version as it is now, held until the transaction ends, for somebody who may do this to it.

    Raises: NotVisible, NotAllowed.
    """
    require(by, act, version.patient_id)
    # Not a key update: rows that merely point to the version need not wait.
    locked = (
        whole_versions(by, version.patient_id).filter(pk=version.pk).select_for_update(no_key=True).first()
    )
    if locked is None:
        raise NotVisible("No such version.")
    return locked


def require_revision(version: PlanVersion, revision: int) -> None:
    """Raises: VersionClash when the text is no longer the one that was read."""
    if version.revision != revision:
        raise VersionClash("Somebody else has saved this plan since you opened it.")


def require_submitted(version: PlanVersion) -> None:
    """Raises: DomainError, in words that say what happened instead."""
    if version.state != State.SUBMITTED:
        raise DomainError(f"This version is not waiting for approval. {what_happened(version)}")


def require_editable(version: PlanVersion) -> None:
    """Raises: DomainError, in words that say what to do instead."""
    if version.state == State.SUBMITTED:
        raise DomainError(
            "This version is waiting for approval and cannot be changed. Take it back first, or wait for the decision."
        )
    if not version.is_editable:
        raise DomainError(
            f"This version cannot be changed any more. {what_happened(version)} A change is a new version."
        )


def what_happened(version: PlanVersion) -> str:
    """Approved by Lena Lund, Today 14:05."""
    last = version.last_sign_off
    if last is None:
        return "It is a draft."
    return f"{Kind(last.kind).label} by {last.signer_name}, {moment(last.signed_at)}."


def is_author(user: User, version: PlanVersion) -> bool:
    """Whether the user wrote in this version."""
    return any(author.user_id == user.pk for author in version.authors.all())


def add_author(by: User, version: PlanVersion) -> None:
    """Remember for good that this user wrote in the version; they cannot approve it (S02)."""
    if not is_author(by, version):
        PlanAuthor.objects.create(version=version, user=by, patient_id=version.patient_id, **authorship(by))


def add_sign_off(
    by: User,
    version: PlanVersion,
    kind: Kind,
    *,
    comment: str = "",
    registration: ProfessionalRegistration | None = None,
) -> PlanSignOff:
    """The next step of a locked version, with the signer's name and registration as they are now."""
    last = version.last_sign_off
    return PlanSignOff.objects.create(
        version=version,
        patient_id=version.patient_id,
        sequence=last.sequence + 1 if last else 1,
        kind=kind,
        revision=version.revision,
        comment=comment,
        signer_name=str(by),
        signer_role=main_standing(by).role,
        registration_body=registration.body if registration else "",
        registration_number=registration.number if registration else "",
        **authorship(by),
    )
