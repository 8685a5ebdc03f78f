"""S31: a review that is overdue goes to everybody in charge, and raises an alert."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from audit.alerts.models import Alert
from cases.models import BreakGlass
from cases.services import break_glass_reviews
from cases.services.break_glass_reviews import escalate_overdue_reviews
from reminders.models import Reminder
from tests.break_glass import (
    SENTENCE,
    appointed,
    close_for_good,
    opened,
    over,
    reviewed,
    told,
)
from tests.contact_log import looking
from tests.people import Cast, make_cast
from tests.sessions import trail_entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_s31_an_overdue_review_goes_to_leads_deputies_and_officers_once_and_urgently(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at - dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 1
        assert escalate_overdue_reviews() == 0
    texts = told("break-glass-review-overdue")
    assert set(texts) == {"lena", "dev", "ivy", "igor"}
    with looking():
        rows = list(Reminder.objects.filter(kind="break-glass-review-overdue"))
        assert {(row.is_urgent, row.is_task, row.patient_id) for row in rows} == {(True, True, None)}
    assert not [text for text in texts.values() if "Nora" in text or cast.nora.reference in text]


def test_s31_an_overdue_review_raises_an_alert_about_the_opening(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        escalate_overdue_reviews()
    with looking():
        (alert,) = Alert.objects.select_related("worker")
    assert (alert.kind, alert.worker, alert.patient_id) == (
        "break-glass not reviewed",
        cast["sol"],
        cast.nora.pk,
    )
    assert alert.day == timezone.localdate(glass.opened_at)


def test_s31_a_reviewed_one_does_not_escalate_and_a_late_review_settles_it(cast: Cast) -> None:
    early, late = opened(cast["sol"], cast.nora), opened(cast["sia"], cast.nora)
    with time_machine.travel(over(early)):
        reviewed(cast["lena"], early)
    with time_machine.travel(late.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 1
        reviewed(cast["ivy"], late)
    with looking():
        assert not Reminder.objects.filter(
            kind="break-glass-review-overdue", settled_at__isnull=True
        ).exists()


def without_reviewers(cast: Cast) -> BreakGlass:
    """An opening of Nora's record by her own team's lead, and no officer at work: nobody may review it."""
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    with looking():
        officers = Membership.objects.filter(user__username__in=["ivy", "igor"])
        officers.update(ended_at=timezone.now(), ended_by=cast["oona"])
        Membership.objects.filter(user=cast["dev"]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    return glass


def test_s31_where_nobody_may_review_the_administrators_are_asked_for_somebody(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    asked = told("break-glass-without-reviewer")
    assert set(asked) == {"tess"}
    for hidden in ("Nora", cast.nora.reference, SENTENCE):
        assert hidden not in asked["tess"]
    with looking():
        (task,) = Reminder.objects.filter(kind="break-glass-without-reviewer")
    assert (task.is_task, task.is_urgent, task.patient_id, task.link) == (
        True,
        True,
        None,
        reverse("accounts:people"),
    )
    assert told("break-glass-review-overdue") == {}


def test_s31_where_the_team_has_no_administrator_those_of_its_organisations_are_asked(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with looking():
        Membership.objects.filter(user=cast["tess"]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        escalate_overdue_reviews()
    assert set(told("break-glass-without-reviewer")) == {"oona"}


def test_s31_with_nobody_left_to_tell_it_is_tried_again_on_the_next_day_and_not_before(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
        tried = len(trail_entries(route="break_glass.escalate"))
        appointed(cast)
        assert escalate_overdue_reviews() == 0
        assert len(trail_entries(route="break_glass.escalate")) == tried
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
        assert escalate_overdue_reviews() == 0
    assert set(told("break-glass-review-overdue")) == {"odd"}
    with looking():
        assert Reminder.objects.get(kind="break-glass-without-reviewer").settled_at is not None


def test_s31_one_that_nobody_may_review_holds_no_later_one_up(cast: Cast) -> None:
    stuck, later = without_reviewers(cast), opened(cast["sol"], cast.nora)
    south = opened(cast["amira"], cast.sam)
    for glass in (stuck, later):
        assert glass.review_due_at <= south.review_due_at
    with time_machine.travel(south.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 2
    with looking():
        waiting = BreakGlass.objects.filter(escalated_at__isnull=True)
        assert [glass.pk for glass in waiting] == [stuck.pk]


def test_s31_a_fault_with_one_undoes_no_other_and_is_tried_again_on_the_next_day(cast: Cast) -> None:
    broken, sound = opened(cast["sol"], cast.nora), opened(cast["amira"], cast.sam)
    announce = break_glass_reviews._announce

    def fail_for_one(glass: BreakGlass, *rest: Any, **more: Any) -> None:
        announce(glass, *rest, **more)
        if glass.pk == broken.pk:
            raise ValueError("half done")

    with time_machine.travel(sound.review_due_at + dt.timedelta(minutes=1)):
        with patch.object(break_glass_reviews, "_announce", fail_for_one):
            assert escalate_overdue_reviews() == 1
        assert set(told("break-glass-review-overdue")) == {"sia", "iris"}
        assert escalate_overdue_reviews() == 0
    with time_machine.travel(sound.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
    assert {"lena", "ivy"} <= set(told("break-glass-review-overdue"))
