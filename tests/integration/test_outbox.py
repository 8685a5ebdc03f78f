"""E-mails: when they go out, what they never say, and what happens when nobody can tell whether one left."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import os
import signal
import smtplib
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core import mail as django_mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from accounts.selectors import administrators_of
from audit.context import access_context
from audit.models import LogEntry
from core.due import Due, announce, due_moment
from core.errors import DomainError, NotAllowed, NotVisible
from reminders import mail, ticks
from reminders.housekeeping import do_daily_work
from reminders.models import DailyWork, EmailMessageOut, Notification
from reminders.outbox import Finding, look_up
from reminders.selectors import open_tasks, stuck_emails
from reminders.services import decide_about_email, mark_all_read
from reminders.working_days import digest_cutoff
from sim_casework.devstack.paths import REPOSITORY
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
really_committed = pytest.mark.django_db(transaction=True)

FOLDER = "reminders.outbox.FolderEmailBackend"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FOLDER, tmp_path / "outbox"
    return tmp_path / "outbox"


class ScriptedBackend(BaseEmailBackend):
    """A mail server that does what the test says: what ``send`` raises, what ``find`` answers, what has left."""

    on_open: ClassVar[Exception | None] = None
    on_send: ClassVar[Exception | None] = None
    finding: ClassVar[Finding | Exception] = Finding.UNKNOWN
    left: ClassVar[list[EmailMessage]] = []
    asked: ClassVar[list[uuid.UUID]] = []

    def open(self) -> None:
        if self.on_open:
            raise self.on_open

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if self.on_send:
            raise self.on_send
        self.left.extend(email_messages)
        return len(email_messages)

    def find(self, reference: uuid.UUID) -> Finding:
        self.asked.append(reference)
        if isinstance(self.finding, Exception):
            raise self.finding
        return self.finding


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[ScriptedBackend]:
    settings.EMAIL_BACKEND = f"{__name__}.ScriptedBackend"
    for name, value in {
        "on_open": None,
        "on_send": None,
        "finding": Finding.UNKNOWN,
        "left": [],
        "asked": [],
    }.items():
        monkeypatch.setattr(ScriptedBackend, name, value)
    return ScriptedBackend


def tell(cast: Cast, *names: str, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "kind": "plan-review",
        "subject": f"tests.fact:{uuid.uuid4()}",
        "at": timezone.now() - dt.timedelta(minutes=1),
        "recipients": [cast[name] for name in names],
        "text": "Review the plan",
        "link": "/x/",
        "patient_id": cast.nora.pk,
    }
    with access_context(route="tests", is_system=True):
        announce(Due(**fields | changes))
    ticks.send_due()


def came_at(*moments: dt.datetime) -> None:
    """Give the notifications their times, oldest first."""
    rows = Notification.objects.order_by("created_at")
    for row, moment in zip(rows, moments, strict=True):
        Notification.objects.filter(pk=row.pk).update(created_at=moment)


def london(text: str) -> dt.datetime:
    local = dt.datetime.fromisoformat(text)
    return due_moment(local.date(), local.time())


def lapse_leases() -> None:
    EmailMessageOut.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))


def the_email() -> EmailMessageOut:
    return EmailMessageOut.objects.select_related("recipient").get()


# What it says


def test_no_mail_says_anything_about_anybody(cast: Cast, folder: Path) -> None:
    canaries = ["Zephyrine", "Quackenbush", "Zeph-known-as", "1977", "Canary Lane", "01632 960777"]
    with access_context(route="tests", is_system=True):
        patient = make_patient(
            cast.north,
            cast["amira"],
            cast["pete"],
            given_name="Zephyrine",
            family_name="Quackenbush",
            preferred_name="Zeph-known-as",
            date_of_birth=dt.date(1977, 7, 7),
            address="7 Canary Lane",
            phone="01632 960777",
            nhs_number="9990000018",
        )
    for is_urgent in (False, True):
        tell(
            cast,
            "amira",
            "lena",
            kind="recall-of-zephyrine",
            text="Zephyrine Quackenbush, 7 Canary Lane: review",
            link=f"/patients/{patient.pk}/",
            patient_id=patient.pk,
            is_urgent=is_urgent,
        )
    ticks.tick()
    mails = list(folder.glob("*.eml"))
    assert len(mails) == 2
    for path in mails:
        parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        said = (path.read_bytes().decode() + parsed.get_content()).casefold()
        for canary in [*canaries, patient.reference, str(patient.pk), "9990000018", "recall", "North team"]:
            assert canary.casefold() not in said
        assert "Amira" not in said
        assert "patients" not in said


def test_a_mail_says_how_many_wait_and_where_to_read_them_and_no_more(
    cast: Cast, folder: Path, settings: Any
) -> None:
    settings.SERVICE_URL, settings.SERVICE_NAME = "https://casework.example.org", "Joint casework"
    settings.DEFAULT_FROM_EMAIL = "Joint casework <noreply@mail.example.org>"
    tell(cast, "amira")
    tell(cast, "amira")
    ticks.tick()
    (path,) = folder.glob("*.eml")
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert parsed.get_content() == (
        "You have 2 reminders in Joint casework. Sign in to read them.\n\nhttps://casework.example.org\n"
    )
    assert parsed["Subject"] == "Reminders in Joint casework"
    assert parsed["To"] == "amira@example.org"
    reference = the_email().pk
    assert parsed["Message-ID"] == f"<{reference}@mail.example.org>"
    assert path.name == f"{reference}.eml"


def test_one_reminder_is_one_reminder(cast: Cast) -> None:
    tell(cast, "amira")
    ticks.tick()
    (message,) = django_mail.outbox
    assert "You have 1 reminder in " in message.body
    assert "Sign in to read it." in message.body


# When it goes out


def test_a_digest_covers_what_came_before_its_hour_once_a_working_day(cast: Cast, settings: Any) -> None:
    settings.REMINDER_DIGEST_HOUR = 8
    tell(cast, "amira")
    tell(cast, "amira")
    tell(cast, "amira")
    # Wednesday 17 June 2026; two before eight, one after.
    came_at(london("2026-06-16T17:00"), london("2026-06-17T07:59"), london("2026-06-17T08:01"))
    for moment, mails in [
        ("2026-06-17T07:59", []),
        ("2026-06-17T08:00", [2]),
        ("2026-06-17T12:00", [2]),
        ("2026-06-18T07:59", [2]),
        ("2026-06-18T08:30", [2, 1]),
    ]:
        mail.compose_emails(london(moment))
        assert [m.reminder_count for m in EmailMessageOut.objects.order_by("queued_at")] == mails


def test_no_digest_at_the_weekend(cast: Cast, settings: Any) -> None:
    settings.REMINDER_DIGEST_HOUR = 8
    tell(cast, "amira")
    came_at(london("2026-06-19T20:00"))  # Friday evening
    for weekend in ("2026-06-20T10:00", "2026-06-21T10:00"):
        mail.compose_emails(london(weekend))
        assert not EmailMessageOut.objects.exists()
    mail.compose_emails(london("2026-06-22T08:00"))
    assert the_email().digest_on == dt.date(2026, 6, 22)


@pytest.mark.parametrize(
    ("on", "utc"),
    [
        (dt.date(2026, 3, 27), dt.time(8)),  # Friday before the clocks go forward
        (dt.date(2026, 3, 30), dt.time(7)),
        (dt.date(2026, 10, 23), dt.time(7)),  # Friday before they go back
        (dt.date(2026, 10, 26), dt.time(8)),
    ],
)
def test_the_digest_hour_is_londons_on_both_sides_of_the_clock_changes(
    settings: Any, on: dt.date, utc: dt.time
) -> None:
    settings.REMINDER_DIGEST_HOUR = 8
    moment = dt.datetime.combine(on, utc, tzinfo=dt.UTC)
    assert digest_cutoff(moment) == moment
    assert digest_cutoff(moment - dt.timedelta(seconds=1)) is None


def test_urgent_kinds_are_mailed_at_once_and_not_again_in_the_digest(cast: Cast, settings: Any) -> None:
    settings.REMINDER_DIGEST_HOUR = 8
    tell(cast, "amira", is_urgent=True)
    tell(cast, "amira")
    saturday = london("2026-06-20T03:00")
    came_at(saturday, saturday)
    mail.compose_emails(saturday)
    assert (the_email().is_urgent, the_email().reminder_count) == (True, 1)
    mail.compose_emails(london("2026-06-22T09:00"))
    assert [m.reminder_count for m in EmailMessageOut.objects.order_by("queued_at")] == [1, 1]


def test_what_was_read_before_the_digest_is_not_mailed(cast: Cast) -> None:
    tell(cast, "amira")
    mark_all_read(by=cast["amira"])
    ticks.tick()
    assert not EmailMessageOut.objects.exists()


def test_a_digest_does_not_count_patients_the_recipient_has_lost(cast: Cast) -> None:
    tell(cast, "amira")
    with access_context(route="tests", is_system=True):
        membership = cast["amira"].memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        membership.save()
    mail.compose_emails()
    assert not EmailMessageOut.objects.exists()


def test_who_has_left_gets_no_mail(cast: Cast, server: type[ScriptedBackend]) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    with access_context(route="tests", is_system=True):
        amira = cast["amira"]
        amira.is_active = False
        amira.save()
    assert mail.send_emails() == 0
    assert server.left == []


def test_the_database_refuses_a_second_digest_of_one_day(cast: Cast) -> None:
    first = {"recipient": cast["amira"], "reminder_count": 1, "digest_on": dt.date(2026, 6, 17)}
    EmailMessageOut.objects.bulk_create([EmailMessageOut(**first)])
    with pytest.raises(IntegrityError, match="email_one_digest_a_day"):
        EmailMessageOut.objects.bulk_create([EmailMessageOut(**first)])


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"reminder_count": 0}, "email_has_something_to_say"),
        ({"sent_at": timezone.now()}, "email_marked_before_sent"),
        ({"stuck_at": timezone.now()}, "email_stuck_with_its_problem"),
        ({"problem": "unknown"}, "email_stuck_with_its_problem"),
        ({"decision": "leave"}, "email_decided_by_at_and_how"),
    ],
)
def test_the_database_refuses_an_e_mail_that_contradicts_itself(
    cast: Cast, changes: dict[str, Any], name: str
) -> None:
    fields = {"recipient": cast["amira"], "reminder_count": 1} | changes
    with pytest.raises(IntegrityError, match=name):
        EmailMessageOut.objects.bulk_create([EmailMessageOut(**fields)])


# Marked before the call, looked up afterwards


def crash_after_marking(cast: Cast) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    assert mail.claim_email() is not None
    lapse_leases()


@really_committed
def test_the_mark_is_committed_before_the_mail_server_is_called(
    cast: Cast, server: type[ScriptedBackend], monkeypatch: pytest.MonkeyPatch, owner_connection: Any
) -> None:
    tell(cast, "amira")
    seen = []

    def look(self: ScriptedBackend, messages: Sequence[EmailMessage]) -> int:
        seen.append(owner_connection.execute("SELECT marked_at FROM reminders_emailmessageout").fetchone())
        return 1

    monkeypatch.setattr(ScriptedBackend, "send_messages", look)
    ticks.tick()
    assert len(seen) == 1
    assert seen[0][0] is not None


def test_a_mail_found_to_have_left_before_a_crash_is_not_sent_again(
    cast: Cast, server: type[ScriptedBackend]
) -> None:
    crash_after_marking(cast)
    server.finding = Finding.SENT
    mail.send_emails()
    assert server.left == []
    assert server.asked == [the_email().pk]
    assert the_email().sent_at is not None


def test_a_mail_found_not_to_have_left_before_a_crash_is_sent_under_its_old_reference(
    cast: Cast, server: type[ScriptedBackend]
) -> None:
    crash_after_marking(cast)
    server.finding = Finding.NOT_SENT
    assert mail.send_emails() == 1
    assert [m.extra_headers["Message-ID"].split("@")[0] for m in server.left] == [f"<{the_email().pk}"]
    assert mail.send_emails() == 0


@pytest.mark.parametrize("finding", [Finding.UNKNOWN, ConnectionError("the archive is away")])
def test_a_mail_nobody_can_vouch_for_is_not_sent_again_but_given_to_administrators(
    cast: Cast, server: type[ScriptedBackend], finding: Any
) -> None:
    crash_after_marking(cast)
    server.finding = finding
    assert mail.send_emails() == 0
    lapse_leases()
    assert mail.send_emails() == 0
    assert server.left == []
    assert the_email().problem == "unknown"
    with access_context(route="tests", is_system=True):
        for name in ("tess", "oona"):
            (task,) = open_tasks(cast[name])
            assert task.text == "Find out whether an e-mail to Amira Adeyemi arrived"
            assert [found.pk for found in stuck_emails(cast[name])] == [the_email().pk]
        assert not open_tasks(cast["stan"]).exists()
        assert not stuck_emails(cast["stan"]).exists()


def test_the_task_about_a_stuck_mail_is_shown_but_never_mailed(
    cast: Cast, server: type[ScriptedBackend]
) -> None:
    crash_after_marking(cast)
    ticks.tick()
    ticks.tick()
    assert {n.user.username for n in Notification.objects.select_related("user")} == {
        "amira",
        "tess",
        "oona",
    }
    assert len(EmailMessageOut.objects.all()) == 1


def test_a_broken_call_is_looked_up_at_once(cast: Cast, server: type[ScriptedBackend]) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    server.on_send, server.finding = TimeoutError("no answer after the text"), Finding.SENT
    assert mail.send_emails() == 1
    assert the_email().sent_at is not None


def test_a_broken_call_of_a_mail_that_did_not_leave_is_tried_again_later(
    cast: Cast, server: type[ScriptedBackend]
) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    server.on_send, server.finding = TimeoutError(), Finding.NOT_SENT
    assert mail.send_emails() == 0
    assert (the_email().marked_at, the_email().stuck_at) == (None, None)
    assert mail.send_emails() == 0
    server.on_send = None
    lapse_leases()
    assert mail.send_emails() == 1


@pytest.mark.parametrize(
    ("on_open", "on_send"),
    [
        (ConnectionRefusedError(), None),
        (smtplib.SMTPAuthenticationError(535, b"no"), None),
        (None, smtplib.SMTPRecipientsRefused({"x": (550, b"unknown")})),
        (None, smtplib.SMTPDataError(451, b"greylisted")),
    ],
)
def test_a_refusal_is_no_doubt_and_is_tried_again_without_asking_anybody(
    cast: Cast, server: type[ScriptedBackend], on_open: Any, on_send: Any
) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    server.on_open, server.on_send = on_open, on_send
    assert mail.send_emails() == 0
    assert server.asked == []
    assert (the_email().marked_at, the_email().problem) == (None, "")
    server.on_open = server.on_send = None
    lapse_leases()
    assert mail.send_emails() == 1


def test_a_server_that_refuses_for_a_day_is_brought_before_a_person(
    cast: Cast, server: type[ScriptedBackend]
) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    server.on_open = ConnectionRefusedError()
    for _ in range(mail.TRIES):
        assert the_email().stuck_at is None
        mail.send_emails()
        lapse_leases()
    assert the_email().problem == "refused"
    with access_context(route="tests", is_system=True):
        assert [t.text for t in open_tasks(cast["tess"])] == ["An e-mail to Amira Adeyemi could not be sent"]


def test_whoever_was_overtaken_notes_nothing(cast: Cast, server: type[ScriptedBackend]) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    slow = mail.claim_email()
    assert slow is not None
    lapse_leases()
    fast = mail.claim_email()
    assert fast is not None
    assert (slow.was_marked, fast.was_marked) == (False, True)
    server.on_open = ConnectionRefusedError()
    mail.send_claimed_email(slow)
    assert the_email().marked_at is not None  # the slow one's refusal does not take the other's mark away


def test_a_backend_that_cannot_look_up_counts_as_knowing_nothing() -> None:
    assert look_up(object(), uuid.uuid4()) is Finding.UNKNOWN
    smtp = get_connection("django.core.mail.backends.smtp.EmailBackend")
    assert look_up(smtp, uuid.uuid4()) is Finding.UNKNOWN


KILLED_WORKER = """
import os, sys, time, django
django.setup()
from django.conf import settings
settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = "reminders.outbox.FolderEmailBackend", sys.argv[1]
from reminders import mail
from reminders.outbox import FolderEmailBackend
real = FolderEmailBackend.send_messages
def stop(self, messages):
    if sys.argv[2] == "after":
        real(self, messages)
    print("ready", flush=True)
    time.sleep(60)
