"""What waits for a user. A reminder that does not stand for the user any more (``stands_for``) is not there."""

from __future__ import annotations

import uuid
from datetime import datetime, time, timedelta

from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from accounts.models import Membership, Team, User
from accounts.roles import ACTS_OF_ROLE, Act
from accounts.selectors import teams_in_which, working_memberships
from cases.permissions import visible_patients
from core.models import GuardedQuerySet
from core.prepared import Prepared, Read
from reminders.models import EmailMessageOut, Notification, Reminder

# A task is listed so long before it is due; a plan's review in five months waits for nobody today.
TASKS_AHEAD = timedelta(days=14)
MOST_ON_RECORD = 10
MOST_UNREAD_AHEAD = 50
# The task that a person decides about an e-mail, and how its subject begins.
STUCK_EMAIL = "email-stuck"
STUCK_EMAIL_SUBJECT = "reminders.emailmessageout:"


def open_tasks(user: User) -> GuardedQuerySet[Reminder]:
    """What the user has to do, overdue first; with its patient. Slice it, do not count it."""
    return _tasks(user).filter(recipient=user, due_at__lt=timezone.now() + TASKS_AHEAD)


def tasks_on_record(user: User, patient: uuid.UUID) -> Read[Reminder]:
    """Of these, what concerns the one patient whose record the user may open, without the patient's row; at most ten."""
    return _TASKS_ON_RECORD(user=user.pk, patient=patient, until=timezone.now() + TASKS_AHEAD)


def overdue_tasks(user: User) -> GuardedQuerySet[Reminder]:
    """Of all open tasks, what was due before today (London's day)."""
    return _tasks(user).filter(recipient=user, due_at__lt=start_of_today())


def overdue_on_list(user: User, patients: list[uuid.UUID]) -> Read[Reminder]:
    """Of the user's own, those about patients on a list that the user may see."""
    return _OVERDUE_ON_LIST(user=user.pk, patients=patients, before=start_of_today())


def team_overdue_tasks(user: User) -> GuardedQuerySet[Reminder]:
    """For leads: overdue tasks in the teams the user leads, one row per recipient; none for those who lead no team.

    About patients the user may see: of everybody who is or was in the team, for the tasks of those who left would lie
    otherwise. About nobody: what is the team's own business, and nothing that is a colleague's.
    """
    led = teams_in_which(user, Act.REVIEW_CONTACT)
    of_recipient = Membership.objects.filter(team__in=led, user=OuterRef("recipient"))
    about_patient = Q(Exists(of_recipient), patient__isnull=False)
    of_team = Q(patient__isnull=True, team__in=led)
    return (
        _tasks(user)
        .filter(about_patient | of_team, due_at__lt=start_of_today())
        .select_related("patient", "recipient")
    )


def notifications(user: User) -> GuardedQuerySet[Notification]:
    """All notifications of the user, newest first, with reminder and patient."""
    return (
        Notification.objects.filter(stands_for(user, "reminder__"), user=user)
        .select_related("reminder__patient")
        .order_by("-created_at", "-id")
    )


def unread_count(user: User) -> int:
    """How many are unread, for the header of every page: one small index, no patient.

    It may count a reminder about a patient or a team that the user lost today; the nightly housekeeping closes those.
    """
    counted: int | None = getattr(user, "_unread_count", None)
    if counted is not None:
        return counted
    return Notification.objects.filter(user=user, read_at__isnull=True).count()


def unread_ahead(user: User) -> Read[Notification]:
    """For pages that read much in one statement: what the header will count, for ``note_unread``."""
    return _UNREAD(user=user.pk)


def note_unread(user: User, unread: list[Notification]) -> None:
    """Spare this request's header its own statement; of very many, it counts them after all."""
    if len(unread) < MOST_UNREAD_AHEAD:
        user._unread_count = len(unread)  # type: ignore[attr-defined]


def has_unread(user: User) -> bool:
    """Whether there is anything to mark as read, seen or not."""
    return Notification.objects.filter(user=user, read_at__isnull=True).exists()


def stuck_emails(user: User) -> GuardedQuerySet[EmailMessageOut]:
    """For administrators: the e-mails about which a person has to decide and this user was asked."""
    asked = Reminder.objects.filter(
        kind=STUCK_EMAIL,
        subject=Concat(Value(STUCK_EMAIL_SUBJECT), Cast(OuterRef("pk"), CharField())),
        recipient=user,
        settled_at__isnull=True,
    )
    return (
        EmailMessageOut.objects.filter(Exists(asked), stuck_at__isnull=False)
        .select_related("recipient")
        .order_by("stuck_at", "reference")
    )


def stands_for(user: User, prefix: str = "") -> Q:
    """The one condition under which a reminder is there for a user: on pages, in counts, when sent, by e-mail.

    It is about a patient whom they may see now; or about nobody, and then their own, or the business of a role that
    they hold today with its checks in date (``core.due.Due``). The row policy says it again of what is not one's own.
    """
    seen = visible_patients(user).filter(pk=OuterRef(f"{prefix}patient_id"))
    own = Q(**{f"{prefix}recipient": user, f"{prefix}team__isnull": True})
    of_role = Q(**{f"{prefix}act": ""}) & own
    for membership in working_memberships(user):
        carried = Q(**{f"{prefix}act__in": sorted(ACTS_OF_ROLE[membership.role])})
        if membership.team_id is not None:
            held_in = Q(**{f"{prefix}team": membership.team_id})
        else:
            theirs = Team.objects.filter(
                Q(trust=membership.organisation_id) | Q(force=membership.organisation_id)
            )
            held_in = Q(**{f"{prefix}team__in": theirs})
        of_role |= carried & (own | held_in)
    return Q(**{f"{prefix}patient__isnull": True}) & of_role | Q(Exists(seen))


def start_of_today() -> datetime:
    return datetime.combine(timezone.localdate(), time(), tzinfo=timezone.get_current_timezone())


def _tasks(user: User) -> GuardedQuerySet[Reminder]:
    return (
        Reminder.objects.filter(stands_for(user), is_task=True, settled_at__isnull=True)
        .select_related("patient")
        .order_by("due_at", "id")
    )


_TASKS_ON_RECORD = Prepared(
    lambda user, patient, until: Reminder.objects.filter(
        recipient=user, patient=patient, is_task=True, settled_at__isnull=True, due_at__lt=until
    ).order_by("due_at", "id")[:MOST_ON_RECORD],
    user=int,
    patient=uuid.UUID,
    until=datetime,
)
_OVERDUE_ON_LIST = Prepared(
    lambda user, patients, before: (
        Reminder.objects.filter(
            recipient=user, patient__any_of=patients, is_task=True, settled_at__isnull=True, due_at__lt=before
        )
        .only("patient_id", "text")
        .order_by("due_at", "id")
    ),
    user=int,
    patients=list,
    before=datetime,
)
_UNREAD = Prepared(
    lambda user: Notification.objects.filter(user=user, read_at__isnull=True).only("id")[:MOST_UNREAD_AHEAD],
    user=int,
)
