"""The IG officer's pages: what they show, to whom, with how many statements, and that reading them is recorded."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import PendingEntry, access_context
from audit.models import LogEntry
from cases.models import Patient
from tests.people import Cast
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]


def open_record(cast: Cast, who: str, patient: Patient, *, times: int = 1, reason: str = "") -> None:
    """Entries as a page would write them."""
    for _ in range(times):
        with access_context(route="patient_record", actor=cast[who], reason=reason) as context:
            Patient.objects.get(pk=patient.pk)
            context.open(patient.pk)


def list_patients(cast: Cast, who: str) -> None:
    with access_context(route="caseload", actor=cast[who]):
        list(Patient.objects.filter(team=cast.north))


def patient_trail(patient: Patient) -> str:
    return reverse("audit:patient_trail", kwargs={"patient_id": patient.pk})


@pytest.fixture
def ivy(cast: Cast, client: Client) -> Client:
    return sign_in(client, cast["ivy"])


def page(client: Client, address: str, **query: object) -> str:
    response = client.get(address, query)
    assert response.status_code == 200, address
    return response.content.decode()


def test_one_patients_trail_says_who_what_when_and_why_allowed(ivy: Client, cast: Cast) -> None:
    open_record(cast, "amira", cast.nora, reason="She rang")
    shown = page(ivy, patient_trail(cast.nora))
    for words in (
        "Nora Quill",
        cast.nora.reference,
        "Amira Adeyemi",
        "clinical mentor, North team, Northmoor Trust",
        "Opened",
        "She rang",
    ):
        assert words in shown


def test_opened_and_merely_listed_stand_apart(ivy: Client, cast: Cast) -> None:
    open_record(cast, "amira", cast.nora)
    list_patients(cast, "cal")
    everything = page(ivy, patient_trail(cast.nora))
    assert "app-timeline__item--contact" in everything
    assert "app-timeline__item--visit" in everything
    opened, listed = (page(ivy, patient_trail(cast.nora), kind=kind) for kind in ("opened", "listed"))
    assert "Amira Adeyemi" in opened
    assert "Cal Carrow" not in opened
    assert "Cal Carrow" in listed
    assert "Amira Adeyemi" not in listed


def test_a_refused_attempt_is_told_by_word_and_shape(ivy: Client, cast: Cast) -> None:
    sign_in(Client(), cast["sol"]).get(f"/patients/{cast.nora.pk}/")
    for address in (patient_trail(cast.nora), reverse("audit:refusals"), reverse("audit:entries")):
        shown = page(ivy, address, kind="denied")
        assert "Sol Sorrel tried to open" in shown
        assert "Not found" in shown
        assert "app-timeline__item--incident" in shown


def test_filters_narrow_and_can_be_taken_off_one_by_one(ivy: Client, cast: Cast) -> None:
    open_record(cast, "amira", cast.nora)
    open_record(cast, "pete", cast.nora)
    address = patient_trail(cast.nora)
    shown = page(ivy, address, person=cast["pete"].pk, team="North team", kind="opened")
    assert "Pete Parr" in shown
    assert "Amira Adeyemi opened" not in shown
    assert "Remove filter" in shown
    assert f"{address}?team=North+team&amp;kind=opened" in shown
    assert f"{address}?person={cast['pete'].pk}&amp;kind=opened" in shown


def test_days_filter_and_are_inclusive(ivy: Client, cast: Cast) -> None:
    open_record(cast, "amira", cast.nora)
    today = dt.datetime.now(dt.UTC).astimezone().date()
    for since, until, is_found in (
        (today, today, True),
        (today + dt.timedelta(days=1), None, False),
        (None, today - dt.timedelta(days=1), False),
    ):
        query = {
            f"{name}_{part}": getattr(day, part)
            for name, day in (("since", since), ("until", until))
            if day
            for part in ("day", "month", "year")
        }
        assert ("Amira Adeyemi opened" in page(ivy, patient_trail(cast.nora), **query)) == is_found


def test_a_date_nobody_can_read_is_said_to_be_wrong(ivy: Client, cast: Cast) -> None:
    shown = page(ivy, patient_trail(cast.nora), since_day="45", since_month="13", since_year="2026")
    assert "There is a problem" in shown


@pytest.mark.parametrize("place", ["x", "2026-01-01_1", "2026-01-01T00:00:00+00:00_x", "_", "é_9", "1_2_3"])
def test_a_page_that_nobody_can_find_is_the_newest_one(ivy: Client, cast: Cast, place: str) -> None:
    open_record(cast, "amira", cast.nora)
    assert "Amira Adeyemi" in page(ivy, patient_trail(cast.nora), before=place)


def test_fifty_to_a_page_and_every_entry_on_exactly_one(ivy: Client, cast: Cast) -> None:
    for number in range(120):
        open_record(cast, "amira", cast.nora, reason=f"time number {number}.")
    address, seen = patient_trail(cast.nora) + f"?person={cast['amira'].pk}", []
    pages = []
    while address:
        shown = page(ivy, address)
        pages.append(address)
        seen.append([n for n in range(120) if f"time number {n}." in shown])
        older = [part for part in shown.split('href="') if "before=" in part.split('"')[0]]
        address = older[0].split('"')[0].replace("&amp;", "&") if older else ""
    assert [len(found) for found in seen] == [50, 50, 20]
    assert sorted(number for found in seen for number in found) == list(range(120))
    # And back again.
    newer = [part for part in page(ivy, pages[-1]).split('href="') if "after=" in part.split('"')[0]]
    back = page(ivy, newer[0].split('"')[0].replace("&amp;", "&"))
    assert [n for n in range(120) if f"time number {n}." in back] == seen[1]


def test_reading_a_trail_takes_six_statements_with_one_entry_and_with_fifty(ivy: Client, cast: Cast) -> None:
    open_record(cast, "amira", cast.nora)
    amira = cast["amira"].pk
    page(ivy, patient_trail(cast.nora))  # fills what is kept for the process
    with CaptureQueriesContext(connection) as few:
        page(ivy, patient_trail(cast.nora), person=amira)
    open_record(cast, "amira", cast.nora, times=60)
    with CaptureQueriesContext(connection) as many:
        page(ivy, patient_trail(cast.nora), person=amira)
    assert statements(few) == statements(many)
    assert len(statements(many)) <= 6, "\n".join(statements(many))


def statements(captured: CaptureQueriesContext) -> list[str]:
    """The page's own: without transaction control, and without the count of notifications in every page's header."""
    aside = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "SET ", "SELECT set_config(")
    header = 'SELECT COUNT(*) AS "__count" FROM "reminders_notification"'
    return [q["sql"][:90] for q in captured.captured_queries if not q["sql"].startswith((*aside, header))]


@pytest.mark.parametrize("route", ["worker_trail", "entries", "refusals"])
def test_other_lists_take_as_many_statements_for_fifty_as_for_one(
    ivy: Client, cast: Cast, route: str
) -> None:
    address = reverse(
        f"audit:{route}", kwargs={"user_id": cast["amira"].pk} if route == "worker_trail" else {}
    )
    outsider = sign_in(Client(), cast["sol"])

    def work(times: int) -> None:
        open_record(cast, "amira", cast.nora, times=times)
        for _ in range(times):
            outsider.get(f"/patients/{cast.nora.pk}/")

    work(1)
    page(ivy, address)
    with CaptureQueriesContext(connection) as few:
        page(ivy, address)
    work(25)
    with CaptureQueriesContext(connection) as many:
        page(ivy, address)
    assert len(few) == len(many)


def test_reading_the_trail_is_itself_on_the_trail(ivy: Client, cast: Cast, entries: Entries) -> None:
    page(ivy, patient_trail(cast.nora))
    (entry,) = entries(route="audit:patient_trail")
    assert entry.actor_name == "ivy"
    assert entry.role == "IG officer"
    assert entry.organisation == "Northmoor Trust"
    assert entry.purpose == "information governance"
    assert entry.relationship == "IG review"
    assert [(s.patient_id, s.is_opened, s.relationship) for s in entry.subjects] == [
        (cast.nora.pk, True, "IG review")
    ]
    assert "Ivy Inch" in page(ivy, patient_trail(cast.nora))


FINDING = [
    {"reference": "REF"},
    {"reference": " ref "},
    {"nhs_number": "999 000 0018"},
    {"full_name": "nora  QUILL", "date_of_birth": True},
    {"full_name": "Norrie Quill", "date_of_birth": True},
]


@pytest.mark.parametrize("typed", FINDING)
def test_a_person_is_found_by_exact_identifiers_and_the_reason_stays(
    ivy: Client, cast: Cast, entries: Entries, typed: dict[str, object]
) -> None:
    with access_context(route="t", is_system=True):
        nora = Patient.objects.get(pk=cast.nora.pk)
        nora.nhs_number, nora.preferred_name = "9990000018", "Norrie"
        nora.save()
    born = cast.nora.date_of_birth
    form = {name: value for name, value in typed.items() if name != "date_of_birth"}
    if form.get("reference"):
        form["reference"] = (
            cast.nora.reference if form["reference"] == "REF" else f" {cast.nora.reference.lower()} "
        )
    if "date_of_birth" in typed:
        form |= {f"date_of_birth_{part}": getattr(born, part) for part in ("day", "month", "year")}
    response = ivy.post(reverse("audit:find_person"), form | {"reason": "Complaint 17"})
    assert response.status_code == 303
    assert response["Location"] == patient_trail(cast.nora)
    (search,) = entries(route="audit:find_person")
    assert search.action == LogEntry.Action.SEARCH
    assert search.reason == "Complaint 17"
    assert search.additional_data["results"] == 1
    assert len(search.additional_data["terms_digest"]) == 32
    assert [s.patient_id for s in search.subjects] == [cast.nora.pk]
    page(ivy, patient_trail(cast.nora))
    (reading,) = entries(route="audit:patient_trail")
    assert reading.reason == "Complaint 17"


@pytest.mark.parametrize(
    "typed",
    [
        {"reference": "SC-000000"},
        {"nhs_number": "9990000026"},
        {"full_name": "Nora", "date_of_birth_day": 3, "date_of_birth_month": 2, "date_of_birth_year": 1990},
        {
            "full_name": "Sam Teal",
            "date_of_birth_day": 3,
            "date_of_birth_month": 2,
            "date_of_birth_year": 1990,
        },
    ],
)
def test_parts_of_names_and_people_of_other_organisations_are_not_found(
    ivy: Client, cast: Cast, entries: Entries, typed: dict[str, object]
) -> None:
    response = ivy.post(reverse("audit:find_person"), typed | {"reason": "Complaint 18"})
    assert response.status_code == 200
    assert "Your search is on the trail" in response.content.decode()
    (search,) = entries(route="audit:find_person")
    assert search.additional_data["results"] == 0
    assert search.subjects == []


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"reference": "SC-000000"}, "Say why you look"),
        ({"reason": "x"}, "one of the three"),
        ({"reason": "x", "reference": "SC-1", "nhs_number": "1"}, "one of the three"),
        ({"reason": "x", "full_name": "Nora Quill"}, "Enter the date of birth that goes with the name"),
        ({"reason": "x", "full_name": "a\x00b"}, "cannot be stored"),
    ],
)
def test_a_search_that_is_not_exact_is_refused_in_words(
    ivy: Client, typed: dict[str, str], message: str
) -> None:
    assert message in ivy.post(reverse("audit:find_person"), typed).content.decode()


def test_only_the_officers_of_the_organisations_concerned_read_a_patients_trail(cast: Cast) -> None:
    for who, status in {"ivy": 200, "igor": 200, "iris": 404}.items():
        assert sign_in(Client(), cast[who]).get(patient_trail(cast.nora)).status_code == status
    missing = reverse("audit:patient_trail", kwargs={"patient_id": uuid.uuid4()})
    iris = sign_in(Client(), cast["iris"])
    assert iris.get(missing).content == iris.get(patient_trail(cast.nora)).content


@pytest.mark.parametrize("who", ["amira", "pete", "lena", "tess", "rhea", "oona", "odd"])
def test_nobody_else_reads_the_trail(cast: Cast, client: Client, who: str) -> None:
    sign_in(client, cast[who])
    for route in ("trail_home", "find_person", "refusals", "entries", "export"):
        assert client.get(reverse(f"audit:{route}")).status_code == 403
    assert client.get(patient_trail(cast.nora)).status_code == 403
    assert client.get(patient_trail(cast.sam)).status_code == 403


def test_a_workers_trail_hides_patients_of_other_organisations(cast: Cast) -> None:
    sol = sign_in(Client(), cast["sol"])
    sol.get(f"/patients/{cast.nora.pk}/")
    open_record(cast, "sol", cast.sam)
    iris = sign_in(Client(), cast["iris"])
    shown = page(iris, reverse("audit:worker_trail", kwargs={"user_id": cast["sol"].pk}))
    assert cast.sam.reference in shown
    assert cast.nora.reference not in shown
    assert "a patient of another organisation" in shown


def test_workers_of_other_organisations_have_no_page(ivy: Client, cast: Cast) -> None:
    for who in ("sol", "pete"):  # another team; the partner organisation of one's own
        address = reverse("audit:worker_trail", kwargs={"user_id": cast[who].pk})
        assert ivy.get(address).status_code == 404
    assert ivy.get(reverse("audit:worker_trail", kwargs={"user_id": 10**12})).status_code == 404


def test_a_worker_who_did_nothing_yet_has_an_empty_page(ivy: Client, cast: Cast) -> None:
    shown = page(ivy, reverse("audit:worker_trail", kwargs={"user_id": cast["odd"].pk}))
    assert "Odd Orme" in shown
    assert "No entry fits" in shown


def test_a_failed_sign_in_stands_on_the_workers_trail(ivy: Client, cast: Cast) -> None:
    Client().post(reverse("account_login"), {"login": "amira", "password": "wrong wrong wrong"})
    shown = page(ivy, reverse("audit:worker_trail", kwargs={"user_id": cast["amira"].pk}))
    assert "Amira Adeyemi failed to sign in to this account" in shown


def test_no_clinical_content_stands_on_any_page(ivy: Client, cast: Cast) -> None:
    with access_context(route="cases:patient_edit", actor=cast["amira"]):
        nora = Patient.objects.get(pk=cast.nora.pk)
        nora.access_needs, nora.address = "Cannot climb stairs", "1 Example Street"
        nora.save()
    shown = page(ivy, patient_trail(cast.nora))
    assert "changed the patient&#39;s details: access needs, address" in shown
    assert "stairs" not in shown
    assert "Example Street" not in shown
    assert cast.nora.date_of_birth.strftime("%Y") not in shown.split("<main")[1].split("Filter this list")[0]


def test_hostile_text_is_shown_inert(ivy: Client, cast: Cast) -> None:
    with access_context(
        route="x", actor=cast["amira"], reason="<script>alert(1)</script> \u202e \U0001f600 a\x00b"
    ):
        Patient.objects.get(pk=cast.nora.pk)
    shown = page(ivy, patient_trail(cast.nora))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "a\ufffdb" in shown


def test_each_kind_of_entry_reads_as_a_sentence(ivy: Client, cast: Cast) -> None:
    action = LogEntry.Action
    with access_context(route="patient_record", actor=cast["amira"]) as context:
        Patient.objects.get(pk=cast.nora.pk)
        for kind in (action.SEARCH, action.EXPORT, action.SIGN_IN, action.SIGN_OUT):
            context.note(PendingEntry(action=kind))
    shown = page(ivy, reverse("audit:entries"), person=cast["amira"].pk)
    for word in (
        "Searched",
        "Exported",
        "Signed in or out",
        "Amira Adeyemi signed in",
        "Amira Adeyemi signed out",
    ):
        assert word in shown
    for kind, word in {"searched": "Searched", "exported": "Exported", "signed in": "signed out"}.items():
        assert word in page(ivy, reverse("audit:entries"), kind=kind)