FolderEmailBackend.send_messages = stop
mail.send_emails()
"""


@really_committed
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_killed_at_the_mail_server_neither_loses_nor_doubles_the_mail(
    cast: Cast, folder: Path, db_name: str, moment: str
) -> None:
    tell(cast, "amira")
    mail.compose_emails()
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED_WORKER, str(folder), moment],
        cwd=REPOSITORY,
        env=os.environ | {"DATABASE_NAME": db_name, "DJANGO_SETTINGS_MODULE": "sim_casework.settings.test"},
        stdout=subprocess.PIPE,
    )
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        worker.send_signal(signal.SIGKILL)
    assert mail.send_emails() == 0  # the lease still holds
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.eml")}
    assert len(before) == (1 if moment == "after" else 0)
    lapse_leases()
    assert mail.send_emails() == 1
    after = {path: path.stat().st_mtime_ns for path in folder.glob("*.eml")}
    assert len(after) == 1
    assert not before or after == before
    assert the_email().sent_at is not None


# The folder


def test_the_folder_keeps_whole_mails_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        EmailMessage("Subject", "Body", to=["a@example.org"]).send()
    monkeypatch.undo()
    assert list(folder.iterdir()) == []


def test_other_mails_get_a_name_of_their_own(folder: Path) -> None:
    for _ in range(2):
        EmailMessage("Password", "Body", to=["a@example.org"], headers={"Message-ID": "<x@y>"}).send()
    assert len(list(folder.glob("*.eml"))) == 2


def test_a_folder_must_be_named(settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FOLDER, None
    with pytest.raises(ImproperlyConfigured, match="EMAIL_FILE_PATH"):
        get_connection()


# A person decides


@pytest.fixture
def stuck(cast: Cast, server: type[ScriptedBackend]) -> EmailMessageOut:
    crash_after_marking(cast)
    mail.send_emails()
    ticks.send_due()
    return the_email()


def decide(cast: Cast, name: str, email: EmailMessageOut, decision: str) -> None:
    with access_context(route="tests", actor=cast[name]):
        decide_about_email(by=cast[name], reference=email.pk, decision=decision)


def test_send_again_sends_it_once_and_settles_the_task_for_all(
    cast: Cast, stuck: EmailMessageOut, server: type[ScriptedBackend]
) -> None:
    decide(cast, "tess", stuck, "send again")
    assert mail.send_emails() == 1
    assert len(server.left) == 1
    with access_context(route="tests", is_system=True):
        assert not open_tasks(cast["oona"]).exists()


@pytest.mark.parametrize("decision", ["arrived", "leave"])
def test_decided_otherwise_it_is_never_sent(
    cast: Cast, stuck: EmailMessageOut, server: type[ScriptedBackend], decision: str
) -> None:
    decide(cast, "tess", stuck, decision)
    lapse_leases()
    assert mail.send_emails() == 0
    assert server.left == []
    with access_context(route="tests", is_system=True):
        assert not stuck_emails(cast["tess"]).exists()


def test_a_mail_stuck_a_second_time_is_decided_a_second_time(
    cast: Cast, stuck: EmailMessageOut, server: type[ScriptedBackend]
) -> None:
    decide(cast, "tess", stuck, "send again")
    server.on_send = TimeoutError()
    mail.send_emails()
    assert the_email().problem == "unknown"
    decide(cast, "oona", stuck, "leave")
    assert the_email().decision == "leave"


def test_only_who_was_asked_decides(cast: Cast, stuck: EmailMessageOut) -> None:
    with pytest.raises(NotAllowed):
        decide(cast, "amira", stuck, "arrived")
    with pytest.raises(NotVisible):
        decide(cast, "stan", stuck, "arrived")
    with pytest.raises(DomainError, match="Choose what"):
        decide(cast, "tess", stuck, "burn it")
    decide(cast, "tess", stuck, "arrived")
    with pytest.raises(NotVisible):
        decide(cast, "oona", stuck, "send again")


def test_a_decision_stands_on_the_trail(cast: Cast, stuck: EmailMessageOut) -> None:
    decide(cast, "tess", stuck, "arrived")
    with access_context(route="tests", is_system=True):
        changes = [e.changes for e in LogEntry.objects.filter(actor=cast["tess"], action=1)]
    assert any(change and "decision" in change for change in changes)


def test_an_administrator_appointed_later_is_asked_the_next_day(cast: Cast, stuck: EmailMessageOut) -> None:
    with access_context(route="tests", is_system=True):
        odd = cast["odd"]
        odd.memberships.create(
            role="administrator", organisation=odd.organisation, starts_on=dt.date(2024, 1, 1)
        )
    do_daily_work()
    with access_context(route="tests", is_system=True):
        assert [found.pk for found in stuck_emails(cast["odd"])] == [stuck.pk]
    DailyWork.objects.update(done_on=dt.date(2024, 1, 1))
    do_daily_work()
    ticks.send_due()
    assert len(Notification.objects.filter(user=cast["odd"])) == 1


def test_where_nobody_looks_after_an_account_every_administrator_is_asked(cast: Cast) -> None:
    assert {u.username for u in administrators_of(cast["amira"])} == {"tess", "oona"}
    assert {u.username for u in administrators_of(cast["rhea"])} == {"tess", "stan", "oona"}


def test_the_page_of_stuck_mails_tells_what_is_known_and_takes_the_decision(
    cast: Cast, stuck: EmailMessageOut, client: Client
) -> None:
    sign_in(client, cast["tess"])
    page = client.get("/stuck-emails/").content.decode()
    assert str(stuck.pk) in page
    assert "Amira Adeyemi (amira@example.org)" in page
    answer = client.post(f"/stuck-emails/{stuck.pk}/", {"decision": "nonsense"}, follow=True)
    assert "Choose what is to happen" in answer.content.decode()
    answer = client.post(f"/stuck-emails/{stuck.pk}/", {"decision": "leave"}, follow=True)
    assert "No e-mail waits for a decision." in answer.content.decode()
    assert the_email().decided_by == cast["tess"]


def test_sending_stops_when_the_time_is_up(cast: Cast, server: type[ScriptedBackend]) -> None:
    tell(cast, "amira", "lena")
    mail.compose_emails()
    began = time.monotonic()
    assert mail.send_emails(seconds=0) == 0
    assert time.monotonic() - began < 5
    assert mail.send_emails() == 2
