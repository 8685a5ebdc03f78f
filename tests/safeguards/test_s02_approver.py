"""S02: nobody approves what they wrote, and police approve no plan: by role table, service, page and database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from accounts.roles import ACTS_OF_ROLE, CLINICAL_ROLES, Act, Role, roles_that_may
from audit.context import access_context
from core.errors import DomainError, NotAllowed
from crisis_plans.services import approve, return_to_author, save_draft
from tests.people import Cast, make_cast, register
from tests.plans import (
    approve_past_the_service,
    drafted,
    fresh,
    full_content,
    submit_past_the_service,
    submitted,
)
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def at_work(cast: Cast) -> Iterator[None]:
    with access_context(route="tests.s02", is_system=True):
        yield


def test_s02_no_role_of_police_carries_the_right_to_approve() -> None:
    assert Act.APPROVE_PLAN not in ACTS_OF_ROLE[Role.POLICE_MENTOR]
    assert set(roles_that_may(Act.APPROVE_PLAN)) <= set(CLINICAL_ROLES)


@pytest.mark.usefixtures("at_work")
def test_s02_author_cannot_approve(cast: Cast) -> None:
    version = submitted(cast, by="lena")
    with pytest.raises(NotAllowed, match="You wrote in this version"):
        approve(by=cast["lena"], version=version, revision=version.revision)
    assert approve(by=cast["dev"], version=version, revision=version.revision).signer_name == "Dev Dhar"


@pytest.mark.usefixtures("at_work")
def test_s02_whoever_changed_a_single_line_is_an_author(cast: Cast) -> None:
    version = drafted(cast)
    version = save_draft(
        by=cast["lena"],
        version=version,
        revision=version.revision,
        content=full_content(about_me="I paint, and I look after three rabbits."),
    )
    # Changed back by somebody else: they still wrote in it.
    version = save_draft(by=cast["amira"], version=version, revision=version.revision, content=full_content())
    version = submit_past_the_service(cast, version)
    with pytest.raises(NotAllowed):
        approve(by=cast["lena"], version=version, revision=version.revision)


@pytest.mark.usefixtures("at_work")
def test_s02_author_cannot_return_their_own_version_either(cast: Cast) -> None:
    version = submitted(cast, by="lena")
    with pytest.raises(NotAllowed):
        return_to_author(by=cast["lena"], version=version, revision=version.revision, comment="Hm.")


@pytest.mark.usefixtures("at_work")
def test_s02_database_refuses_an_author_as_approver(cast: Cast) -> None:
    version = submit_past_the_service(cast, drafted(cast, by="lena"))
    with pytest.raises(IntegrityError, match="S02"), transaction.atomic():
        approve_past_the_service(cast, version, by="lena")


@pytest.mark.usefixtures("at_work")
def test_s02_police_mentor_cannot_approve(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(NotAllowed):
        approve(by=cast["pru"], version=version, revision=version.revision)


@pytest.mark.usefixtures("at_work")
def test_s02_second_clinical_role_does_not_let_police_approve(cast: Cast) -> None:
    """The officer of a force who is made a lead as well, and the lead who takes on a police role."""
    Membership.objects.create(
        user=cast["pru"], role=Role.CLINICAL_LEAD, team=cast.north, organisation=cast.north.trust
    )
    Membership.objects.create(
        user=cast["dev"], role=Role.POLICE_MENTOR, team=cast.north, organisation=cast.north.force
    )
    register(cast["pru"], "99A0010E")
    version = submitted(cast)
    for name in ("pru", "dev"):
        with pytest.raises(NotAllowed, match="Police never approve a plan"):
            approve(by=cast[name], version=version, revision=version.revision)


@pytest.mark.usefixtures("at_work")
def test_s02_database_refuses_an_approval_under_the_forces_regime(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(IntegrityError, match="plan_s02_approval_not_by_police"), transaction.atomic():
        approve_past_the_service(cast, version, by="pru")


@pytest.mark.parametrize("name", ["amira", "pete", "pru"])
def test_s02_page_of_the_decision_is_refused_to_mentors(cast: Cast, client: Client, name: str) -> None:
    with access_context(route="tests.s02", is_system=True):
        version = submitted(cast)
    sign_in(client, cast[name])
    address = reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number])
    assert client.get(address).status_code == 403
    sent = {"decision": "approve", "revision": version.revision}
    assert client.post(address, sent).status_code == 403
    with access_context(route="tests.s02", is_system=True):
        assert fresh(cast, version).approval is None


def test_s02_page_tells_an_author_why_and_offers_no_button(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s02", is_system=True):
        version = submitted(cast, by="lena")
    sign_in(client, cast["lena"])
    address = reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number])
    page = client.get(address).content.decode()
    assert "You wrote in this version, so somebody else has to decide on it." in page
    assert "Save decision" not in page
    assert client.post(address, {"decision": "approve", "revision": version.revision}).status_code == 403
    with access_context(route="tests.s02", is_system=True):
        assert fresh(cast, version).approval is None


@pytest.mark.usefixtures("at_work")
def test_s02_team_administrator_cannot_approve(cast: Cast) -> None:
    version = submitted(cast)
    with pytest.raises(DomainError):
        approve(by=cast["tess"], version=version, revision=version.revision)
