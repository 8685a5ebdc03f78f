"""S31: break-glass is on the trail, and its leads and officers are told at once, without identifying content."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from cases.services.break_glass_reviews import escalate_overdue_reviews
from reminders import ticks
from reminders.models import Notification, Reminder
from tests.break_glass import (
    SENTENCE,
    appointed,
    ask,
    mentors_in_south_too,
    opened,
    record_of,
    stated,
    told,
)
from tests.contact_log import looking
from tests.people import Cast, clear, make_cast
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def test_s31_opening_and_reading_stand_on_the_trail_with_relationship_and_reason(
    cast: Cast, sol: Client
) -> None:
    ask(sol, stated(cast.nora))
    sol.get(record_of(cast.nora))
    opening, change = trail_entries(route="cases:break_glass")
    (reading,) = trail_entries(route="patient_record")
    for entry in (opening, change, reading):
        assert entry.relationship == "break-glass"
        assert entry.reason == "Break-glass: The person is in crisis and in contact with me now"
        assert entry.outcome == "ok"
    assert change.object_repr.startswith("opening by break-glass")
    assert SENTENCE not in str(change.changes)


def test_s31_leads_and_officers_are_told_at_once_without_identifying_content(cast: Cast, sol: Client) -> None:
    ask(sol, stated(cast.nora))
    texts = told("break-glass-opened")
    assert set(texts) == {"lena", "dev", "ivy", "igor", "iris"}
    with looking():
        rows = list(Reminder.objects.filter(kind="break-glass-opened"))
        assert {(row.is_urgent, row.patient_id) for row in rows} == {(True, None)}
    ticks.tick()
    assert Notification.objects.filter(user=cast["ivy"]).count() == 1
    letters = " ".join(f"{m.subject} {m.body}" for m in mail.outbox)
    assert {m.to[0] for m in mail.outbox} >= {"lena@example.org", "ivy@example.org", "igor@example.org"}
    for text in [*texts.values(), letters]:
        for hidden in ("Nora", "Quill", cast.nora.reference, SENTENCE):
            assert hidden not in text
    assert "Sol" not in letters
    assert "Sol Sorrel (clinical mentor, South team, Southbay Trust)" in texts["lena"]


@pytest.mark.parametrize(
    ("name", "text"), [("lena", "opened a record"), ("ivy", "opened a record"), ("iris", "of another team")]
)
def test_s31_whoever_is_lead_or_officer_no_more_is_told_nothing(cast: Cast, name: str, text: str) -> None:
    opened(cast["sol"], cast.nora)
    ticks.send_due()
    assert text in sign_in(Client(), cast[name]).get("/notifications/").content.decode()
    opened(cast["sia"], cast.nora)
    with looking():
        Membership.objects.filter(user=cast[name]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    mail.outbox.clear()
    ticks.tick()
    assert f"{name}@example.org" not in {letter.to[0] for letter in mail.outbox}
    assert text not in sign_in(Client(), cast[name]).get("/notifications/").content.decode()


def without_anybody_to_tell(cast: Cast) -> None:
    """Both leads of North have lapsed, and there is no information governance officer on its side."""
    with looking():
        for name in ("lena", "dev"):
            clear(cast[name], timezone.localdate() - dt.timedelta(days=1))
        officers = Membership.objects.filter(user__username__in=["ivy", "igor"])
        officers.update(ended_at=timezone.now(), ended_by=cast["oona"])


@pytest.mark.parametrize("officers_of_author", [[], ["iris"]])
def test_s31_where_nobody_can_be_told_the_administrators_are_asked_for_somebody_at_once(
    cast: Cast, officers_of_author: list[str]
) -> None:
    without_anybody_to_tell(cast)
    if not officers_of_author:
        with looking():
            Membership.objects.filter(user=cast["iris"]).update(
                ended_at=timezone.now(), ended_by=cast["oona"]
            )
    opened(cast["sol"], cast.nora)
    assert list(told("break-glass-opened")) == officers_of_author
    asked = told("break-glass-without-reviewer")
    assert set(asked) == {"tess"}
    for hidden in ("Nora", "Quill", cast.nora.reference, "Sol", SENTENCE):
        assert hidden not in asked["tess"]
    with looking():
        (task,) = Reminder.objects.filter(kind="break-glass-without-reviewer")
    assert (task.is_task, task.is_urgent, task.patient_id, task.link) == (
        True,
        True,
        None,
        reverse("accounts:people"),
    )
    ticks.tick()
    assert "tess@example.org" in {letter.to[0] for letter in mail.outbox}


def test_s31_what_nobody_was_told_is_asked_again_when_it_is_overdue_and_settled_when_somebody_is_there(
    cast: Cast,
) -> None:
    without_anybody_to_tell(cast)
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    with looking():
        asked = Reminder.objects.filter(kind="break-glass-without-reviewer", settled_at__isnull=True)
        assert {(r.recipient_id, r.due_at) for r in asked} == {
            (cast["tess"].pk, glass.opened_at),
            (cast["tess"].pk, glass.review_due_at),
        }
    appointed(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
    with looking():
        assert not asked.all().exists()


def test_s31_somebody_told_spares_the_administrators(cast: Cast) -> None:
    opened(cast["sol"], cast.nora)
    assert told("break-glass-without-reviewer") == {}


def test_s31_a_review_is_no_task_of_another_team_in_which_its_lead_works(cast: Cast) -> None:
    mentors_in_south_too(cast, cast["lena"])
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=2), tick=True):
        ticks.tick()
        for name, finds in (("dev", True), ("sia", False)):
            page = sign_in(Client(), cast[name]).get("/tasks/team/").content.decode()
            assert ("Review the break-glass" in page, str(cast.nora.pk) in page) == (finds, finds), name
