"""Tasks and notifications as their owners see them, and as nobody else does."""

from __future__ import annotations

import datetime as dt
import html
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from core.due import Due, announce, settle
from reminders import stuck_mail, ticks
from reminders.models import EmailMessageOut, Notification, Reminder
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def tell(cast: Cast, *names: str, send: bool = True, **changes: Any) -> Due:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "subject": f"tests.fact:{uuid.uuid4()}",
        "at": timezone.now() - dt.timedelta(minutes=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan",
        "link": "/some/plan/",
        "patient_id": cast.nora.pk,
    }
    due = Due(**fields | changes)
    with access_context(route="tests", is_system=True):
        announce(due)
    if send:
        ticks.send_due()
    return due


def the_notification(name: str) -> Notification:
    return Notification.objects.get(user__username=name)


def the_reminder(name: str) -> Reminder:
    with access_context(route="tests", is_system=True):
        return Reminder.objects.get(recipient__username=name)


def page(client: Client, cast: Cast, name: str, address: str, status: int = 200) -> str:
    answer = sign_in(client, cast[name]).get(address)
    assert answer.status_code == status
    return html.unescape(answer.content.decode())


def end_membership(cast: Cast, name: str) -> None:
    with access_context(route="tests", is_system=True):
        membership = cast[name].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()


