"""S06: a plan past its review date is marked on every output, and its review has become the leads' task."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.context import access_context
from crisis_plans.models import PlanVersion
from crisis_plans.presenters import expired_words
from crisis_plans.services import announce_review
from crisis_plans.services.reviews import REVIEW, review_due_at, subject_of
from reminders.models import Reminder
from tests.people import Cast, make_cast
from tests.plans import approved, submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

OUTPUTS = ["crisis_plans:plan", "crisis_plans:plan_print", "patient_record"]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def plan(cast: Cast) -> PlanVersion:
    with access_context(route="tests.s06", is_system=True):
        return approved(cast)


def on(plan: PlanVersion, days: int) -> dt.datetime:
    assert plan.review_on is not None
    return dt.datetime.combine(plan.review_on + dt.timedelta(days=days), dt.time(12), tzinfo=dt.UTC)


@pytest.mark.parametrize("output", OUTPUTS)
def test_s06_expired_plan_says_so_on_every_output(
    cast: Cast, client: Client, plan: PlanVersion, output: str
) -> None:
    with time_machine.travel(on(plan, 1)):
        sign_in(client, cast["pete"])
        page = client.get(reverse(output, args=[cast.nora.pk])).content.decode()
    assert "Expired: this plan was to be reviewed by" in page
    assert "Speak slowly." in page, "An expired plan does not vanish."


@pytest.mark.parametrize("output", OUTPUTS)
def test_s06_plan_is_not_expired_on_its_review_date(
    cast: Cast, client: Client, plan: PlanVersion, output: str
) -> None:
    with time_machine.travel(on(plan, 0)):
        sign_in(client, cast["pete"])
        page = client.get(reverse(output, args=[cast.nora.pk])).content.decode()
    assert "Expired" not in page
    assert "Speak slowly." in page


def test_s06_list_of_versions_marks_the_expired_plan(cast: Cast, client: Client, plan: PlanVersion) -> None:
    with time_machine.travel(on(plan, 1)):
        sign_in(client, cast["amira"])
        page = client.get(reverse("crisis_plans:plan_versions", args=[cast.nora.pk])).content.decode()
    assert "Approved, expired" in page


def test_s06_version_that_was_never_the_plan_does_not_count_as_expired(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s06", is_system=True):
        version = submitted(cast)
    with time_machine.travel(on(version, 30)):
        sign_in(client, cast["amira"])
        address = reverse("crisis_plans:plan_version", args=[cast.nora.pk, version.number])
        page = client.get(address).content.decode()
    assert "Expired" not in page
    assert "is waiting for approval and is not the plan yet" in page


def reminders_of(version: PlanVersion) -> list[Reminder]:
    with access_context(route="tests.s06", is_system=True):
        of_version = Reminder.objects.filter(kind=REVIEW, subject=subject_of(version))
        return list(of_version.select_related("recipient").order_by("recipient__username"))


def test_s06_review_is_the_task_of_leads_and_mentors_from_the_review_date(
    cast: Cast, plan: PlanVersion
) -> None:
    reminders = reminders_of(plan)
    assert [r.recipient.username for r in reminders] == ["amira", "dev", "lena", "pete"]
    assert plan.review_on is not None
    assert {r.due_at for r in reminders} == {review_due_at(plan.review_on)}
    assert all(r.is_task and r.settled_at is None for r in reminders)
    assert cast.nora.full_name not in reminders[0].text
    assert cast.nora.reference in reminders[0].text


@pytest.mark.parametrize(
    ("review_on", "at"),
    [
        (dt.date(2027, 1, 15), dt.datetime(2027, 1, 15, 7, tzinfo=dt.UTC)),
        (dt.date(2027, 7, 15), dt.datetime(2027, 7, 15, 6, tzinfo=dt.UTC)),
        (dt.date(2027, 3, 28), dt.datetime(2027, 3, 28, 6, tzinfo=dt.UTC)),  # the clocks go forward
        (dt.date(2027, 10, 31), dt.datetime(2027, 10, 31, 7, tzinfo=dt.UTC)),  # and back
    ],
)
def test_s06_review_falls_due_at_seven_in_london(review_on: dt.date, at: dt.datetime) -> None:
    assert review_due_at(review_on) == at


def test_s06_next_approval_settles_the_former_review(cast: Cast, plan: PlanVersion) -> None:
    with access_context(route="tests.s06", is_system=True):
        newer = approved(cast, about_me="I swim.", review_on=timezone.localdate() + dt.timedelta(days=100))
    assert all(r.settled_at is not None for r in reminders_of(plan))
    assert all(r.settled_at is None for r in reminders_of(newer))
    assert len(reminders_of(newer)) == 4


def test_s06_review_announced_at_another_time_takes_the_place_of_the_first(
    cast: Cast, plan: PlanVersion
) -> None:
    soon = timezone.now() + dt.timedelta(seconds=40)
    with access_context(route="tests.s06", is_system=True):
        announce_review(version=plan, at=soon)
    open_at = {r.due_at for r in reminders_of(plan) if r.settled_at is None}
    assert open_at == {soon}


def test_s06_words_are_empty_before(plan: PlanVersion) -> None:
    assert expired_words(plan) == ""
