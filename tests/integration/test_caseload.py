"""The caseload: whose people, in pages by name, with what is due, in a fixed number of statements."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from cases.models import Patient
from core import due
from tests.people import Cast, make_cast, make_patient
from tests.plans import approved
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def more_patients(cast: Cast, number: int, mentor: str = "amira") -> list[Patient]:
    with access_context(route="test", is_system=True):
        return [
            make_patient(
                cast.north,
                cast[mentor],
                cast["pete"],
                given_name="Given",
                family_name=f"Family{place // 2:03d}",  # pairs of namesakes, so that pages break between them
            )
            for place in range(number)
        ]


def caseload(client: Client, query: str = "") -> str:
    answer = client.get(reverse("caseload") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def references(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"SC-[0-9A-Z]{6}", page)))


def links(page: str) -> dict[str, str]:
    found = re.findall(r'href="\?*([^"]*)" rel="(prev|next)"', page)
    return {rel: href.replace("&amp;", "&") for href, rel in found}


def overdue_task(cast: Cast, patient: Patient, *names: str, text: str = "Sign the agreement") -> None:
    with access_context(route="test", is_system=True):
        due.announce(
            due.Due(
                kind="test",
                subject=f"test:{patient.pk}",
                at=timezone.now() - dt.timedelta(days=3),
                recipients=[cast[name] for name in names],
                text=text,
                link="/",
                patient_id=patient.pk,
            )
        )


def test_a_row_says_name_reference_review_last_contact_and_what_is_overdue(cast: Cast) -> None:
    with access_context(route="test", is_system=True):
        approved(cast)
    overdue_task(cast, cast.nora, "amira")
    page = caseload(sign_in(Client(), cast["amira"]), "?scope=team")
    for words in ("Nora Quill", cast.nora.reference, "None yet", "Sign the agreement", "Pete Parr (police)"):
        assert words in page
    review = timezone.localdate() + dt.timedelta(days=60)
    assert f"{review.day} {review:%b} {review.year}" in page
    assert "No plan yet" not in page


def test_a_mentor_starts_with_their_own_people_and_may_look_at_the_team(cast: Cast) -> None:
    (other,) = more_patients(cast, 1, mentor="cal")
    client = sign_in(Client(), cast["amira"])
    assert references(caseload(client)) == [cast.nora.reference]
    assert set(references(caseload(client, "?scope=team"))) == {cast.nora.reference, other.reference}


def test_nobody_of_another_team_is_listed(cast: Cast) -> None:
    for name in ("amira", "pete", "lena"):
        assert cast.sam.reference not in caseload(sign_in(Client(), cast[name]), "?scope=team")


def test_a_lead_sees_the_team_and_may_narrow_to_a_mentor(cast: Cast) -> None:
    (other,) = more_patients(cast, 1, mentor="cal")
    client = sign_in(Client(), cast["lena"])
    assert set(references(caseload(client))) == {cast.nora.reference, other.reference}
    narrowed = caseload(client, f"?mentor={cast.people['cal'].pk}")
    assert references(narrowed) == [other.reference]
    assert "Mentor: Cal Carrow" in narrowed


def test_the_overdue_filter_keeps_only_people_with_something_overdue(cast: Cast) -> None:
    more_patients(cast, 2)
    overdue_task(cast, cast.nora, "amira")
    mine = caseload(sign_in(Client(), cast["amira"]), "?overdue=on")
    assert references(mine) == [cast.nora.reference]
    lead = caseload(sign_in(Client(), cast["lena"]), "?overdue=on")
    assert references(lead) == [cast.nora.reference]
    assert references(caseload(sign_in(Client(), cast["cal"]), "?scope=team&overdue=on")) == []


def test_pages_walk_forwards_and_back_over_namesakes_without_gap_or_repeat(cast: Cast) -> None:
    more_patients(cast, 59)
    client = sign_in(Client(), cast["amira"])
    page = caseload(client)
    pages, seen = [references(page)], [page]
    while "next" in links(seen[-1]):
        seen.append(client.get(links(seen[-1])["next"]).content.decode())
        pages.append(references(seen[-1]))
    assert [len(rows) for rows in pages] == [25, 25, 10]
    assert len({reference for rows in pages for reference in rows}) == 60
    back = client.get(links(seen[-1])["prev"]).content.decode()
    assert references(back) == pages[1]
    assert references(client.get(links(back)["prev"]).content.decode()) == pages[0]
    assert references(client.get(links(back)["next"]).content.decode()) == pages[2]


def test_no_address_of_the_list_carries_a_name_or_number(cast: Cast) -> None:
    more_patients(cast, 30)
    page = caseload(sign_in(Client(), cast["amira"]))
    for href in re.findall(r'href="([^"]*)"', page):
        assert "Family" not in href
        assert "SC-" not in href


@pytest.mark.parametrize(
    "query", ["?after=nonsense", "?scope=all", "?mentor=x&overdue=maybe", "?before=\x00"]
)
def test_nonsense_in_the_address_is_taken_for_nothing(cast: Cast, query: str) -> None:
    assert cast.nora.reference in caseload(
        sign_in(Client(), cast["lena"]), query.replace("overdue=maybe", "")
    )


def test_an_edge_one_may_not_see_starts_at_the_first_page(cast: Cast) -> None:
    page = caseload(sign_in(Client(), cast["amira"]), f"?after={cast.sam.pk}")
    assert references(page) == references(
        caseload(sign_in(Client(), cast["amira"]), f"?after={uuid.uuid4()}")
    )


def test_closed_cases_are_not_in_the_caseload(cast: Cast) -> None:
    from cases.models import Case
    from cases.services.cases import close_case

    with access_context(route="test", actor=cast["lena"]):
        case = Case.objects.get(patient=cast.nora)
        close_case(by=cast["lena"], case=case, version=1, next_service="GP", step_down_note="Agreed.")
    assert references(caseload(sign_in(Client(), cast["amira"]))) == []


@pytest.mark.parametrize("name", ["tess", "ivy", "rhea", "odd"])
def test_those_who_work_with_no_patients_get_403(cast: Cast, name: str) -> None:
    assert sign_in(Client(), cast[name]).get(reverse("caseload")).status_code == 403


def test_only_the_people_on_the_page_stand_on_the_trail_and_as_listed(cast: Cast) -> None:
    more_patients(cast, 30)
    caseload(sign_in(Client(), cast["lena"]))
    with access_context(route="test", is_system=True):
        entry = LogEntry.objects.filter(route="caseload").order_by("-id")[0]
        subjects = list(EntrySubject.objects.filter(entry_id=entry.pk))
    # The one beyond the page was loaded to know whether there is a next one, and is told truthfully.
    assert len(subjects) == 26
    assert not any(subject.is_opened for subject in subjects)
    assert entry.purpose == "direct care"


def statements(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        caseload(client)
    return [query["sql"] for query in captured.captured_queries]


# What every page of somebody signed in asks, whatever it shows: session, user, second factor, the count in the header
# and the trail.
_OF_EVERY_PAGE = (
    "reminders_notification",
    "SAVEPOINT",
    "accounts_session",
    "audit_logentry",
    "mfa_authenticator",
    'SELECT "accounts_user"."id"',
)
_WHY_THEY_MAY_SEE_THEM = 'SELECT "cases_patientgroupobjectpermission"."content_object_id"'


def of_the_page(all_statements: list[str]) -> list[str]:
    return [
        sql
        for sql in all_statements
        if "set_config" not in sql
        and not sql.startswith(_WHY_THEY_MAY_SEE_THEM)
        and not any(word in sql for word in _OF_EVERY_PAGE)
    ]


@pytest.mark.parametrize("name", ["amira", "lena"])
def test_at_most_six_statements_with_one_row_and_with_twenty_five(cast: Cast, name: str) -> None:
    client = sign_in(Client(), cast[name])
    caseload(client)  # content types and the like are cached by now
    one = statements(client)
    rows: list[Any] = more_patients(cast, 24)
    for patient in rows[:12]:
        overdue_task(cast, patient, "amira")
    many = statements(client)
    assert len(references(caseload(client))) == 25
    assert len(many) == len(one)
    assert len(of_the_page(many)) <= 6, "\n".join(of_the_page(many))