def test_a_notification_says_what_about_whom_and_leads_there(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    shown = page(client, cast, "amira", "/notifications/")
    assert '<a class="app-tasks__link" href="/some/plan/"' in shown
    assert f"Nora Quill ({cast.nora.reference})" in shown
    assert "New" in shown


def test_other_peoples_notifications_are_not_on_ones_page(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    assert "No notifications yet." in page(client, cast, "pete", "/notifications/")


def test_who_lost_the_relationship_reads_nothing_any_more(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    end_membership(cast, "amira")
    for address in ("/notifications/", "/tasks/"):
        shown = page(client, cast, "amira", address)
        assert "Review the plan" not in shown
        assert "Nora" not in shown
    answer = client.post(f"/notifications/{the_notification('amira').pk}/read/")
    assert answer.status_code == 404


def test_marking_one_as_read_leaves_the_others_unread(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    tell(cast, "amira", text="Another")
    first, second = Notification.objects.order_by("created_at")
    sign_in(client, cast["amira"]).post(f"/notifications/{first.pk}/read/")
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.read_at is not None
    assert second.read_at is None


def test_marking_all_as_read_touches_nobody_elses(cast: Cast, client: Client) -> None:
    tell(cast, "amira", "pete")
    sign_in(client, cast["amira"]).post("/notifications/read/")
    assert the_notification("amira").read_at is not None
    assert the_notification("pete").read_at is None


def test_somebody_elses_notification_is_404_like_none_at_all(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    sign_in(client, cast["lena"])
    other = client.post(f"/notifications/{the_notification('amira').pk}/read/")
    none = client.post(f"/notifications/{uuid.uuid4()}/read/")
    assert (other.status_code, none.status_code) == (404, 404)
    assert other.content == none.content
    assert the_notification("amira").read_at is None


@pytest.mark.parametrize(
    "address",
    [
        "/notifications/read/",
        f"/notifications/{uuid.UUID(int=1)}/read/",
        f"/tasks/{uuid.UUID(int=1)}/done/",
        f"/stuck-emails/{uuid.UUID(int=1)}/",
    ],
)
def test_what_changes_something_is_not_reached_by_a_link(cast: Cast, client: Client, address: str) -> None:
    page(client, cast, "tess", address, status=405)


def test_tasks_are_those_open_with_the_overdue_ones_first(cast: Cast, client: Client) -> None:
    day = dt.timedelta(days=1)
    tell(cast, "amira", text="Due tomorrow", at=timezone.now() + day)
    tell(cast, "amira", text="Long overdue", at=timezone.now() - 5 * day)
    tell(cast, "amira", text="Only to know", is_task=False)
    done = tell(cast, "amira", text="Done already")
    with access_context(route="tests", is_system=True):
        settle(kind=done.kind, subject=done.subject)
    shown = page(client, cast, "amira", "/tasks/")
    assert (
        shown.index("Long overdue")
        < shown.index("Today and the next two weeks")
        < shown.index("Due tomorrow")
    )
    assert "5 days overdue" in shown
    assert "Only to know" not in shown
    assert "Done already" not in shown
    assert "/done/" not in shown


def test_an_empty_task_list_says_so(cast: Cast, client: Client) -> None:
    assert "Nothing waits for you in the next two weeks." in page(client, cast, "amira", "/tasks/")


def test_a_task_with_a_fact_is_not_ticked_off(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    sign_in(client, cast["amira"])
    answer = client.post(f"/tasks/{the_reminder('amira').pk}/done/", follow=True)
    assert "This task is done by doing what it asks for." in answer.content.decode()
    assert the_reminder("amira").settled_at is None


def test_a_task_without_a_fact_is_ticked_off_for_all_who_have_it(cast: Cast, client: Client) -> None:
    tell(cast, "amira", "pete", is_ticked_off=True)
    key = the_reminder("amira").pk
    assert f"/tasks/{key}/done/" in page(client, cast, "amira", "/tasks/")
    assert "Task done" in client.post(f"/tasks/{key}/done/", follow=True).content.decode()
    assert the_reminder("pete").settled_at is not None


def test_somebody_elses_task_is_404(cast: Cast, client: Client) -> None:
    tell(cast, "amira", is_ticked_off=True)
    sign_in(client, cast["pete"])
    assert client.post(f"/tasks/{the_reminder('amira').pk}/done/").status_code == 404
    assert the_reminder("amira").settled_at is None


def test_a_lead_sees_the_teams_overdue_tasks_with_who_has_them(cast: Cast, client: Client) -> None:
    tell(cast, "amira", "pete", at=timezone.now() - dt.timedelta(days=2))
    tell(cast, "sol", at=timezone.now() - dt.timedelta(days=2), patient_id=cast.sam.pk, text="South")
    shown = page(client, cast, "lena", "/tasks/team/")
    assert shown.count("Review the plan") == 1
    assert "With Amira Adeyemi, Pete Parr" in shown
    assert "South" not in shown


@pytest.mark.parametrize(
    ("name", "team", "stuck"),
    [
        ("amira", 403, 403),
        ("pete", 403, 403),
        ("lena", 200, 403),
        ("dev", 200, 403),
        ("tess", 403, 200),
        ("oona", 403, 200),
        ("ivy", 403, 403),
        ("rhea", 403, 403),
        ("odd", 403, 403),
    ],
)
def test_team_tasks_are_for_leads_and_stuck_mails_for_administrators(
    cast: Cast, client: Client, name: str, team: int, stuck: int
) -> None:
    tabs = page(client, cast, name, "/tasks/")
    assert ("/tasks/team/" in tabs) == (team == 200)
    assert ("/stuck-emails/" in tabs) == (stuck == 200)
    page(client, cast, name, "/tasks/team/", status=team)
    page(client, cast, name, "/stuck-emails/", status=stuck)


@pytest.mark.parametrize("address", ["/tasks/", "/notifications/", "/tasks/team/", "/stuck-emails/"])
def test_nobody_reads_reminders_without_signing_in(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert "/account/login/" in answer["Location"]


def test_notifications_come_25_a_page_and_all_of_them_once(cast: Cast, client: Client) -> None:
    tell(cast, "amira", send=False)
    for number in range(59):
        tell(cast, "amira", send=False, text=f"Number {number}.")
    ticks.send_due()
    # Equal times must neither hide nor repeat a row.
    Notification.objects.update(created_at=timezone.now())
    sign_in(client, cast["amira"])
    address, seen = "/notifications/", 0
    lengths = []
    while address:
        shown = client.get(address).content.decode()
        lengths.append(shown.count("app-tasks__item"))
        seen += lengths[-1]
        link = shown.partition('app-pager__link--next" href="')[2].partition('"')[0]
        address = html.unescape(link)
    assert lengths == [25, 25, 10]
    assert seen == 60


def test_tasks_come_25_a_page(cast: Cast, client: Client) -> None:
    for number in range(30):
        tell(cast, "amira", send=False, at=timezone.now() - dt.timedelta(minutes=number))
    shown = page(client, cast, "amira", "/tasks/")
    assert shown.count("app-tasks__item") == 25
    link = shown.partition('app-pager__link--next" href="')[2].partition('"')[0]
    assert client.get(link).content.decode().count("app-tasks__item") == 5


@pytest.mark.parametrize(
    "cursor", ["", "x", "2026-01-01_x", "2026-01-01T00:00:00_00000000-0000-4000-8000-000000000001", "\x00"]
)
def test_a_broken_cursor_starts_at_the_top(cast: Cast, client: Client, cursor: str) -> None:
    tell(cast, "amira")
    sign_in(client, cast["amira"])
    assert b"Review the plan" in client.get("/notifications/", {"before": cursor}).content
    assert b"Review the plan" in client.get("/tasks/", {"after": cursor}).content


@pytest.mark.parametrize("address", ["/notifications/", "/tasks/", "/tasks/team/"])
def test_a_list_takes_as_many_statements_for_one_row_as_for_twenty(
    cast: Cast, client: Client, address: str
) -> None:
    long_ago = timezone.now() - dt.timedelta(days=2)
    sign_in(client, cast["lena"])
    tell(cast, "lena", at=long_ago)
    one = statements(client, address)
    for _ in range(19):
        tell(cast, "lena", send=False, at=long_ago)
    ticks.send_due()
    assert statements(client, address) == one


def test_the_list_of_stuck_mails_takes_as_many_statements_for_one_as_for_ten(
    cast: Cast, client: Client
) -> None:
    sign_in(client, cast["tess"])

    def get_stuck(number: int) -> None:
        for _ in range(number):
            mail = EmailMessageOut(recipient=cast["amira"], reminder_count=1, marked_at=timezone.now())
            EmailMessageOut.objects.bulk_create([mail])
            stuck_mail.hand_to_person(mail, 0, EmailMessageOut.Problem.UNKNOWN)

    get_stuck(1)
    one = statements(client, "/stuck-emails/")
    get_stuck(9)
    assert statements(client, "/stuck-emails/") == one
    assert client.get("/stuck-emails/").content.decode().count("Stopped trying") == 10


def statements(client: Client, address: str) -> int:
    client.get(address)  # warms what is kept in memory
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_header_tells_how_many_notifications_are_unread(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    tell(cast, "amira")
    shown = page(client, cast, "amira", "/tasks/")
    assert '<span class="app-count">2<span class="nhsuk-u-visually-hidden"> waiting</span></span>' in shown
    client.post("/notifications/read/")
    assert "app-count" not in page(client, cast, "amira", "/tasks/")


@pytest.mark.parametrize(
    ("name", "address", "route", "role", "relationship"),
    [
        ("amira", "/tasks/", "tasks", "clinical mentor", "case team"),
        ("amira", "/notifications/", "notifications", "clinical mentor", "case team"),
        ("pete", "/tasks/", "tasks", "police mentor", "case team"),
        ("lena", "/tasks/team/", "team_tasks", "clinical lead", "supervision"),
    ],
)
def test_reading_a_list_is_on_the_trail_with_the_patients_listed(
    cast: Cast, client: Client, name: str, address: str, route: str, role: str, relationship: str
) -> None:
    tell(cast, "amira", "pete", at=timezone.now() - dt.timedelta(days=2))
    page(client, cast, name, address)
    with access_context(route="tests", is_system=True):
        entry = LogEntry.objects.get(route=f"reminders:{route}")
        (subject,) = EntrySubject.objects.filter(entry_id=entry.pk)
    assert entry.actor == cast[name]
    assert (entry.role, entry.team, entry.outcome) == (role, "North team", "ok")
    assert (entry.action_word, entry.purpose) == ("access", "direct care")
    assert (subject.patient_id, subject.patient_reference) == (cast.nora.pk, cast.nora.reference)
    assert (subject.is_opened, subject.relationship) == (False, relationship)


def test_an_attempt_on_somebody_elses_notification_is_on_the_trail(cast: Cast, client: Client) -> None:
    tell(cast, "amira")
    sign_in(client, cast["sol"]).post(f"/notifications/{the_notification('amira').pk}/read/")
    with access_context(route="tests", is_system=True):
        entry = LogEntry.objects.get(route="reminders:mark_read")
    assert (entry.actor, entry.outcome) == (cast["sol"], "not found")


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "‮reversed", "🫶🏽 emoji", "x" * 20_000, "&lt;b&gt;"]
)
def test_hostile_text_is_shown_inert(cast: Cast, client: Client, text: str) -> None:
    tell(cast, "amira", text=text)
    for address in ("/tasks/", "/notifications/"):
        answer = sign_in(client, cast["amira"]).get(address).content.decode()
        assert "<script>alert" not in answer
        assert text in html.unescape(answer)
