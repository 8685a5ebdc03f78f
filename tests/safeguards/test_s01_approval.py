"""S01: what a plan needs before it is approved: refused in words by the service, and once more by the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.checks import run_checks
from django.db import IntegrityError, transaction
from django.utils import timezone
from psycopg import sql
from pytest_django import Settings

from accounts.models import ProfessionalRegistration
from audit.context import access_context
from core.errors import NotVisible
from crisis_plans.rules import IncompletePlanError, latest_review
from crisis_plans.services import approve, submit
from tests.people import Cast, make_cast
from tests.plans import approve_past_the_service, drafted, fresh, submit_past_the_service, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture(autouse=True)
def at_work(cast: Cast) -> Iterator[None]:
    with access_context(route="tests.s01", is_system=True):
        yield


def today() -> dt.date:
    return timezone.localdate()


INCOMPLETE: list[tuple[dict[str, Any], str]] = [
    ({"involvement": ""}, "Say how the person was involved"),
    (
        {"involvement": "declined", "involvement_retry_on": dt.date(2030, 1, 1)},
        "Write why the person did not take part",
    ),
    (
        {"involvement": "could not", "involvement_reason": "In hospital."},
        "Enter the date when the person will be asked again",
    ),
    ({"what_helps": " "}, "Write what helps the person"),
    ({"is_own_words": None}, "Say whether what helps is in the person’s own words"),
    ({"is_own_words": False}, "The person took part, so write what helps in their own words"),
    ({"actions": ()}, "Write at least one supportive action"),
    ({"review_on": None}, "Enter a review date"),
    ({"review_on": dt.date(2020, 1, 1)}, "The review date 1 January 2020 has passed"),
    ({"review_on": dt.date(2099, 1, 1)}, "The review date must be"),
]


@pytest.mark.parametrize(("changes", "words"), INCOMPLETE)
def test_s01_incomplete_plan_is_not_approved(cast: Cast, changes: dict[str, Any], words: str) -> None:
    version = submit_past_the_service(cast, drafted(cast, **changes))
    with pytest.raises(IncompletePlanError, match=words):
        approve(by=cast["lena"], version=version, revision=version.revision)
    assert fresh(cast, version).approval is None


@pytest.mark.parametrize(("changes", "words"), INCOMPLETE)
def test_s01_incomplete_plan_is_not_even_submitted(cast: Cast, changes: dict[str, Any], words: str) -> None:
    version = drafted(cast, **changes)
    with pytest.raises(IncompletePlanError, match=words):
        submit(by=cast["amira"], version=version, revision=version.revision)


@pytest.mark.parametrize(("changes", "_words"), INCOMPLETE)
def test_s01_database_refuses_to_approve_an_incomplete_plan(
    cast: Cast, changes: dict[str, Any], _words: str
) -> None:
    version = submit_past_the_service(cast, drafted(cast, **changes))
    with pytest.raises(IntegrityError, match="S01"), transaction.atomic():
        approve_past_the_service(cast, version)


def test_s01_refusal_lists_everything_at_once(cast: Cast) -> None:
    version = submit_past_the_service(cast, drafted(cast, actions=(), review_on=None, involvement=""))
    with pytest.raises(IncompletePlanError) as refusal:
        approve(by=cast["lena"], version=version, revision=version.revision)
    assert [gap.field for gap in refusal.value.gaps] == ["actions", "involvement", "review_on"]


def test_s01_lead_whose_registration_has_ended_no_longer_sees_the_plan(cast: Cast) -> None:
    registration = ProfessionalRegistration.objects.get(user=cast["lena"])
    registration.valid_until = today() - dt.timedelta(days=1)
    registration.save()
    version = submitted(cast)
    with pytest.raises(NotVisible):
        approve(by=cast["lena"], version=version, revision=version.revision)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET valid_until = now() - interval '1 day'"])
def test_s01_approver_without_current_registration_is_refused_whatever_their_clearance_says(
    cast: Cast, superuser_connection: psycopg.Connection, change: str
) -> None:
    """The approval asks for the registration itself, and does not lean on the date kept with the role (S30)."""
    statement = sql.SQL(change + " WHERE user_id = {}").format(
        sql.Identifier("accounts_professionalregistration"), sql.Literal(cast["lena"].pk)
    )
    superuser_connection.execute(
        "SET session_replication_role = replica"
    )  # without the triggers that keep the date
    superuser_connection.execute(statement)
    version = submitted(cast)
    with pytest.raises(
        IncompletePlanError, match="Your professional registration is not recorded or has ended"
    ):
        approve(by=cast["lena"], version=version, revision=version.revision)


def test_s01_registration_counts_on_its_last_day(cast: Cast) -> None:
    registration = ProfessionalRegistration.objects.get(user=cast["lena"])
    registration.valid_until = today()
    registration.save()
    version = submitted(cast)
    assert approve(by=cast["lena"], version=version, revision=version.revision).kind == "approved"


@pytest.mark.parametrize("missing", ["signer_name", "registration_body", "registration_number"])
def test_s01_database_refuses_an_approval_without_name_or_registration(cast: Cast, missing: str) -> None:
    version = submitted(cast)
    with pytest.raises(IntegrityError, match="plan_s01_approval_by_registered"), transaction.atomic():
        approve_past_the_service(cast, version, **{missing: ""})


def test_s01_plan_of_somebody_who_declined_is_marked_as_not_their_words(cast: Cast) -> None:
    version = submitted(
        cast,
        involvement="declined",
        involvement_reason="Did not want to talk about it.",
        involvement_retry_on=today() + dt.timedelta(days=30),
        is_own_words=False,
    )
    assert approve(by=cast["lena"], version=version, revision=version.revision).kind == "approved"


def test_s01_review_on_the_last_allowed_day_is_accepted_and_a_day_later_refused(cast: Cast) -> None:
    version = submitted(cast, review_on=latest_review())
    assert approve(by=cast["lena"], version=version, revision=version.revision).kind == "approved"
    later = submit_past_the_service(cast, drafted(cast, review_on=latest_review() + dt.timedelta(days=1)))
    with pytest.raises(IncompletePlanError, match="The review date must be"):
        approve(by=cast["lena"], version=later, revision=later.revision)


@pytest.mark.parametrize(
    ("on", "months", "latest"),
    [
        (dt.date(2026, 8, 31), 6, dt.date(2027, 2, 28)),
        (dt.date(2027, 8, 31), 6, dt.date(2028, 2, 29)),
        (dt.date(2026, 12, 15), 6, dt.date(2027, 6, 15)),
        (dt.date(2026, 6, 30), 6, dt.date(2026, 12, 30)),
        (dt.date(2026, 11, 22), 3, dt.date(2027, 2, 22)),
    ],
)
def test_s01_latest_review_is_counted_in_calendar_months(
    settings: Settings, on: dt.date, months: int, latest: dt.date
) -> None:
    settings.PLAN_REVIEW_MAX_MONTHS = months
    assert latest_review(on) == latest


@pytest.mark.parametrize("months", [7, 12, 0, -1, 5.5, "6", None])
def test_s01_a_longer_review_period_refuses_to_start(settings: Settings, months: object) -> None:
    settings.PLAN_REVIEW_MAX_MONTHS = months
    assert "crisis_plans.E001" in [message.id for message in run_checks()]


@pytest.mark.parametrize("months", [1, 3, 6])
def test_s01_a_shorter_review_period_may_be_set(settings: Settings, months: int) -> None:
    settings.PLAN_REVIEW_MAX_MONTHS = months
    assert "crisis_plans.E001" not in [message.id for message in run_checks()]


def test_s01_six_months_hold_even_if_the_check_is_silenced(settings: Settings) -> None:
    settings.PLAN_REVIEW_MAX_MONTHS = 24
    assert latest_review(dt.date(2026, 11, 22)) == dt.date(2027, 5, 22)
