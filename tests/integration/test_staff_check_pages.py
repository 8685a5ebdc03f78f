"""Staff checks on pages: administrators keep them, everybody sees their own, and a lapse is said in words."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.clearance import CHECKS
from accounts.models import Membership, StaffCheck, User
from accounts.roles import Role
from accounts.services.staff_checks import record_check
from audit.context import access_context
from audit.models import LogEntry
from core.errors import DomainError, NotAllowed, NotVisible
from core.formatting import day
from tests.people import Cast, clear, make_cast
from tests.sessions import sign_in

# What differs between any two answers: tokens and the server's clock.
_TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value|data-server-now)="[^"]+"')

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def ahead(days: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def check(user: User, kind: str, days: int) -> None:
    with access_context(route="tests.checks", is_system=True):
        record_check(by=None, user=user, kind=kind, valid_until=ahead(days), evidence="Letter seen")


def typed(kind: str, until: dt.date, evidence: str = "Certificate 4711") -> dict[str, str]:
    return {
        "kind": kind,
        "valid_until_day": str(until.day),
        "valid_until_month": str(until.month),
        "valid_until_year": str(until.year),
        "evidence": evidence,
    }


def text_of(client: Client, name: str, *args: object) -> str:
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_administrator_records_a_renewal_and_access_is_back(cast: Cast, client: Client) -> None:
    check(cast["pete"], "vetting", -3)
    pete, tess = sign_in(Client(), cast["pete"]), sign_in(client, cast["tess"])
    record = reverse("patient_record", args=[cast.nora.pk])
    assert pete.get(record).status_code == 404
    page = text_of(tess, "accounts:person", cast["pete"].pk)
    assert f"No patient’s record opens at the moment. Vetting: lapsed after {day(ahead(-3))}." in page
    add = reverse("accounts:check_add", args=[cast["pete"].pk])
    assert f'href="{add}?kind=vetting"' in page
    assert 'value="vetting" checked' in tess.get(f"{add}?kind=vetting").content.decode()
    answer = tess.post(add, typed("vetting", ahead(365)), follow=True).content.decode()
    assert "Vetting of Pete Parr was recorded." in answer
    assert f"In date for work with patients until {day(ahead(365))}." in answer
    assert (
        f"Vetting, good until {day(ahead(-3))}: Letter seen" in answer
    )  # what was recorded before stays readable
    assert pete.get(record).status_code == 200
    recorded = StaffCheck.objects.filter(user=cast["pete"]).latest("pk")
    assert recorded.recorded_by == cast["tess"]
    with access_context(route="tests.checks", is_system=True):
        created = LogEntry.objects.filter(action=LogEntry.Action.CREATE, object_pk=str(recorded.pk))
        entry = created.latest("pk")
    assert entry.actor_id == cast["tess"].pk
    assert "4711" not in str(entry.changes)


def test_withdrawn_check_ends_access_at_once(cast: Cast, client: Client) -> None:
    pete = sign_in(Client(), cast["pete"])
    sign_in(client, cast["tess"]).post(
        reverse("accounts:check_add", args=[cast["pete"].pk]), typed("vetting", ahead(-1), "Withdrawn")
    )
    assert pete.get(reverse("patient_record", args=[cast.nora.pk])).status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": ""}, "Choose what was checked"),
        ({"kind": "driving"}, "Select a valid choice"),
        ({"valid_until_year": ""}, "must include a year"),
        ({"evidence": "  "}, "Write what you have seen"),
        ({"evidence": "x" * 201}, "200 characters"),
    ],
)
def test_bad_check_is_refused_at_the_field(
    cast: Cast, client: Client, change: dict[str, str], words: str
) -> None:
    sign_in(client, cast["tess"])
    add = reverse("accounts:check_add", args=[cast["pete"].pk])
    before = StaffCheck.objects.count()
    answer = client.post(add, typed("training", ahead(100)) | change).content.decode()
    assert words in answer
    assert "There is a problem" in answer
    assert StaffCheck.objects.count() == before


def test_nobody_records_their_own_checks_or_those_of_strangers_or_of_who_left(cast: Cast) -> None:
    fields = {"kind": "training", "valid_until": ahead(9), "evidence": "Seen"}
    with access_context(route="tests.checks", is_system=True):
        Membership.objects.create(
            user=cast["tess"], role=Role.CLINICAL_MENTOR, team=cast.north, organisation=cast.north.trust
        )
        with pytest.raises(DomainError, match="their own checks"):
            record_check(by=cast["tess"], user=cast["tess"], **fields)
        for name in ("stan", "amira", "ivy"):
            with pytest.raises((NotVisible, NotAllowed)):
                record_check(by=cast[name], user=cast["pete"], **fields)
        User.objects.filter(pk=cast["pete"].pk).update(is_active=False)
        with pytest.raises(DomainError, match="has left"):
            record_check(by=cast["tess"], user=cast["pete"], **fields)
    with access_context(route="tests.checks", actor=cast["tess"]), pytest.raises(NotAllowed):
        record_check(by=None, user=cast["pru"], **fields)


def test_list_puts_what_is_missing_first_and_then_the_earliest_lapse(cast: Cast, client: Client) -> None:
    check(cast["pete"], "training", 5)
    check(cast["amira"], "vetting", 40)
    check(cast["pru"], "training", -2)
    with access_context(route="tests.checks", is_system=True):
        Membership.objects.create(
            user=cast["odd"],
            role=Role.POLICE_MENTOR,
            team=cast.north,
            organisation=cast.north.force,
            starts_on=ahead(10),
        )
    sign_in(client, cast["tess"])
    page = text_of(client, "accounts:checks")
    places = [
        page.index(name) for name in ("Odd Orme", "Pru Pell", "Pete Parr", "Amira Adeyemi", "Cal Carrow")
    ]
    assert places == sorted(places)
    assert "Tess Thorn</a>" not in page
    assert "Sol Sorrel" not in page
    assert "Vetting: not recorded" in page
    home = text_of(client, "home")
    for name in ("Odd Orme", "Pru Pell", "Pete Parr", "Amira Adeyemi"):
        assert f"Staff checks of {name}" in home
    assert "Staff checks of Cal Carrow" not in home


def test_list_asks_as_often_for_twenty_people_as_for_few(cast: Cast, client: Client) -> None:
    sign_in(client, cast["tess"])
    text_of(client, "accounts:checks")
    with CaptureQueriesContext(connection) as few:
        text_of(client, "accounts:checks")
    with access_context(route="tests.checks", is_system=True):
        for number in range(20):
            user = User.objects.create_user(
                f"many{number}", email=f"many{number}@example.org", organisation=cast.north.force
            )
            clear(user)
            Membership.objects.create(
                user=user, role=Role.POLICE_MENTOR, team=cast.north, organisation=cast.north.force
            )
    with CaptureQueriesContext(connection) as many:
        text_of(client, "accounts:checks")
    assert len(few) == len(many)


def test_everybody_sees_their_own_checks(cast: Cast, client: Client) -> None:
    check(cast["pete"], "training", 5)
    page = text_of(sign_in(client, cast["pete"]), "accounts:profile")
    assert f"Good until {day(ahead(5))}" in page
    assert "5 days left" in page
    assert "Professional registration" not in page.split("Your professional registration")[0]
    assert "Your roles require none." in text_of(sign_in(Client(), cast["tess"]), "accounts:profile")


@pytest.mark.parametrize(("kind", "label"), [("training", "Training for joint work"), ("vetting", "Vetting")])
def test_whoever_is_locked_out_reads_which_check_since_when_and_whom_to_ask(
    cast: Cast, client: Client, kind: str, label: str
) -> None:
    check(cast["amira"], kind, -4)
    sign_in(client, cast["amira"])
    pages = {
        reverse("home"): 200,
        reverse("caseload"): 403,
        reverse("cases:find"): 403,
        reverse("patient_record", args=[cast.nora.pk]): 404,
        reverse("cases:contact_log", args=[cast.nora.pk]): 404,
    }
    for address, status in pages.items():
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == status, address
        assert label in text
        assert f"Lapsed after {day(ahead(-4))}" in text
        assert "Tess Thorn" in text
        assert "Quill" not in text
        assert cast.nora.reference not in text


def test_page_of_a_lapse_is_the_same_for_every_patient_there_is_or_is_not(cast: Cast, client: Client) -> None:
    check(cast["amira"], "vetting", -4)
    sign_in(client, cast["amira"])
    texts = set()
    for key in (cast.nora.pk, cast.sam.pk, "00000000-0000-4000-8000-000000000000"):
        answer = client.get(reverse("patient_record", args=[key]))
        assert answer.status_code == 404
        texts.add(_TOKEN.sub("", answer.content.decode()))
    assert len(texts) == 1


def test_somebody_without_such_a_role_gets_no_page_of_a_lapse(cast: Cast, client: Client) -> None:
    for name in ("tess", "odd", "sol"):
        answer = sign_in(Client(), cast[name]).get(reverse("patient_record", args=[cast.nora.pk]))
        assert "A check is not in date" not in answer.content.decode()


def test_a_refusal_over_a_check_stands_on_the_trail(cast: Cast, client: Client) -> None:
    check(cast["amira"], "vetting", -4)
    sign_in(client, cast["amira"])
    client.get(reverse("patient_record", args=[cast.nora.pk]))
    with access_context(route="tests.checks", is_system=True):
        entry = LogEntry.objects.filter(actor=cast["amira"]).latest("pk")
    assert entry.outcome == LogEntry.Outcome.NOT_FOUND
    assert entry.route == "patient_record"


def test_every_kind_is_named_on_the_form(cast: Cast, client: Client) -> None:
    page = sign_in(client, cast["tess"]).get(reverse("accounts:check_add", args=[cast["pete"].pk]))
    for kind in CHECKS:
        assert f'value="{kind}"' in page.content.decode()
