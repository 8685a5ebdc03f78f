"""From a fact to reminder rows: written with it, once, at the right moment, and gone when it is settled."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Act, Role
from audit.context import access_context
from core.access_guard import recorded_query
from core.acting import acting_as_system
from core.due import Due, announce, due_moment, reschedule, settle
from reminders.delivery import claim_due, send_claimed
from reminders.housekeeping import close_lost_notifications
from reminders.models import Notification, Reminder
from reminders.selectors import (
    notifications,
    open_tasks,
    overdue_tasks,
    team_overdue_tasks,
    unread_count,
)
from tests.people import Cast, clear, make_cast

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
    tell(
        due(cast, "amira", at=timezone.now() - dt.timedelta(days=3), patient_id=None, text="Own", kind="own")
    )
    with access_context(route="tests", is_system=True):
        membership = cast["amira"].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()
        assert [r.text for r in team_overdue_tasks(cast["lena"])] == ["Review the plan"]


def of_team(cast: Cast, *names: str, **changes: Any) -> Due:
    """The business of North's leads, about nobody, three days ago."""
    fields: dict[str, Any] = {"patient_id": None, "team": cast.north.pk, "act": Act.CHANGE_CASE}
    return due(cast, *names, **{"at": timezone.now() - dt.timedelta(days=3)} | fields | changes)


def found_by(user: User) -> dict[str, int]:
    """How many of them each list of a user holds, at a new request."""
    fresh = User.objects.get(pk=user.pk)
    with access_context(route="tests", actor=fresh):
        lists = {
            "tasks": open_tasks(fresh),
            "overdue": overdue_tasks(fresh),
            "team": team_overdue_tasks(fresh),
            "notifications": notifications(fresh),
        }
        return {name: len(list(rows)) for name, rows in lists.items()}


NOTHING = {"tasks": 0, "overdue": 0, "team": 0, "notifications": 0}
EVERYWHERE = {"tasks": 1, "overdue": 1, "team": 1, "notifications": 1}


def end_role(cast: Cast, name: str) -> None:
    with access_context(route="tests", is_system=True):
        Membership.objects.filter(user=cast[name]).update(ended_at=timezone.now(), ended_by=cast["tess"])


def lapse(cast: Cast, name: str) -> None:
    with access_context(route="tests", is_system=True):
        clear(cast[name], timezone.localdate() - dt.timedelta(days=1))


def test_a_teams_business_is_there_for_those_who_may_do_it_in_the_team(cast: Cast) -> None:
    tell(of_team(cast, "lena"))
    send_everything()
    assert found_by(cast["lena"]) == EVERYWHERE
    assert found_by(cast["dev"]) == NOTHING | {"team": 1}
    for name in ("amira", "pete", "tess", "sia", "ivy", "oona"):
        assert found_by(cast[name]) == NOTHING, name


@pytest.mark.parametrize("lose", [end_role, lapse])
def test_a_teams_business_goes_with_the_role_and_with_its_checks(
    cast: Cast, lose: Callable[[Cast, str], None]
) -> None:
    tell(of_team(cast, "lena"))
    send_everything()
    lose(cast, "lena")
    assert found_by(cast["lena"]) == NOTHING
    assert found_by(cast["dev"]) == NOTHING | {"team": 1}


def test_a_teams_business_does_not_follow_its_recipient_into_another_team(cast: Cast) -> None:
    with access_context(route="tests", is_system=True):
        Membership.objects.create(
            user=cast["lena"],
            role=Role.CLINICAL_LEAD,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    tell(of_team(cast, "lena"))
    assert found_by(cast["sia"]) == NOTHING
    with access_context(route="tests", is_system=True):
        Membership.objects.filter(user=cast["lena"], team=cast.north).update(
            ended_at=timezone.now(), ended_by=cast["tess"]
        )
    assert found_by(cast["lena"]) == NOTHING


def test_a_role_of_an_organisation_is_held_for_its_teams(cast: Cast) -> None:
    tell(of_team(cast, "ivy", "igor", "iris", act=Act.REVIEW_BREAK_GLASS))
    assert {name: found_by(cast[name])["tasks"] for name in ("ivy", "igor", "iris")} == {
        "ivy": 1,
        "igor": 1,
        "iris": 0,
    }
    end_role(cast, "ivy")
    assert found_by(cast["ivy"]) == NOTHING


def test_what_is_for_a_role_in_whichever_team_is_its_recipients_while_they_hold_it(cast: Cast) -> None:
    tell(of_team(cast, "tess", "amira", team=None, act=Act.MANAGE_PEOPLE))
    assert found_by(cast["tess"])["tasks"] == 1
    for name in ("stan", "oona", "amira", "lena"):
        assert found_by(cast[name]) == NOTHING, name
    end_role(cast, "tess")
    assert found_by(cast["tess"]) == NOTHING


def test_what_names_neither_patient_nor_role_is_personal(cast: Cast) -> None:
    tell(of_team(cast, "amira", "lena", team=None, act=""))
    assert found_by(cast["amira"])["tasks"] == 1
    assert found_by(cast["lena"]) == NOTHING | {"tasks": 1, "overdue": 1}
    for name in ("dev", "tess", "pete"):
        assert found_by(cast[name]) == NOTHING, name


def test_a_team_without_an_act_is_refused(cast: Cast) -> None:
    with pytest.raises(ValueError, match="may do something"):
        tell(of_team(cast, "lena", act=""))


def test_what_was_lost_with_a_role_is_unread_until_the_housekeeping(cast: Cast) -> None:
    tell(of_team(cast, "lena", "dev"))
    tell(of_team(cast, "lena", team=None, act="", kind="own"))
    send_everything()
    end_role(cast, "lena")
    with acting_as_system():
        close_lost_notifications()
    unread = Notification.objects.filter(read_at__isnull=True).order_by("user__username")
    with access_context(route="tests", is_system=True):
        left = [(n.user.username, n.reminder.kind) for n in unread.select_related("user", "reminder")]
    assert left == [("dev", "plan-review"), ("lena", "own")]


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
