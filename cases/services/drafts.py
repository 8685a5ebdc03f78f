"""Keeping what somebody has typed and not yet saved. A draft belongs to its author alone and counts as nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.roles import Act
from accounts.selectors import may
from audit.context import current_context
from cases.models import Draft, Patient
from cases.permissions import can, is_under_break_glass_alone
from cases.services.authorship import require
from core.errors import DomainError, NotAllowed, NotVisible
from core.prepared import Prepared, read_together

DraftData = Mapping[str, Sequence[str]]

# Several long texts of a plan; whoever types more than this in one form has pasted a file.
MAX_DRAFT_BYTES = 4_000_000
MAX_NAME = 60


def keep_draft(
    *,
    by: User,
    patient: Patient | None,
    form: str,
    about: str = "",
    data: DraftData,
    is_clinical_only: bool | None = None,
) -> Draft:
    """Keep a form as it was typed, in place of this user's earlier draft of the same form.

    ``data`` maps each input's name to what was sent for it. Where it is not said otherwise, whatever somebody types
    who may write clinical-only text counts as clinical-only: nobody looks into an unfinished form to find out.

    Raises: NotVisible when the user may not know the patient; NotAllowed under break-glass (S31) and, about nobody yet, for who registers nobody;
    DomainError when it cannot be stored.
    """
    if patient is not None:
        require(by, Act.OPEN_RECORD, patient)
        if is_under_break_glass_alone(by, patient):
            raise NotAllowed("Break-glass lets you read this record, and write nothing in it.")
        if is_clinical_only is None:
            is_clinical_only = can(by, Act.WRITE_CLINICAL, patient)
    elif not may(by, Act.REGISTER_PATIENT):
        raise NotAllowed("You may not register patients.")
    if len(about) > MAX_NAME or len(form) > MAX_NAME or "\x00" in about:
        raise DomainError("This form cannot be kept as a draft.")
    kept = {name: list(values) for name, values in data.items()}
    _refuse_what_cannot_be_stored(kept)
    draft, _ = Draft.objects.update_or_create(
        user=by,
        patient=patient,
        form=form,
        about=about,
        defaults={"data": kept, "is_clinical_only": bool(is_clinical_only), "saved_at": timezone.now()},
    )
    return draft


def take_draft(*, by: User, patient: Patient | None, form: str, about: str = "") -> None:
    """The form was saved: its draft has done its duty. Call it in the transaction of the saving; none is no fault."""
    _remove(by, patient, form, about, why="saved")


def discard_draft(*, by: User, draft: Draft) -> None:
    """Throw an own draft away; the trail keeps that it was the author's choice.

    Raises: NotVisible for anybody's but one's own.
    """
    if draft.user_id != by.pk:
        raise NotVisible("No such draft.")
    with transaction.atomic():
        current_context().notes["draft"] = "discarded"
        draft.delete()


_OF_FORM = Prepared(
    lambda user, patient, form, about: Draft.objects.filter(
        user=user, patient=patient, form=form, about=about
    ),
    user=int,
    patient=uuid.UUID,
    form=str,
    about=str,
)


def _remove(by: User, patient: Patient | None, form: str, about: str, *, why: str) -> None:
    # Most forms are saved before a draft was kept: one quick look spares them the lock.
    if patient is not None:
        (kept,) = read_together(_OF_FORM(user=by.pk, patient=patient.pk, form=form, about=about))
        if not kept:
            return
    # Refuses nothing, so there is nothing that a savepoint of its own would keep.
    with transaction.atomic(savepoint=False):
        draft = (
            Draft.objects.select_for_update().filter(user=by, patient=patient, form=form, about=about).first()
        )
        if draft is not None:
            current_context().notes["draft"] = why
            draft.delete()


def _refuse_what_cannot_be_stored(data: dict[str, list[str]]) -> None:
    text = json.dumps(data, ensure_ascii=False)
    if "\\u0000" in text:
        raise DomainError(
            "The text contains a character that cannot be stored (NUL). Delete it and try again."
        )
    if len(text.encode("utf-8", "surrogatepass")) > MAX_DRAFT_BYTES:
        raise DomainError("The text is too long to keep as a draft. Shorten it, or save it in parts.")
