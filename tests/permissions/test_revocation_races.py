"""Whatever ends access ends it on the next request: a reader keeps asking while another transaction takes access away (S30).

Threads and real commits. A request that has begun before the commit may still show the record, or be withheld whole; one
that begins after it is refused and carries no byte of it.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.services.leaving import end_person
from accounts.services.people import end_membership
from accounts.services.staff_checks import record_check
from cases.models import Case, PatientGroupObjectPermission, PatientUserObjectPermission
from cases.permissions import grant_to_team
from cases.services.break_glass import end_break_glass
from tests.break_glass import opened
from tests.contact_log import at_work, logged, looking
from tests.people import Cast, make_cast
from tests.proofs import tell
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
OF_THE_RECORD = (b"Quill", b"heron")
ALL_RACES = 200
PAGES = ("patient_record", "cases:patient_timeline")
SEEDED = random.Random(31)  # noqa: S311  (moments, not secrets)

Change = Callable[[Cast], None]


@dataclass(frozen=True)
class Revocation:
    """What takes ``reader``'s access away, and how it comes back for the next race."""

    reader: str
    revoke: Change
    restore: Change
    prepare: Change = lambda cast: None


@dataclass
class Seen:
    begun_at: float
    status: int
    location: str
    body: bytes


@dataclass
class Reader(Thread):
    """Asks for the record again and again, and once more after it has heard of the commit."""

    client: Client
    address: str
    revoked: Event = field(default_factory=Event)
    answers: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.client.raise_request_exception = False

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            is_last = False
            while not is_last:
                is_last = self.revoked.is_set()
                begun_at = time.perf_counter()
                answer: Any = self.client.get(self.address)
                self.answers.append(
                    Seen(begun_at, answer.status_code, answer.get("Location", ""), answer.content)
                )
        finally:
            connections.close_all()


def one_membership(user: User) -> Membership:
    return Membership.objects.filter(user=user).latest("pk")


def end_role(cast: Cast) -> None:
    with at_work(cast["tess"]):
        end_membership(by=cast["tess"], membership=one_membership(cast["amira"]))


def give_role_back(cast: Cast) -> None:
    with looking():
        Membership.objects.filter(user=cast["amira"]).update(ended_at=None, ended_by=None)


def leave(cast: Cast) -> None:
    with at_work(cast["oona"]):
        end_person(by=cast["oona"], user=cast["amira"])


def come_back(cast: Cast) -> None:
    with looking():
        User.objects.filter(pk=cast["amira"].pk).update(is_active=True, left_at=None)
    give_role_back(cast)


def switch_account(is_active: bool) -> Change:
    def change(cast: Cast) -> None:
        with looking():
            User.objects.filter(pk=cast["pete"].pk).update(is_active=is_active)

    return change


def record(days: int) -> Change:
    def change(cast: Cast) -> None:
        until = timezone.localdate() + dt.timedelta(days=days)
        with at_work(cast["tess"]):
            record_check(
                by=cast["tess"], user=cast["pete"], kind="vetting", valid_until=until, evidence="Letter"
            )

    return change


def close_long_ago(is_closed: bool) -> Change:
    def change(cast: Cast) -> None:
        with looking():
            case = Case.objects.get(patient=cast.nora)
            case.opened_on = timezone.localdate() - dt.timedelta(days=90)
            case.closed_on = timezone.localdate() - dt.timedelta(days=29) if is_closed else None
            case.closed_by = cast["lena"] if is_closed else None
            case.next_service = "GP" if is_closed else ""
            case.save()

    return change


def make_exception(cast: Cast) -> None:
    with looking():
        PatientUserObjectPermission.objects.update_or_create(
            user=cast["saul"],
            content_object_id=cast.nora.pk,
            permission=Permission.objects.get(codename="view_patient"),
            defaults={
                "expires_at": timezone.now() + dt.timedelta(days=1),
                "reason": "cover",
                "granted_by": cast["lena"],
            },
        )


def end_exception(cast: Cast) -> None:
    with looking():
        PatientUserObjectPermission.objects.update(expires_at=timezone.now())


def end_glass(cast: Cast) -> None:
    glass = OPENED.pop()
    with at_work(cast["lena"]):
        end_break_glass(by=cast["lena"], patient_id=cast.nora.pk, key=glass)


OPENED: list[Any] = []


def open_glass(cast: Cast) -> None:
    OPENED.append(opened(cast["sol"], cast.nora).pk)


def take_back_grant(cast: Cast) -> None:
    with looking():
        PatientGroupObjectPermission.objects.get(content_object_id=cast.nora.pk).delete()


def grant(cast: Cast) -> None:
    with looking():
        grant_to_team(cast.nora, cast.north)


def nothing(cast: Cast) -> None: ...


REVOCATIONS = {
    "the role is ended": Revocation("amira", end_role, give_role_back),
    "the person leaves": Revocation("amira", leave, come_back),
    "the account is switched off": Revocation("pete", switch_account(False), switch_account(True)),
    "a check is withdrawn": Revocation("pete", record(-1), record(400)),
    "the case is found closed long ago": Revocation("cal", close_long_ago(True), close_long_ago(False)),
    "an exception ends": Revocation("saul", end_exception, nothing, make_exception),
    "break-glass is ended": Revocation("sol", end_glass, nothing, open_glass),
    "the team's grant is taken back": Revocation("pete", take_back_grant, grant),
}


@pytest.mark.parametrize("how", REVOCATIONS)
def test_s30_a_request_that_begins_after_the_end_of_access_is_refused(how: str) -> None:
    run_races(how, 2)


@pytest.mark.prove
@pytest.mark.parametrize("how", REVOCATIONS)
def test_s30_200_races_in_all(how: str) -> None:
    refused = run_races(how, ALL_RACES // len(REVOCATIONS))
    tell(f"revocation races: {how}", races=ALL_RACES // len(REVOCATIONS), refused=refused)


def run_races(how: str, races: int) -> int:
    """That many races; returns how many requests came too late, each of which was refused."""
    cast = make_cast()
    logged(cast["amira"], cast.nora, account="We watched a heron at the canal.")
    shown = refused = 0
    for number in range(races):
        answers, revoked_at = race(cast, REVOCATIONS[how], PAGES[number % len(PAGES)])
        for answer in answers:
            if answer.begun_at > revoked_at:
                assert_refused(answer)
                refused += 1
            else:
                shown += answer.status == 200
    # Each race had at least one of both, or it raced with nothing.
    assert refused >= races
    assert shown >= races
    return refused


def race(cast: Cast, revocation: Revocation, page: str) -> tuple[list[Seen], float]:
    revocation.prepare(cast)
    client = sign_in(Client(), cast[revocation.reader])
    reader = Reader(client, reverse(page, args=[cast.nora.pk]))
    before: Any = client.get(reader.address)
    assert before.status_code == 200 and b"Quill" in before.content
    reader.answers.append(Seen(0.0, before.status_code, "", before.content))
    reader.start()
    time.sleep(SEEDED.uniform(0, 0.08))
    revocation.revoke(cast)
    revoked_at = time.perf_counter()
    reader.revoked.set()
    reader.join(timeout=120)
    assert not reader.is_alive()
    revocation.restore(cast)
    return reader.answers, revoked_at


def assert_refused(answer: Seen) -> None:
    sent_to_sign_in = answer.status == 302 and answer.location.startswith(reverse("account_login"))
    assert answer.status == 404 or sent_to_sign_in, answer
    for text in OF_THE_RECORD:
        assert text not in answer.body
