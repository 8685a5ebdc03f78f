"""What has to be done once a day, by whichever tick comes first; each piece is noted when it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.models import User
from core.acting import acting_as_system
from reminders import clearance, stuck_mail
from reminders.models import DailyWork, Notification
from reminders.selectors import stands_for

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 3


def do_daily_work() -> None:
    """Do what is not done yet today (London's day). A piece that fails is tried again with the next tick."""
    today = timezone.localdate()
    done = {work.name for work in DailyWork.objects.filter(done_on=today)}
    for name, piece in PIECES.items():
        if name not in done:
            _do(name, piece)


def _do(name: str, piece: Callable[[], None]) -> None:
    today = timezone.localdate()
    DailyWork.objects.bulk_create([DailyWork(name=name)], ignore_conflicts=True)
    try:
        with transaction.atomic(), acting_as_system():
            mine = DailyWork.objects.select_for_update(skip_locked=True).filter(
                Q(done_on__isnull=True) | ~Q(done_on=today), pk=name
            )
            if mine.first():
                piece()
                DailyWork.objects.filter(pk=name).update(done_on=today)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        logger.exception("Daily work %r failed", name)


def add_partitions() -> None:
    """The trail's tables for the coming months."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_add_partitions(%s)", [MONTHS_AHEAD])


def delete_expired_sessions() -> None:
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    store.clear_expired()


def close_lost_notifications() -> None:
    """What is unread and stands for the user no longer does not count as waiting."""
    unread = Notification.objects.filter(read_at__isnull=True)
    for user in User.objects.filter(pk__in={n.user_id for n in unread}).order_by("pk"):
        lost = unread.filter(user=user).exclude(stands_for(user, "reminder__"))
        Notification.objects.filter(pk__in=[n.pk for n in lost]).update(read_at=Now())


PIECES: dict[str, Callable[[], None]] = {
    "partitions": add_partitions,
    "sessions": delete_expired_sessions,
    "lost notifications": close_lost_notifications,
    "stuck e-mails": stuck_mail.ask_again,
    "staff checks": clearance.look_at_everybody,
}
