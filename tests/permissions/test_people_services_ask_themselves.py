"""Each service on a colleague asks by itself whether who calls it looks after them: without any page in front."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Membership, Organisation, ProfessionalRegistration, User
from accounts.roles import Role
from accounts.services import (
    invitations,
    leaving,
    people,
    registrations,
    second_factors,
    sessions,
    staff_checks,
)
from audit.context import access_context
from core.errors import DomainError, NotAllowed, NotVisible
from tests.people import Cast, make_cast

pytestmark = pytest.mark.django_db
AHEAD = dt.date(2098, 1, 1)
Do = Callable[[User | None, Cast], Any]


def role(cast: Cast) -> Membership:
    return Membership.objects.get(user=cast["cal"])


def registration(cast: Cast) -> ProfessionalRegistration:
    return ProfessionalRegistration.objects.filter(user=cast["lena"])[0]


def newcomer(cast: Cast) -> dict[str, Any]:
    return {
        "username": "nell.nock",
        "email": "nell.nock@example.org",
        "first_name": "Nell",
        "last_name": "Nock",
        "organisation": cast.north.trust,
    }


ON_A_COLLEAGUE: dict[str, Any] = {
    "end_membership": lambda by, it: people.end_membership(by=by, membership=role(it)),
    "end_person": lambda by, it: leaving.end_person(by=by, user=it["cal"]),
    "resend_invitation": lambda by, it: invitations.resend_invitation(by=by, user=it["cal"]),
    "request_second_factor_reset": lambda by, it: second_factors.request_second_factor_reset(
        by=by, user=it["cal"]
    ),
    "confirm_second_factor_reset": lambda by, it: second_factors.confirm_second_factor_reset(
        by=by, user=it["cal"]
    ),
    "refuse_second_factor_reset": lambda by, it: second_factors.refuse_second_factor_reset(
        by=by, user=it["cal"]
    ),
    "end_sessions_of": lambda by, it: sessions.end_sessions_of(by=by, user=it["cal"]),
}
# For these the system may do it, too: the first people of an installation, invented ones of a demo.
ALSO_BY_THE_SYSTEM: dict[str, Do] = {
    "add_registration": lambda by, it: registrations.add_registration(
        by=by, user=it["cal"], body="HCPC", number="PYL99123", valid_until=AHEAD
    ),
    "renew_registration": lambda by, it: registrations.renew_registration(
        by=by, registration=registration(it), valid_until=AHEAD + dt.timedelta(days=900)
    ),
    "withdraw_registration": lambda by, it: registrations.withdraw_registration(
        by=by, registration=registration(it), withdrawn_on=dt.date(2026, 1, 5), evidence="Struck off"
    ),
    "record_check": lambda by, it: staff_checks.record_check(
        by=by, user=it["cal"], kind="training", valid_until=AHEAD, evidence="Certificate"
    ),
}
NEW: dict[str, Do] = {
    "add_membership": lambda by, it: people.add_membership(
        by=by, user=it["cal"], role=Role.DEPUTY_LEAD, team=it.north
    ),
    "add_person": lambda by, it: people.add_person(by=by, **newcomer(it)),
    "add_team": lambda by, it: people.add_team(
        by=by, name="West", trust=it.north.trust, force=it.north.force, phone=""
    ),
    "add_organisation": lambda by, it: people.add_organisation(
        by=by, name="Westmoor Trust", kind=Organisation.Kind.NHS_TRUST
    ),
}
BY_THE_SYSTEM_ONLY: dict[str, Do] = {
    "invite_first_administrator": lambda by, it: invitations.invite_first_administrator(it["oona"]),
    "give_totp": lambda by, it: second_factors.give_totp(it["cal"], "JBSWY3DPEHPK3PXP"),
}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def outcomes(cast: Cast, by: User | None, services: dict[str, Any], *, actor: User | None) -> dict[str, str]:
    """What each answers in an access of the actor's, everything undone afterwards."""
    answers = {}
    for name, do in services.items():
        with access_context(route="test", actor=actor, is_system=actor is None), transaction.atomic():
            try:
                do(by, cast)
                answers[name] = "done"
            except DomainError as error:
                answers[name] = type(error).__name__
            transaction.set_rollback(True)
    return answers


@pytest.mark.parametrize("outsider", ["stan", "iris", "amira", "lena", "odd"])
def test_to_who_does_not_look_after_them_there_is_no_such_person(cast: Cast, outsider: str) -> None:
    services = ON_A_COLLEAGUE | ALSO_BY_THE_SYSTEM
    answers = outcomes(cast, cast[outsider], services, actor=cast[outsider])
    assert answers == dict.fromkeys(services, NotVisible.__name__)


@pytest.mark.parametrize("outsider", ["stan", "iris", "amira", "lena", "odd"])
def test_who_looks_after_nobody_here_adds_nothing(cast: Cast, outsider: str) -> None:
    assert outcomes(cast, cast[outsider], NEW, actor=cast[outsider]) == dict.fromkeys(
        NEW, NotAllowed.__name__
    )


def test_nobody_passes_for_the_system(cast: Cast) -> None:
    """Leaving out who does it is for commands; at somebody's request it is refused, an administrator's too."""
    services = ALSO_BY_THE_SYSTEM | NEW | BY_THE_SYSTEM_ONLY
    answers = outcomes(cast, None, services, actor=cast["oona"])
    assert answers == dict.fromkeys(services, NotAllowed.__name__)


def test_nothing_is_refused_that_is_theirs(cast: Cast) -> None:
    """Guards the claims above: what is refused to everybody would prove nothing."""
    services = ON_A_COLLEAGUE | ALSO_BY_THE_SYSTEM | NEW
    oona = outcomes(cast, cast["oona"], services, actor=cast["oona"])
    assert {name for name, answer in oona.items() if answer in ("NotVisible", "NotAllowed")} == set()
    system = ALSO_BY_THE_SYSTEM | NEW | BY_THE_SYSTEM_ONLY
    assert outcomes(cast, None, system, actor=None) == dict.fromkeys(system, "done")


def test_a_registration_that_has_run_out_is_not_renewed_into_the_past(cast: Cast) -> None:
    out = registration(cast)
    out.valid_until = dt.date(2020, 1, 1)
    with access_context(route="test", actor=cast["oona"]):
        out.save()
        with pytest.raises(DomainError) as refusal:
            registrations.renew_registration(
                by=cast["oona"], registration=out, valid_until=dt.date(2021, 1, 1)
            )
    assert refusal.value.field == "valid_until"
