"""What somebody sent after their session, or their second factor, had run out: kept encrypted, given back to that user
alone, then deleted."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from accounts.models import HeldSubmission, User
from accounts.roles import Act
from accounts.sealed_text import CannotBeReadError, Seal, cipher
from accounts.selectors import may
from audit.context import current_context
from audit.middleware import patient_in
from audit.providers import explain_access
from core.errors import NotVisible

logger = logging.getLogger(__name__)

LARGEST = 5 * 1024 * 1024
MOST_KEPT = 20
# The hidden field by which a form that was given back tells that it is being sent again.
POSTED_KEY = "held_submission"
_LONGEST_PATH = 300
_KIND = HeldSubmission._meta.label
# Inputs that only forms of clinical roles have, whatever role their sender has when the form arrives.
_CLINICAL_INPUTS = frozenset({"clinical_text", "is_clinical_only"})


@dataclass(frozen=True, slots=True)
class KeptText:
    """A kept form as it can be posted again."""

    key: int
    path: str
    fields: list[tuple[str, str]]
    is_clinical: bool = True
    # Whether its sender was still signed in, and was only asked for the second factor again.
    is_late_confirmation: bool = False

    @property
    def patient(self) -> uuid.UUID | None:
        """The patient whom the form's address named."""
        return patient_in(self.path.partition("?")[0])


def hold(request: HttpRequest, *, user_id: int, is_late_confirmation: bool = False) -> bool:
    """Keep the text of a form that arrived after its sender's session had ended, or without the second factor it needs.

    Files, passwords and the token are left out. Returns whether something was kept; it never raises, because the
    answer to the sender is the sign-in page either way.
    """
    try:
        fields = text_fields(request.POST)
        if not fields or len(json.dumps(fields)) > LARGEST or len(request.get_full_path()) > _LONGEST_PATH:
            return False
        with transaction.atomic():
            user = User.objects.filter(pk=user_id, is_active=True).first()
            if user is None:
                return False
            kept = {
                "fields": fields,
                "is_clinical": _is_clinical(user, fields),
                "is_late_confirmation": is_late_confirmation,
            }
            text = json.dumps(kept).encode()
            for oldest in HeldSubmission.objects.filter(user_id=user_id).order_by("-held_at")[
                MOST_KEPT - 1 :
            ]:
                oldest.delete()
            HeldSubmission.objects.create(
                user_id=user_id, path=request.get_full_path(), ciphertext=_cipher(user_id).encrypt(text)
            )
    except (DatabaseError, BadRequest, SuspiciousOperation, MultiPartParserError):
        logger.exception("A form that came after the end of its session could not be kept")
        return False
    return True


def text_fields(posted: Mapping[str, str]) -> list[tuple[str, str]]:
    """The fields worth keeping, in order, repeated names included."""
    lists: list[tuple[str, list[str]]] = list(posted.lists())  # type: ignore[attr-defined]
    return [
        (name, value)
        for name, values in lists
        for value in values
        if name not in ("csrfmiddlewaretoken", POSTED_KEY) and "password" not in name.lower()
    ]


def newest_held(user: User) -> KeptText | None:
    """The user's own kept form that came last."""
    for row in HeldSubmission.objects.filter(user=user).order_by("-held_at", "-pk"):
        try:
            text = _cipher(user.pk).decrypt(bytes(row.ciphertext))
        except CannotBeReadError:
            logger.error("A kept form cannot be read any more: the key was changed")
            continue
        return _kept_text(row, json.loads(text))
    return None


def may_see_held(user: User, held: KeptText) -> bool:
    """Whether the text may still be shown; the patient it is about stands on the entry either way.

    The relationship of now decides, as it does for a draft: what a clinical role typed is not shown to another (S12).
    """
    patient, context = held.patient, current_context()
    if patient is None:
        return True
    relationship = explain_access(user, {patient}).get(patient)
    if relationship is None or not relationship.covers({_KIND}, has_clinical=held.is_clinical):
        context.concerns(patient, relationship=relationship.name if relationship else "none")
        return False
    context.explain({patient: relationship})
    context.lists([patient], _KIND)
    if held.is_clinical:
        context.clinical_seen.add(patient)
    return True


def _put_on_entry(user: User, path: str) -> None:
    """For text that is deleted: its patient with the relationship the user has, or with "none"."""
    patient = patient_in(path.partition("?")[0])
    if patient is not None:
        relationship = explain_access(user, {patient}).get(patient)
        current_context().concerns(patient, relationship=relationship.name if relationship else "none")


def _kept_text(row: HeldSubmission, kept: Any) -> KeptText:
    if isinstance(kept, list):  # kept before it was written down who had typed it
        kept = {"fields": kept, "is_clinical": True}
    return KeptText(
        row.pk,
        row.path,
        [(name, value) for name, value in kept["fields"]],
        is_clinical=kept["is_clinical"],
        is_late_confirmation=kept.get("is_late_confirmation", False),
    )


def _is_clinical(user: User, fields: list[tuple[str, str]]) -> bool:
    """As with drafts: what somebody types who may read clinical-only text counts as such."""
    return may(user, Act.READ_CLINICAL) or any(
        name.rsplit("-", 1)[-1] in _CLINICAL_INPUTS for name, _ in fields
    )


def has_held(user: User) -> bool:
    return HeldSubmission.objects.filter(user=user).exists()


def is_held_key(typed: str) -> bool:
    """Whether a hidden field can name a kept form at all; it comes from a page and may say anything."""
    return typed.isascii() and typed.isdecimal() and len(typed) <= 18


def forget_used(request: HttpRequest, user: User) -> None:
    """Delete the kept form that has now been sent again with success."""
    key = request.POST.get(POSTED_KEY, "")
    if is_held_key(key):
        HeldSubmission.objects.filter(user=user, pk=int(key)).delete()


def discard_held(*, by: User, key: int) -> None:
    """Delete one kept form of the user's own.

    Raises: NotVisible when there is none such, or it is somebody else's.
    """
    row = HeldSubmission.objects.filter(user=by, pk=key).first()
    if row is None:
        raise NotVisible("No such kept text.")
    _put_on_entry(by, row.path)
    row.delete()


def _cipher(user_id: int) -> Seal:
    # Bound to the user: a row moved to somebody else's name cannot be read.
    return cipher(f"accounts.held_submission:{user_id}")
