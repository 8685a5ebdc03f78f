"""What happens beside a sign-in: the session's clock starts, and what audit cannot know of allauth goes on the trail."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa import signals
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import session_clock
from audit.context import PendingEntry, current_context
from audit.models import LogEntry
from audit.writing import keyed_digest

_WAYS = {"totp": "authenticator app", "webauthn": "passkey", "recovery_codes": "recovery code"}


@receiver(user_logged_in, dispatch_uid="accounts.start_clock")
def start_clock(sender: Any, request: HttpRequest, **kwargs: object) -> None:
    session_clock.start(request.session, device=request.META.get("HTTP_USER_AGENT", ""))


@receiver(signals.authenticator_added, dispatch_uid="accounts.second_factor_added")
def second_factor_added(
    sender: Any, request: HttpRequest, user: Any, authenticator: Any, **kwargs: object
) -> None:
    """Whoever sets one up has just used it, so this session counts as opened with it."""
    if authenticator.type != authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


@receiver(signals.authentication_failed, dispatch_uid="accounts.second_factor_failed")
def second_factor_failed(sender: Any, user: Any, reauthentication: bool = False, **kwargs: object) -> None:
    if reauthentication:
        note_confirmation(user=user, is_refused=True, reason="Wrong second factor")
    else:
        note_refused_sign_in(reason="Wrong second factor", user=user)


@receiver(signals.authenticator_used, dispatch_uid="accounts.second_factor_confirmed")
def second_factor_confirmed(
    sender: Any, user: Any, authenticator: Any, reauthenticated: bool = False, **kwargs: object
) -> None:
    if reauthenticated:
        note_confirmation(user=user, reason=f"By {_WAYS.get(authenticator.type, authenticator.type)}")


def note_confirmation(*, user: Any, reason: str, is_refused: bool = False) -> None:
    """Somebody who is signed in gave their second factor again, or tried to."""
    outcome = LogEntry.Outcome.DENIED if is_refused else LogEntry.Outcome.OK
    current_context().note(
        PendingEntry(action=LogEntry.Action.CONFIRM, outcome=outcome, actor=user, reason=reason)
    )


def note_refused_sign_in(*, reason: str, user: Any = None, typed_name: str = "") -> None:
    """An attempt that got no further; outside of a request there is nothing to write to."""
    try:
        context = current_context()
    except LookupError:
        return
    context.note(
        PendingEntry(
            action=LogEntry.Action.SIGN_IN,
            outcome=LogEntry.Outcome.DENIED,
            actor=user,
            reason=reason,
            additional_data={"typed_name_digest": keyed_digest(typed_name)} if typed_name else None,
        )
    )
