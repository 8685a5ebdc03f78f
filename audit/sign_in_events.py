"""Sign-in, sign-out and failed sign-in as entries, whichever page, command or library did it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)
from django.db.models import Q
from django.dispatch import receiver

from audit.context import AccessContext, PendingEntry
from audit.models import LogEntry
from audit.writing import keyed_digest
from core.access_guard import current_recorder


def _note(pending: PendingEntry) -> None:
    context = current_recorder.get()
    if isinstance(context, AccessContext):
        context.note(pending)


@receiver(user_logged_in, dispatch_uid="audit.signed_in")
def signed_in(sender: Any, user: Any, **kwargs: object) -> None:
    _note(PendingEntry(action=LogEntry.Action.SIGN_IN, actor=user))


@receiver(user_logged_out, dispatch_uid="audit.signed_out")
def signed_out(sender: Any, user: Any, **kwargs: object) -> None:
    if user is not None:
        _note(PendingEntry(action=LogEntry.Action.SIGN_OUT, actor=user))


@receiver(user_login_failed, dispatch_uid="audit.sign_in_failed")
def sign_in_failed(sender: Any, credentials: dict[str, Any], **kwargs: object) -> None:
    """Stands on the trail of the account it was tried on, if there is one.

    What was typed as a name may be a password typed into the wrong box, so of any other only its digest is kept.
    """
    typed = str(credentials.get("username") or credentials.get("email") or "").replace("\x00", "")
    _note(
        PendingEntry(
            action=LogEntry.Action.SIGN_IN,
            outcome=LogEntry.Outcome.DENIED,
            actor=_user_named(typed),
            additional_data={"typed_name_digest": keyed_digest(typed)},
        )
    )


def _user_named(typed: str) -> Any:
    users = get_user_model()._default_manager
    return users.filter(Q(username__iexact=typed) | Q(email__iexact=typed)).first() if typed else None
