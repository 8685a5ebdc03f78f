"""What other apps do when a case changes hands. They say so in AppConfig.ready; cases knows none of them."""

from __future__ import annotations

from collections.abc import Callable

from accounts.models import User
from cases.models import Case

HandedOver = Callable[[User, Case], None]
_listeners: list[HandedOver] = []


def when_handed_over(listener: HandedOver) -> None:
    """``listener(by, case)`` runs in the transaction of the hand-over, with the new mentors already in place."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell_handed_over(by: User, case: Case) -> None:
    for listener in _listeners:
        listener(by, case)
