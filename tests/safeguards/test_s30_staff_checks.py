"""S30: a role opens patients only while everything it requires of its holder is in date."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.clearance import ALWAYS, CHECKS, WORKING_WITH_PATIENTS, required_of
from accounts.models import Membership, ProfessionalRegistration, StaffCheck, User
from accounts.roles import ACTS_OF_ROLE, Act, Role
from accounts.services.registrations import withdraw_registration
from audit.context import access_context
from cases.permissions import can, explain_access, visible_patients
from tests.people import FAR_AHEAD, Cast, clear, make_cast, register
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

YESTERDAY = dt.timedelta(days=-1)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def check(user: User, kind: str, days: dt.timedelta) -> None:
    with access_context(route="tests.s30", is_system=True):
        StaffCheck.objects.create(
            user=user, kind=kind, valid_until=timezone.localdate() + days, evidence="Seen again"
        )


def cleared_until(user: User, role: Role | None = None) -> dt.date | None:
    with access_context(route="tests.s30", is_system=True):
        found = Membership.objects.filter(user=user).order_by("pk")
        return (found.get(role=role) if role else found[0]).cleared_until


def test_s30_the_database_requires_of_each_role_what_the_code_says(cast: Cast) -> None:
    """Take away one requirement at a time: exactly the roles that ask for it lose their clearance."""
    odd = cast["odd"]
    for missing in (*CHECKS, "registration", None):
        with access_context(route="tests.s30", is_system=True), transaction.atomic():
            for kind in set(CHECKS) - {missing}:
                StaffCheck.objects.create(user=odd, kind=kind, valid_until=FAR_AHEAD, evidence="Seen")
            if missing != "registration":
                register(odd, "99A0099E")
            with connection.cursor() as cursor:
                for role in Role:
                    cursor.execute("SELECT accounts_cleared_until(%s, %s)", [odd.pk, role])
                    expected = None if missing in required_of(role) else FAR_AHEAD
                    assert cursor.fetchone() == (expected if required_of(role) else ALWAYS,), (role, missing)
            transaction.set_rollback(True)


def test_s30_every_role_that_opens_a_record_requires_checks() -> None:
    opening = {role for role, acts in ACTS_OF_ROLE.items() if Act.OPEN_RECORD in acts}
    assert opening == WORKING_WITH_PATIENTS
    assert all(set(CHECKS) <= set(required_of(role)) for role in opening)


@pytest.mark.parametrize("kind", CHECKS)
def test_s30_access_ends_with_the_day_after_a_check_and_comes_back_with_its_renewal(
    cast: Cast, client: Client, kind: str
) -> None:
    sign_in(client, cast["amira"])
    record = reverse("patient_record", args=[cast.nora.pk])
    for days, status in ((0, 200), (-1, 404), (365, 200)):
        check(cast["amira"], kind, dt.timedelta(days=days))
        assert client.get(record).status_code == status
    check(cast["pete"], kind, YESTERDAY)
    with access_context(route="tests.s30", is_system=True):
        assert not can(cast["pete"], Act.OPEN_RECORD, cast.nora)
        assert not visible_patients(cast["pete"], Act.READ_CLINICAL).exists()
        assert not explain_access(cast["pete"], [cast.nora.pk])


def test_s30_a_registration_counts_for_clinical_roles_alone(cast: Cast, client: Client) -> None:
    record = reverse("patient_record", args=[cast.nora.pk])
    with access_context(route="tests.s30", is_system=True):
        registration = ProfessionalRegistration.objects.get(user=cast["amira"])
        registration.valid_until = timezone.localdate() + YESTERDAY
        registration.save()
    sign_in(client, cast["amira"])
    assert client.get(record).status_code == 404
    assert cleared_until(cast["pete"]) == FAR_AHEAD
    sign_in(client, cast["pete"])
    assert client.get(record).status_code == 200


def test_s30_of_two_registrations_the_later_counts(cast: Cast) -> None:
    with access_context(route="tests.s30", is_system=True):
        ProfessionalRegistration.objects.create(
            user=cast["amira"], body="HCPC", number="OT99999", valid_until=timezone.localdate() + YESTERDAY
        )
    assert cleared_until(cast["amira"]) == FAR_AHEAD


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"withdrawal_evidence": "Struck off"}, "registration_over_when_withdrawn"),
        ({"valid_until": dt.date(2025, 12, 31)}, "registration_withdrawn_with_evidence"),
        (
            {"withdrawn_on": None, "withdrawal_evidence": "Struck off"},
            "registration_withdrawn_with_evidence",
        ),
    ],
)
def test_s30_the_database_keeps_no_withdrawn_registration_that_still_counts_or_says_nothing(
    cast: Cast, fields: dict[str, object], constraint: str
) -> None:
    values: dict[str, object] = {"withdrawn_on": dt.date(2026, 1, 1)} | fields
    with (
        access_context(route="tests.s30", is_system=True),
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
    ):
        ProfessionalRegistration.objects.filter(user=cast["amira"]).update(**values)


def test_s30_a_withdrawn_registration_leaves_another_one_its_worth(cast: Cast) -> None:
    with access_context(route="tests.s30", is_system=True):
        struck = ProfessionalRegistration.objects.get(user=cast["amira"])
        register_other = {"body": "HCPC", "number": "OT99999", "valid_until": dt.date(2097, 1, 1)}
        ProfessionalRegistration.objects.create(user=cast["amira"], **register_other)
        withdraw_registration(
            by=cast["tess"], registration=struck, withdrawn_on=timezone.localdate(), evidence="Struck off"
        )
    assert cleared_until(cast["amira"]) == dt.date(2097, 1, 1)


def test_s30_a_role_given_later_finds_the_checks_that_are_there(cast: Cast) -> None:
    odd = cast["odd"]
    with access_context(route="tests.s30", is_system=True):
        clear(odd, dt.date(2098, 1, 1))
        given = Membership.objects.create(
            user=odd, role=Role.CLINICAL_MENTOR, team=cast.north, organisation=cast.north.trust
        )
        assert given.cleared_until is None
        register(odd, "99A0098E", dt.date(2097, 1, 1))
    assert cleared_until(odd) == dt.date(2097, 1, 1)


def test_s30_what_the_application_writes_into_the_date_is_not_kept(cast: Cast) -> None:
    check(cast["amira"], CHECKS[0], YESTERDAY)
    until = cleared_until(cast["amira"])
    with access_context(route="tests.s30", is_system=True):
        Membership.objects.filter(user=cast["amira"]).update(cleared_until=ALWAYS)
    assert cleared_until(cast["amira"]) == until == timezone.localdate() + YESTERDAY


@pytest.mark.parametrize(
    "change",
    [
        lambda checks: checks.update(valid_until=FAR_AHEAD),
        lambda checks: checks.update(evidence="Another"),
        lambda checks: checks.delete(),
    ],
)
def test_s30_a_check_is_never_edited_or_removed(
    cast: Cast, change: Callable[[QuerySet[StaffCheck]], object]
) -> None:
    checks = StaffCheck.objects.filter(user=cast["amira"])
    with (
        access_context(route="tests.s30", is_system=True),
        pytest.raises(IntegrityError, match="added and never changed"),
        transaction.atomic(),
    ):
        change(checks)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"kind": "driving"}, "staff_check_of_known_kind"),
        ({"evidence": ""}, "staff_check_with_evidence"),
        ({"recorded_by": "amira"}, "staff_check_not_own"),
    ],
)
def test_s30_the_database_refuses_a_check_that_says_nothing(
    cast: Cast, fields: dict[str, str], constraint: str
) -> None:
    values: dict[str, object] = {"kind": CHECKS[0], "evidence": "Seen"} | fields
    if "recorded_by" in fields:
        values["recorded_by"] = cast["amira"]
    with (
        access_context(route="tests.s30", is_system=True),
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
    ):
        StaffCheck.objects.create(user=cast["amira"], valid_until=FAR_AHEAD, **values)


@pytest.mark.django_db(transaction=True)
def test_s30_checks_recorded_while_the_role_is_given_are_counted(cast: Cast) -> None:
    """A role and two checks in three transactions at once: whichever ends last, the date is that of all of them."""
    odd, starting = cast["odd"], threading.Barrier(3)
    with access_context(route="tests.s30", is_system=True):
        StaffCheck.objects.create(user=odd, kind=CHECKS[0], valid_until=FAR_AHEAD, evidence="Seen")

    def add(kind: str | None) -> None:
        try:
            with access_context(route="tests.s30", is_system=True):
                starting.wait(20)
                if kind is None:
                    Membership.objects.create(
                        user=odd, role=Role.POLICE_MENTOR, team=cast.north, organisation=cast.north.force
                    )
                else:
                    StaffCheck.objects.create(user=odd, kind=kind, valid_until=FAR_AHEAD, evidence="Seen")
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=[kind]) for kind in (None, *CHECKS[1:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert cleared_until(odd) == FAR_AHEAD
