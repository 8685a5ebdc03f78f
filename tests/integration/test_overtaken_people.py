"""The pages about people and cases, each form sent by several clicks at once: one is done, the others are told in words."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Organisation, ProfessionalRegistration, StaffCheck, Team, User
from accounts.roles import Role
from cases.models import Case
from tests.contact_log import looking
from tests.integration.test_overtaken import at_once, statuses
from tests.people import Cast, make_cast
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db(transaction=True)
STARTS = {"starts_on_day": "1", "starts_on_month": "1", "starts_on_year": "2026"}
UNTIL = {"valid_until_day": "1", "valid_until_month": "6", "valid_until_year": "2098"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def sent(cast: Cast, by: str, address: str, fields: dict[str, Any]) -> list[int]:
    """The statuses of four sends, each from a browser window of its own."""
    return statuses(at_once(*((sign_in(Client(), cast[by]), address, fields) for _ in range(4))))


def test_a_role_is_given_once(cast: Cast) -> None:
    fields = {"role": Role.DEPUTY_LEAD, "team": str(cast.north.pk)} | STARTS
    assert sent(cast, "tess", f"/people/{cast['cal'].pk}/roles/add/", fields) == [200, 200, 200, 302]
    assert Membership.objects.filter(user=cast["cal"], role=Role.DEPUTY_LEAD).count() == 1


def test_a_registration_is_added_once(cast: Cast) -> None:
    fields = {"body": "HCPC", "number": "PYL99123"} | UNTIL
    assert sent(cast, "tess", f"/people/{cast['cal'].pk}/registrations/add/", fields) == [200, 200, 200, 302]
    assert ProfessionalRegistration.objects.filter(number="PYL99123").count() == 1


def test_a_registration_is_withdrawn_once(cast: Cast) -> None:
    held = ProfessionalRegistration.objects.get(user=cast["cal"])
    address = f"/people/{cast['cal'].pk}/registrations/{held.pk}/withdraw/"
    since = {"withdrawn_on_day": "1", "withdrawn_on_month": "6", "withdrawn_on_year": "2026"}
    fields = since | {"evidence": "The register’s entry"}
    assert sent(cast, "tess", address, fields) == [302] * 4
    other = sent(cast, "tess", address, fields | {"evidence": "Another entry"})
    assert other == [200] * 4
    held.refresh_from_db()
    assert len(trail_entries(route="accounts:registration_withdraw", object_pk=str(held.pk))) == 1
    assert held.withdrawal_evidence == "The register’s entry"


def test_a_person_is_invited_once(cast: Cast) -> None:
    fields = {
        "first_name": "Nell",
        "last_name": "Nock",
        "username": "nell.nock",
        "email": "nell.nock@example.org",
        "organisation": str(cast.north.trust_id),
        "role": Role.CLINICAL_MENTOR,
        "team": str(cast.north.pk),
    } | STARTS
    assert sent(cast, "tess", "/people/invite/", fields) == [200, 200, 200, 302]
    assert User.objects.filter(username="nell.nock").count() == 1


def test_a_team_is_added_once(cast: Cast) -> None:
    fields = {
        "name": "East team",
        "trust": str(cast.north.trust_id),
        "force": str(cast.south.force_id),
        "phone": "01632 960303",
    }
    assert sent(cast, "oona", "/teams/add/", fields) == [200, 200, 200, 302]
    assert Team.objects.filter(name="East team").count() == 1


def test_an_organisation_is_added_once(cast: Cast) -> None:
    fields = {"name": "Eastmoor Trust", "kind": Organisation.Kind.NHS_TRUST}
    assert sent(cast, "oona", "/organisations/add/", fields) == [200, 200, 200, 302]
    assert Organisation.objects.filter(name="Eastmoor Trust").count() == 1


def test_a_staff_check_is_recorded_once(cast: Cast) -> None:
    before = StaffCheck.objects.count()
    fields = {"kind": "vetting", "evidence": "The letter of the vetting unit"} | UNTIL
    assert sent(cast, "tess", f"/people/{cast['cal'].pk}/checks/add/", fields) == [302] * 4
    assert StaffCheck.objects.count() == before + 1


def test_a_case_is_handed_over_once(cast: Cast) -> None:
    fields = {
        "clinical_mentor": str(cast["cal"].pk),
        "police_mentor": str(cast["pru"].pk),
        "version": "1",
    }
    found = sent(cast, "lena", f"/patients/{cast.nora.pk}/case/mentors/", fields)
    assert set(found) <= {200, 302, 409}
    assert 302 in found
    with looking():
        assert Case.objects.get(patient=cast.nora).version == 2
