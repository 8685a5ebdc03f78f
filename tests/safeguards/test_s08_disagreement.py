"""S08: where the person disagrees stands beside the plan in every output, in their words."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from audit.context import access_context
from crisis_plans.services import start_draft
from tests.people import Cast, make_cast
from tests.plans import approved, fresh, submitted
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

WORDS = "I do not want my mother to be rung. <b>Ever.</b>"
SHOWN = "I do not want my mother to be rung. &lt;b&gt;Ever.&lt;/b&gt;"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.mark.parametrize(
    "output", ["crisis_plans:plan", "crisis_plans:plan_print", "patient_record", "crisis_plans:plan_version"]
)
@pytest.mark.parametrize("reader", ["amira", "pete", "lena"])
def test_s08_disagreement_is_on_every_output(cast: Cast, client: Client, output: str, reader: str) -> None:
    with access_context(route="tests.s08", is_system=True):
        version = approved(cast, disagreement=WORDS)
    sign_in(client, cast[reader])
    args = [cast.nora.pk, version.number] if output.endswith("version") else [cast.nora.pk]
    page = client.get(reverse(output, args=args)).content.decode()
    assert "Where the person disagrees" in page
    assert SHOWN in page


def test_s08_approver_reads_the_disagreement_before_deciding(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s08", is_system=True):
        version = submitted(cast, disagreement=WORDS)
    sign_in(client, cast["lena"])
    page = client.get(reverse("crisis_plans:plan_decide", args=[cast.nora.pk, version.number]))
    assert SHOWN in page.content.decode()


def test_s08_plan_without_disagreement_has_no_such_heading(cast: Cast, client: Client) -> None:
    with access_context(route="tests.s08", is_system=True):
        approved(cast)
    sign_in(client, cast["amira"])
    page = client.get(reverse("crisis_plans:plan", args=[cast.nora.pk])).content.decode()
    assert "Where the person disagrees" not in page


def test_s08_disagreement_goes_on_into_the_next_version(cast: Cast) -> None:
    with access_context(route="tests.s08", is_system=True):
        approved(cast, disagreement=WORDS)
        version = start_draft(by=cast["amira"], patient=cast.nora)
        assert fresh(cast, version).disagreement == WORDS
