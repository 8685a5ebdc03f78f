"""From a fact to reminder rows: written with it, once, at the right moment, and gone when it is settled."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from audit.context import access_context
from core.access_guard import recorded_query
from core.due import Due, announce, due_moment, reschedule, settle
from reminders.delivery import claim_due, send_claimed
from reminders.models import Notification, Reminder
from reminders.selectors import (
    notifications,
    open_tasks,
    overdue_tasks,
    team_overdue_tasks,
    unread_count,
)
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def due(cast: Cast, *names: str, **changes: Any) -> Due:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "subject": f"crisis_plans.planversion:{uuid.UUID(int=1)}",
        "at": timezone.now() - dt.timedelta(minutes=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan",
        "link": "/patients/1/",
        "patient_id": cast.nora.pk,
    }
    return Due(**fields | changes)


def tell(given: Due) -> None:
    with access_context(route="tests", is_system=True):
        announce(given)


def all_reminders() -> list[Reminder]:
    with access_context(route="tests", is_system=True):
        return list(Reminder.objects.order_by("recipient__username", "due_at"))


def send_everything() -> None:
    send_claimed(claim_due())


def test_a_reminder_is_written_once_per_recipient_however_often_it_is_announced(cast: Cast) -> None:
    at = timezone.now()
    tell(due(cast, "amira", "pete", "amira", at=at))
    tell(due(cast, "amira", "lena", at=at))
    assert [r.recipient.username for r in all_reminders()] == ["amira", "lena", "pete"]


def test_announced_again_an_unsent_reminder_takes_the_new_words(cast: Cast) -> None:
    at = timezone.now()
    tell(due(cast, "amira", at=at))
    tell(due(cast, "amira", at=at, text="Review the plan with Nora"))
    assert [r.text for r in all_reminders()] == ["Review the plan with Nora"]


def test_a_fact_that_is_rolled_back_leaves_no_reminder(cast: Cast) -> None:
    with transaction.atomic():
        tell(due(cast, "amira"))
        transaction.set_rollback(True)
    assert all_reminders() == []


def test_a_settled_reminder_is_not_sent(cast: Cast) -> None:
    tell(due(cast, "amira"))
    given = due(cast)
    with access_context(route="tests", is_system=True):
        settle(kind=given.kind, subject=given.subject)
    send_everything()
    assert not Notification.objects.exists()


def test_settling_leaves_other_kinds_and_subjects_alone(cast: Cast) -> None:
    tell(due(cast, "amira"))
    tell(due(cast, "amira", kind="other"))
    tell(due(cast, "amira", subject="crisis_plans.planversion:2"))
    with access_context(route="tests", is_system=True):
        settle(kind="plan-review", subject=due(cast).subject)
    assert sorted(r.kind for r in all_reminders() if r.settled_at is None) == ["other", "plan-review"]


def test_what_is_settled_after_it_was_sent_no_longer_waits_to_be_read(cast: Cast) -> None:
    tell(due(cast, "amira"))
    send_everything()
    assert unread_count(cast["amira"]) == 1
    with access_context(route="tests", is_system=True):
        settle(kind="plan-review", subject=due(cast).subject)
    assert unread_count(cast["amira"]) == 0


def test_announced_again_after_settling_it_is_a_task_again_but_is_not_sent_twice(cast: Cast) -> None:
    given = due(cast, "amira")
    tell(given)
    send_everything()
    with access_context(route="tests", is_system=True):
        reschedule(given)
        assert [task.text for task in open_tasks(cast["amira"])] == ["Review the plan"]
    send_everything()
    assert len(Notification.objects.all()) == 1


def test_moved_to_another_day_only_the_new_day_reminds(cast: Cast) -> None:
    tell(due(cast, "amira"))
    later = due(cast, "amira", at=timezone.now() + dt.timedelta(days=3))
    with access_context(route="tests", is_system=True):
        reschedule(later)
    send_everything()
    assert not Notification.objects.exists()
    with access_context(route="tests", is_system=True):
        assert [task.due_at for task in open_tasks(cast["amira"])] == [later.at]


def test_a_due_time_without_a_zone_is_refused(cast: Cast) -> None:
    with pytest.raises(ValueError, match="time zone"):
        tell(due(cast, "amira", at=dt.datetime(2026, 3, 1)))  # noqa: DTZ001


@pytest.mark.parametrize("link", ["https://example.org/", "//example.org/", "javascript:alert(1)"])
def test_a_link_that_leads_out_of_the_application_is_refused(cast: Cast, link: str) -> None:
    with pytest.raises(ValueError, match="links into"):
        tell(due(cast, "amira", link=link))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"text": ""}, "reminder_says_what_it_is_about"),
        ({"link": "//example.org"}, "reminder_links_inside"),
        ({"attempt": 1}, "reminder_claimed_with_lease_and_attempt"),
        ({"sent_at": F("due_at"), "withdrawn_at": F("due_at")}, "reminder_sent_or_withdrawn"),
    ],
)
def test_the_database_refuses_a_reminder_that_contradicts_itself(
    cast: Cast, changes: dict[str, Any], name: str
) -> None:
    tell(due(cast, "amira"))
    with (
        pytest.raises(IntegrityError, match=name),
        access_context(route="tests", is_system=True),
        recorded_query("tests"),
    ):
        Reminder.objects.update(**changes)


def test_the_database_refuses_the_same_reminder_twice(cast: Cast) -> None:
    tell(due(cast, "amira"))
    (reminder,) = all_reminders()
    reminder.pk = uuid.uuid4()
    with (
        pytest.raises(IntegrityError, match="reminder_once_per_fact_and_recipient"),
        access_context(route="tests", is_system=True),
    ):
        reminder.save(force_insert=True)


def test_a_task_five_months_away_waits_for_nobody_yet(cast: Cast) -> None:
    tell(due(cast, "amira", at=timezone.now() + dt.timedelta(days=150)))
    tell(due(cast, "amira", at=timezone.now() + dt.timedelta(days=5), text="Soon"))
    with access_context(route="tests", is_system=True):
        assert [task.text for task in open_tasks(cast["amira"])] == ["Soon"]


def test_overdue_begins_the_day_after(cast: Cast) -> None:
    day = dt.timedelta(days=1)
    tell(due(cast, "amira", at=due_moment(timezone.localdate() - day, dt.time(23, 59)), text="Yesterday"))
    tell(due(cast, "amira", at=due_moment(timezone.localdate(), dt.time(0, 0)), text="Today"))
    with access_context(route="tests", is_system=True):
        assert [task.text for task in overdue_tasks(cast["amira"])] == ["Yesterday"]


def test_who_may_not_see_the_patient_sees_neither_task_nor_notification(cast: Cast) -> None:
    tell(due(cast, "amira"))
    send_everything()
    with access_context(route="tests", is_system=True):
        assert notifications(cast["amira"]).exists()
        membership = cast["amira"].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()
        assert not open_tasks(cast["amira"]).exists()
        assert not notifications(cast["amira"]).exists()


def test_a_lead_sees_what_is_overdue_in_the_own_team_only(cast: Cast) -> None:
    long_ago = timezone.now() - dt.timedelta(days=3)
    tell(due(cast, "amira", "pete", at=long_ago))
    tell(due(cast, "sol", at=long_ago, patient_id=cast.sam.pk, text="South's"))
    with access_context(route="tests", is_system=True):
        assert {r.recipient.username for r in team_overdue_tasks(cast["lena"])} == {"amira", "pete"}
        assert {r.recipient.username for r in team_overdue_tasks(cast["sia"])} == {"sol"}
        assert list(team_overdue_tasks(cast["amira"])) == []


def test_a_lead_still_sees_the_overdue_task_of_somebody_who_left(cast: Cast) -> None:
    tell(due(cast, "amira", at=timezone.now() - dt.timedelta(days=3)))
    tell(due(cast, "amira", at=timezone.now() - dt.timedelta(days=3), patient_id=None, text="Own training"))
    with access_context(route="tests", is_system=True):
        membership = cast["amira"].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()
        assert [r.text for r in team_overdue_tasks(cast["lena"])] == ["Review the plan"]


@pytest.mark.parametrize(
    ("on", "at", "utc"),
    [
        # 2026: the clocks go forward on 29 March at 01:00 and back on 25 October at 02:00.
        (dt.date(2026, 3, 28), dt.time(9), "2026-03-28T09:00"),
        (dt.date(2026, 3, 29), dt.time(9), "2026-03-29T08:00"),
        (dt.date(2026, 3, 29), dt.time(1, 30), "2026-03-29T01:30"),
        (dt.date(2026, 3, 29), dt.time(0, 59), "2026-03-29T00:59"),
        (dt.date(2026, 10, 24), dt.time(9), "2026-10-24T08:00"),
        (dt.date(2026, 10, 25), dt.time(9), "2026-10-25T09:00"),
        (dt.date(2026, 10, 25), dt.time(1, 30), "2026-10-25T00:30"),
        (dt.date(2026, 10, 25), dt.time(0), "2026-10-24T23:00"),
    ],
)
def test_due_times_are_utc_of_londons_clock_over_both_clock_changes(
    on: dt.date, at: dt.time, utc: str
) -> None:
    assert due_moment(on, at) == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    assert due_moment(on, at).tzinfo is dt.UTC


def test_writing_reminders_takes_one_statement_for_one_or_four_recipients(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    one, four = due(cast, "amira"), due(cast, "amira", "pete", "lena", "dev", kind="other")
    # Beside it stands only who is at work, for the row policies: told before, and told back after.
    with access_context(route="tests", actor=cast["amira"]):
        with django_assert_num_queries(3):
            announce(one)
        with django_assert_num_queries(3):
            announce(four)
