"""Home and navigation: each role finds what waits for it, and no link to a page it may not open."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def home_of(cast: Cast, name: str) -> str:
    answer = sign_in(Client(), cast[name]).get(reverse("home"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_mentor_is_shown_visits_tasks_unsigned_contacts_and_drafts(cast: Cast) -> None:
    page = home_of(cast, "amira")
    for heading in ("Today’s visits", "My tasks", "Contacts to sign", "Unfinished"):
        assert heading in page
    assert "Plans waiting for your decision" not in page


def test_lead_is_shown_decisions_reviews_and_what_is_overdue_in_the_team(cast: Cast) -> None:
    page = home_of(cast, "lena")
    for heading in ("Plans waiting for your decision", "Police presence to review", "Overdue in the team"):
        assert heading in page


def test_administrator_is_shown_people_and_no_patients(cast: Cast) -> None:
    page = home_of(cast, "tess")
    assert "People who need your attention" in page
    assert reverse("caseload") not in page
    assert "Quill" not in page


def test_responder_reads_that_nothing_is_released_and_that_this_is_not_no_plan(cast: Cast) -> None:
    page = home_of(cast, "rhea")
    assert "No plan has been released to your organisation yet" in page
    assert "This does not mean that a person has no plan" in page


def test_somebody_without_a_role_is_told_whom_to_ask(cast: Cast) -> None:
    assert "Your account has no role at the moment" in home_of(cast, "odd")


@pytest.mark.parametrize("name", ["amira", "pete", "lena", "tess", "ivy", "rhea", "oona", "odd"])
def test_every_link_of_the_navigation_opens(cast: Cast, name: str) -> None:
    from sim_casework.pages.navigation import items

    client = sign_in(Client(), cast[name])
    request = client.get(reverse("home")).wsgi_request
    links = items(request)
    assert links[0].text == "Home"
    assert {link.href: client.get(link.href).status_code for link in links} == {
        link.href: 200 for link in links
    }


def test_the_navigation_asks_for_todays_roles_and_counts_the_unread(
    cast: Cast, django_assert_num_queries: object
) -> None:
    from sim_casework.pages.navigation import items

    request = sign_in(Client(), cast["lena"]).get(reverse("home")).wsgi_request
    request.user = cast["lena"]
    with django_assert_num_queries(2):  # type: ignore[operator]
        items(request)
