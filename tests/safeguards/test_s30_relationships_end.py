"""S30: a relationship begins and ends by itself, and the next request after its end is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, ProfessionalRegistration, User
from accounts.roles import Role
from accounts.services.leaving import end_person
from accounts.services.people import add_membership, end_membership
from accounts.services.registrations import add_registration, withdraw_registration
from accounts.services.staff_checks import record_check
from audit.context import access_context
from cases.models import Case, Patient, PatientUserObjectPermission
from cases.permissions import explain_access
from cases.services.cases import hand_over
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def record_of(patient: Patient) -> str:
    return reverse("patient_record", args=[patient.pk])


def today() -> dt.date:
    return timezone.localdate()


def membership(cast: Cast) -> Membership:
    return Membership.objects.get(user=cast["amira"])


def close_long_ago(cast: Cast) -> None:
    close(cast, 29)


def close(cast: Cast, days_ago: int) -> None:
    case = Case.objects.get(patient=cast.nora)
    case.opened_on = today() - dt.timedelta(days=90)
    case.closed_on, case.closed_by = today() - dt.timedelta(days=days_ago), cast["lena"]
    case.next_service, case.step_down_note = "GP", "Well."
    case.save()


def end_role(cast: Cast) -> None:
    end_membership(by=cast["tess"], membership=membership(cast))


def let_role_run_out(cast: Cast) -> None:
    role = membership(cast)
    role.ends_on = today() - DAY
    role.save()


def withdraw(kind: str) -> Callable[[Cast], None]:
    def withdraw_check(cast: Cast) -> None:
        record_check(
            by=cast["tess"], user=cast["amira"], kind=kind, valid_until=today() - DAY, evidence="Withdrawn"
        )

    withdraw_check.__name__ = f"{kind} lapsed"
    return withdraw_check


def let_registration_run_out(cast: Cast) -> None:
    registration = ProfessionalRegistration.objects.get(user=cast["amira"])
    registration.valid_until = today() - DAY
    registration.save()


def strike_off(cast: Cast) -> None:
    withdraw_registration(
        by=cast["tess"],
        registration=ProfessionalRegistration.objects.get(user=cast["amira"]),
        withdrawn_on=today(),
        evidence="The register’s entry",
    )


ENDS: list[Callable[[Cast], None]] = [
    close_long_ago,
    end_role,
    let_role_run_out,
    withdraw("training"),
    withdraw("vetting"),
    withdraw("confidentiality agreement"),
    let_registration_run_out,
    strike_off,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_s30_next_request_after_an_end_is_refused(
    cast: Cast, client: Client, end: Callable[[Cast], None]
) -> None:
    sign_in(client, cast["amira"])
    contact = reverse("cases:contact_log", args=[cast.nora.pk])
    assert client.get(record_of(cast.nora)).status_code == 200
    assert client.get(contact).status_code == 200
    with access_context(route="tests.s30", is_system=True):
        end(cast)
    for address in (record_of(cast.nora), contact, reverse("cases:patient_timeline", args=[cast.nora.pk])):
        assert client.get(address).status_code == 404
    assert client.post(contact, {"account": "Typed"}).status_code == 404
    with access_context(route="tests.s30", is_system=True):
        assert not explain_access(cast["amira"], [cast.nora.pk])


def test_s30_next_request_of_somebody_who_left_leads_to_the_sign_in(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    assert client.get(record_of(cast.nora)).status_code == 200
    with access_context(route="tests.s30", actor=cast["oona"]):
        end_person(by=cast["oona"], user=cast["amira"])
    answer = client.get(record_of(cast.nora))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(("days_ago", "status"), [(0, 200), (28, 200), (29, 404)])
def test_s30_closed_case_is_read_for_28_days_and_written_never(
    cast: Cast, client: Client, days_ago: int, status: int
) -> None:
    sign_in(client, cast["amira"])
    with access_context(route="tests.s30", is_system=True):
        close(cast, days_ago)
    assert client.get(record_of(cast.nora)).status_code == status
    writing = client.get(reverse("cases:contact_log", args=[cast.nora.pk]))
    assert writing.status_code == (403 if status == 200 else 404)


@pytest.mark.parametrize("way", ["check", "role"])
def test_s30_end_by_the_calendar_holds_from_midnight_in_london(cast: Cast, client: Client, way: str) -> None:
    """British Summer Time: the last day ends at 23:00 UTC."""
    last_day = dt.date(2031, 7, 1)
    with time_machine.travel(dt.datetime(2031, 7, 1, 22, 58, tzinfo=dt.UTC), tick=False) as clock:
        with access_context(route="tests.s30", is_system=True):
            if way == "check":
                record_check(
                    by=None, user=cast["amira"], kind="vetting", valid_until=last_day, evidence="Seen"
                )
            else:
                Membership.objects.filter(user=cast["amira"]).update(ends_on=last_day)
        sign_in(client, cast["amira"])
        assert client.get(record_of(cast.nora)).status_code == 200
        clock.shift(dt.timedelta(minutes=3))
        assert client.get(record_of(cast.nora)).status_code == 404


def test_s30_exception_ends_at_its_hour(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s30", is_system=True):
        exception = PatientUserObjectPermission.objects.create(
            permission=Permission.objects.get(codename="view_patient"),
            user=cast["sol"],
            content_object=cast.nora,
            reason="cover",
            granted_by=cast["sia"],
            expires_at=timezone.now() + dt.timedelta(hours=1),
        )
    sign_in(client, cast["sol"])
    assert client.get(record_of(cast.nora)).status_code == 200
    with access_context(route="tests.s30", is_system=True):
        exception.expires_at = timezone.now()
        exception.save()
    assert client.get(record_of(cast.nora)).status_code == 404


def test_s30_exception_ends_with_a_check_of_whoever_has_it(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s30", is_system=True):
        PatientUserObjectPermission.objects.create(
            permission=Permission.objects.get(codename="view_patient"),
            user=cast["sol"],
            content_object=cast.nora,
            reason="cover",
            granted_by=cast["sia"],
            expires_at=timezone.now() + dt.timedelta(hours=1),
        )
        record_check(
            by=None, user=cast["sol"], kind="training", valid_until=today() - DAY, evidence="Withdrawn"
        )
    assert sign_in(client, cast["sol"]).get(record_of(cast.nora)).status_code == 404


def test_s30_hand_over_keeps_the_record_with_the_team(cast: Cast, client: Client) -> None:
    """A case is handed over within its team only, and the team supports the person: its former mentor stays in it."""
    with access_context(route="tests.s30", actor=cast["lena"]):
        case = Case.objects.get(patient=cast.nora)
        hand_over(
            by=cast["lena"],
            case=case,
            version=case.version,
            clinical_mentor=cast["cal"],
            police_mentor=cast["pete"],
        )
    sign_in(client, cast["amira"])
    assert client.get(record_of(cast.nora)).status_code == 200
    assert cast.nora.reference not in client.get(reverse("caseload")).content.decode()


def test_s30_silence_ends_no_relationship(cast: Cast, client: Client) -> None:
    with time_machine.travel(timezone.now() + dt.timedelta(days=3 * 365), tick=False):
        assert sign_in(client, cast["amira"]).get(record_of(cast.nora)).status_code == 200


def test_s30_relationship_begins_with_role_and_checks_and_not_before(cast: Cast, client: Client) -> None:
    odd: User = cast["odd"]
    record = record_of(cast.nora)
    sign_in(client, odd)
    statuses = [client.get(record).status_code]
    with access_context(route="tests.s30", actor=cast["tess"]):
        add_membership(by=cast["tess"], user=odd, role=Role.CLINICAL_MENTOR, team=cast.north)
    statuses.append(client.get(record).status_code)
    for kind in ("training", "vetting", "confidentiality agreement"):
        with access_context(route="tests.s30", actor=cast["tess"]):
            record_check(
                by=cast["tess"], user=odd, kind=kind, valid_until=today() + DAY, evidence="Certificate"
            )
        statuses.append(client.get(record).status_code)
    with access_context(route="tests.s30", actor=cast["tess"]):
        add_registration(by=cast["tess"], user=odd, body="NMC", number="99A0097E", valid_until=today() + DAY)
    statuses.append(client.get(record).status_code)
    assert statuses == [404, 404, 404, 404, 404, 200]
    assert client.get(record_of(cast.sam)).status_code == 404
