"""Who opens and hands over a case, and to whom it may go."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from cases.models import Case
from cases.services.cases import close_case, hand_over, open_case
from core.errors import DomainError, NotAllowed
from tests.contact_log import looking
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def opened(cast: Cast, **changes: str) -> Case:
    people = {"by": "sol", "clinical_mentor": "sol", "police_mentor": "saul"} | changes
    with looking():
        return open_case(
            patient=cast.nora, team=cast.south, **{part: cast[name] for part, name in people.items()}
        )


def handed_over(cast: Cast, **changes: str) -> Case:
    people: dict[str, Any] = {"by": "lena", "clinical_mentor": "cal", "police_mentor": "pru"} | changes
    with looking():
        case = Case.objects.get(patient=cast.nora, team=cast.north)
        return hand_over(case=case, version=1, **{part: cast[name] for part, name in people.items()})


@pytest.mark.parametrize("stranger", ["amira", "lena", "stan", "iris", "odd"])
def test_a_case_is_opened_by_who_registers_people_in_that_team(cast: Cast, stranger: str) -> None:
    with pytest.raises(NotAllowed):
        opened(cast, by=stranger)
    assert opened(cast).team == cast.south


@pytest.mark.parametrize(
    ("field", "who"),
    [
        ("clinical_mentor", "saul"),  # police
        ("clinical_mentor", "stan"),  # its administrator
        ("clinical_mentor", "amira"),  # another team's
        ("police_mentor", "sol"),
        ("police_mentor", "pete"),
    ],
)
def test_mentors_hold_that_role_in_that_team(cast: Cast, field: str, who: str) -> None:
    with pytest.raises(DomainError) as refusal:
        opened(cast, **{field: who})
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "who"),
    [
        ("clinical_mentor", "pete"),
        ("clinical_mentor", "sol"),
        ("police_mentor", "cal"),
        ("police_mentor", "saul"),
    ],
)
def test_a_case_is_handed_to_mentors_of_its_team(cast: Cast, field: str, who: str) -> None:
    with pytest.raises(DomainError) as refusal:
        handed_over(cast, **{field: who})
    assert refusal.value.field == field
    assert handed_over(cast).clinical_mentor == cast["cal"]


def test_who_leads_another_team_of_the_same_person_hands_over_their_own_case_only(cast: Cast) -> None:
    opened(cast)
    with pytest.raises(NotAllowed, match="cases of this team"):
        handed_over(cast, by="sia")


@pytest.mark.parametrize("page", ["mentors", "close"])
def test_a_case_that_closes_while_its_page_is_asked_for_is_not_found(
    cast: Cast, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cases.views.cases.open_case_for", lambda *_: None)
    lena = sign_in(Client(), cast["lena"])
    assert lena.get(f"/patients/{cast.nora.pk}/case/{page}/").status_code == 404


@pytest.mark.parametrize("page", ["mentors", "close"])
def test_a_closed_case_has_no_page_to_change_it(cast: Cast, page: str) -> None:
    with looking():
        close_case(
            by=cast["lena"],
            case=Case.objects.get(patient=cast.nora),
            version=1,
            next_service="GP",
            step_down_note="Agreed.",
        )
    lena = sign_in(Client(), cast["lena"])
    assert lena.get(f"/patients/{cast.nora.pk}/").status_code == 200
    assert lena.get(f"/patients/{cast.nora.pk}/case/{page}/").status_code in (403, 404)
