"""Whose staff checks, roles or accounts have changed or lapsed: reminds them, hands their caseload to the leads, and ends
what they have open by break-glass.

What follows from that is known to accounts and cases; here it is only called, on each tick and once a day.
"""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError

from accounts.models import ClearanceChange, User
from accounts.services.lapses import people_to_remind, remind_of_lapses
from audit.context import access_context
from cases.selectors.unmentored import mentors_who_cannot_work
from cases.services.break_glass import end_openings_of_former_role
from cases.services.caseloads import CASES_WITHOUT_MENTOR, mentor_of_subject, pass_caseload_on
from reminders.models import Reminder

logger = logging.getLogger(__name__)

LOOKED_AT_ONCE = 50


def look_at_changes() -> None:
    """Look at the caseload and the open break-glass of everybody to whom something has happened since the last tick.

    Each in a transaction of its own.
    """
    for change in ClearanceChange.objects.order_by("pk")[:LOOKED_AT_ONCE]:
        try:
            _look(change)
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logger.exception("What follows from clearance change %d could not be looked at", change.pk)


def look_at_everybody() -> None:
    """What happens by the calendar alone: checks that lapse or soon will, roles that end or begin. Once a day."""
    for user in people_to_remind():
        with access_context(route="reminders.clearance", is_system=True):
            remind_of_lapses(user)
    for user in _named_or_asked_about():
        with access_context(route="reminders.clearance", is_system=True):
            pass_caseload_on(user, has_changed=False)


def _look(change: ClearanceChange) -> None:
    with access_context(route="reminders.clearance", is_system=True):
        ours = ClearanceChange.objects.select_for_update(skip_locked=True, of=("self",))
        locked = ours.select_related("user").filter(pk=change.pk).first()
        if locked is not None:
            end_openings_of_former_role(locked.user)
            pass_caseload_on(locked.user, has_changed=True)
            locked.delete()


def _named_or_asked_about() -> list[User]:
    """Mentors who cannot work, and those about whom the leads were asked: they may be back since."""
    with access_context(route="reminders.clearance", is_system=True):
        keys = {user.pk for user in mentors_who_cannot_work()}
        asked = Reminder.objects.filter(kind=CASES_WITHOUT_MENTOR, settled_at__isnull=True)
        keys |= {mentor_of_subject(reminder.subject) for reminder in asked}
    return list(User.objects.filter(pk__in=keys).order_by("pk"))
