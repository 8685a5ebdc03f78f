"""S27: nobody learns from a search, a registration or an edit that somebody else's patient exists."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from audit.sentences import KINDS
from cases.models import Case, OtherName, Patient
from cases.services.patients import POSSIBLE_DUPLICATE, REGISTERED
from reminders import ticks
from reminders.models import Reminder
from tests.break_glass import opened
from tests.patients import form_data, invented_nhs_number, register, registered
from tests.people import Cast, clear, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
NUMBER = invented_nhs_number(3)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def southern_patient(cast: Cast, **changes: Any) -> Patient:
    with access_context(route="test", actor=cast["sol"]):
        return registered(cast, by="sol", **changes)


def tasks() -> list[Reminder]:
    with access_context(route="test", is_system=True):
        return list(
            Reminder.objects.filter(kind=POSSIBLE_DUPLICATE, settled_at__isnull=True)
            .select_related("recipient")
            .order_by("recipient__username")
        )


def answer_of(cast: Cast, **changes: Any) -> tuple[int, str, str]:
    """Status, place and the page after a registration by North, without what is random in each of them."""
    client = sign_in(Client(), cast["amira"])
    answer = register(client, form_data(cast, **changes))
    page = client.get(answer["Location"]).content.decode()
    place, page = (neutral(text) for text in (answer["Location"], page))
    return answer.status_code, place, page


def neutral(text: str) -> str:
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<key>", text)
    text = re.sub(r"SC-[0-9A-Z]{6}", "<reference>", text)
    text = re.sub(r"\bcase [0-9a-f]{8}\b", "<case>", text)
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "<token>", text)
    return re.sub(r'data-(session-ends-at|server-now)="[^"]*"', "<clock>", text)


@pytest.mark.parametrize(
    "hidden",
    [
        {"nhs_number": NUMBER, "given_name": "Quite", "family_name": "Different"},
        {"given_name": "WREN", "family_name": "alder"},
    ],
)
def test_s27_a_registration_answers_in_the_same_bytes_with_and_without_a_match(
    cast: Cast, hidden: dict[str, Any]
) -> None:
    before = answer_of(cast, nhs_number=NUMBER)
    with access_context(route="test", is_system=True):
        first = Patient.objects.get(family_name="Alder")
        first.nhs_number, first.family_name = "", "Elder"
        first.save()
    southern_patient(cast, **hidden)
    after = answer_of(cast, nhs_number=NUMBER)
    assert after == before
    assert REGISTERED in after[2]


def test_s27_a_match_becomes_a_task_of_the_leads_concerned_and_of_nobody_else(cast: Cast) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    (task,) = tasks()
    assert task.recipient.username == "sia"
    assert task.patient_id == theirs.pk
    assert theirs.reference in task.text
    assert "North team (01632 960101)" in task.text
    assert "same NHS number" in task.text
    assert "Wren" not in task.text


def test_s27_break_glass_does_not_keep_a_match_from_the_leads(cast: Cast) -> None:
    """Whoever opens a record for an hour does not thereby know of it: the other team is told as if they had not."""
    theirs = southern_patient(cast, nhs_number=NUMBER)
    opened(cast["amira"], theirs)
    register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    assert [(task.recipient.username, task.patient_id) for task in tasks()] == [("sia", theirs.pk)]


def test_s27_a_match_stands_on_the_trail_as_a_duplicate_check_and_not_as_opened(cast: Cast) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    with access_context(route="test", is_system=True):
        subject = EntrySubject.objects.filter(patient_id=theirs.pk, relationship="duplicate check").order_by(
            "-at"
        )[0]
        entry = LogEntry.objects.get(pk=subject.entry_id)
    assert (entry.actor_name, entry.route, subject.is_opened) == ("amira", "cases:patient_register", False)


def test_s27_a_former_name_with_the_same_birthday_is_a_match(cast: Cast) -> None:
    theirs = southern_patient(cast, given_name="Other", family_name="Name", former_names=("Wren Alder",))
    register(sign_in(Client(), cast["amira"]), form_data(cast))
    assert [task.patient_id for task in tasks()] == [theirs.pk]
    assert "same name and date of birth" in tasks()[0].text


def test_s27_no_match_makes_no_task(cast: Cast) -> None:
    southern_patient(cast, given_name="Wren", family_name="Alder", date_of_birth=dt.date(1970, 1, 1))
    register(sign_in(Client(), cast["amira"]), form_data(cast))
    assert tasks() == []


def close_for_good(cast: Cast, patient: Patient) -> None:
    with access_context(route="test", is_system=True):
        case = Case.objects.get(patient=patient)
        case.opened_on = timezone.localdate() - dt.timedelta(days=90)
        case.closed_on = timezone.localdate() - dt.timedelta(days=60)
        case.closed_by, case.next_service = cast["lena"], "GP"
        case.save()


@pytest.mark.parametrize("lost", ["another team's lead", "role", "checks"])
def test_s27_a_match_after_the_case_has_closed_is_read_by_leads_at_work_in_its_team_alone(
    cast: Cast, lost: str
) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    close_for_good(cast, theirs)
    with access_context(route="test", is_system=True):
        # A colleague of North's leads as well.
        Membership.objects.create(
            user=cast["sia"],
            role=Role.CLINICAL_MENTOR,
            team=cast.north,
            organisation=cast.north.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    with time_machine.travel(timezone.now() - dt.timedelta(days=3), tick=True):
        register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    ticks.send_due()
    assert [(task.recipient.username, task.patient_id) for task in tasks()] == [("sia", None)]
    assert theirs.reference in _pages_of(cast, "sia")
    with access_context(route="test", is_system=True):
        if lost == "role":
            Membership.objects.filter(user=cast["sia"], team=cast.south).update(
                ended_at=timezone.now(), ended_by=cast["stan"]
            )
        if lost == "checks":
            clear(cast["sia"], timezone.localdate() - dt.timedelta(days=1))
    for name in ("lena", "dev") if lost == "another team's lead" else ("sia",):
        pages = _pages_of(cast, name)
        assert theirs.reference not in pages
        assert str(theirs.pk) not in pages


def _pages_of(cast: Cast, name: str) -> str:
    client = sign_in(Client(), cast[name])
    addresses = ("/", "/tasks/", "/tasks/team/", "/notifications/")
    return "".join(client.get(address).content.decode() for address in addresses)


def test_s27_a_hidden_number_of_the_own_team_answers_in_the_same_bytes(cast: Cast) -> None:
    other = invented_nhs_number(9)
    before = answer_of(cast, nhs_number=other)
    with access_context(route="test", actor=cast["amira"]):
        former = registered(cast, given_name="Former", family_name="Patient", nhs_number=NUMBER)
        first = Patient.objects.get(family_name="Alder")
        first.family_name = "Elder"
        first.save()
    close_for_good(cast, former)
    after = answer_of(cast, nhs_number=NUMBER)

    def without_number(answer: tuple[int, str, str]) -> tuple[int, str, str]:
        return answer[0], answer[1], re.sub(r"999 \d{3} \d{4}", "<number>", answer[2])

    assert without_number(after) == without_number(before)
    with access_context(route="test", is_system=True):
        new = Patient.objects.get(family_name="Alder")
    assert (new.nhs_number, new.is_nhs_number_in_question) == (NUMBER, True)
    # Nobody sees the old record any more, so the task carries its reference and no patient.
    assert [(task.recipient.username, task.patient_id) for task in tasks()] == [("dev", None), ("lena", None)]
    assert former.reference in tasks()[0].text


def edit(client: Client, patient: Patient, **changes: str) -> Any:
    data = {
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "date_of_birth_day": str(patient.date_of_birth.day),
        "date_of_birth_month": str(patient.date_of_birth.month),
        "date_of_birth_year": str(patient.date_of_birth.year),
        "version": str(patient.version),
    } | changes
    return client.post(reverse("cases:patient_edit", args=[patient.pk]), data)


def test_s27_an_edit_to_a_hidden_number_is_saved_like_any_other_and_told_to_the_leads(cast: Cast) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    client = sign_in(Client(), cast["amira"])
    assert edit(client, cast.nora, nhs_number=NUMBER).status_code == 302
    assert [(task.recipient.username, task.patient_id) for task in tasks()] == [("sia", theirs.pk)]


def test_s27_correcting_the_number_ends_the_question(cast: Cast) -> None:
    with access_context(route="test", actor=cast["amira"]):
        former = registered(cast, nhs_number=NUMBER)
    close_for_good(cast, former)
    client = sign_in(Client(), cast["amira"])
    edit(client, cast.nora, nhs_number=NUMBER)
    with access_context(route="test", is_system=True):
        nora = Patient.objects.get(pk=cast.nora.pk)
    assert nora.is_nhs_number_in_question
    edit(client, nora, nhs_number=invented_nhs_number(5))
    with access_context(route="test", is_system=True):
        assert not Patient.objects.get(pk=cast.nora.pk).is_nhs_number_in_question


def test_s27_the_lead_decides_on_a_page_of_their_own(cast: Cast) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    link = tasks()[0].link
    for name in ("lena", "sol", "amira"):
        assert sign_in(Client(), cast[name]).get(link).status_code in {403, 404}
    sia = sign_in(Client(), cast["sia"])
    page = sia.get(link).content.decode()
    assert theirs.reference in page
    assert "Write what you decided" in sia.post(link, {}).content.decode()
    assert sia.post(link, {"decision": "Rang the North lead"}).status_code == 302
    assert tasks() == []
    with access_context(route="test", is_system=True):
        entry = LogEntry.objects.filter(route="cases:duplicate", outcome="ok").order_by("-id")[0]
        about = list(EntrySubject.objects.filter(entry_id=entry.pk))
    assert entry.reason == "Rang the North lead"
    assert [(subject.patient_id, subject.relationship) for subject in about] == [
        (theirs.pk, "duplicate check")
    ]


def test_s27_a_search_reads_the_same_whether_somebody_elses_patient_exists_or_not(cast: Cast) -> None:
    client = sign_in(Client(), cast["amira"])

    def page() -> str:
        answer = client.post(reverse("cases:find"), {"terms": "Wren Alder"})
        return neutral(answer.content.decode())

    before = page()
    theirs = southern_patient(cast)
    with access_context(route="test", is_system=True):
        OtherName.objects.create(
            patient=theirs,
            kind="alias",
            name="Wren",
            controller=cast.south.trust,
            regime="UK GDPR",
            created_by=cast["sol"],
        )
    assert page() == before


def exported(officer: Client) -> list[dict[str, str]]:
    today = timezone.localdate()
    days = {
        f"{end}_{part}": getattr(today, part)
        for end in ("since", "until")
        for part in ("day", "month", "year")
    }
    file = officer.post(reverse("audit:export"), days | {"reason": "Yearly audit"}).content.decode()
    return list(csv.DictReader(io.StringIO(file)))


def all_an_officer_reads(officer: Client, worker: int, *patients: Patient) -> dict[str, Any]:
    """Each page of the trail that could tell, narrowed in each way, and the file; without what is random or a time."""
    lists = [reverse("audit:worker_trail", args=[worker]), reverse("audit:entries")]
    lists += [reverse("audit:patient_trail", args=[patient.pk]) for patient in patients]
    places = [f"{place}?kind={kind}" for place in lists for kind in ("", *KINDS)]
    places += [reverse(f"audit:{name}") for name in ("trail_home", "refusals", "changes", "alerts")]
    file = exported(officer)
    read: dict[str, Any] = {}
    for number, place in enumerate(places):
        page = neutral(officer.get(place).content.decode())
        read[f"{number} {neutral(place)}"] = re.sub(r"\d\d(:|%3A)\d\d\S*", "<time>", page)
    for row in file:
        row |= dict.fromkeys(("at", "request_id", "session", "entry"), "")
    read["file"] = [{name: neutral(value) for name, value in row.items()} for row in file]
    return read


def test_s27_the_registrars_own_officer_reads_the_same_with_and_without_a_match(cast: Cast) -> None:
    numbers = [invented_nhs_number(seed) for seed in (3, 5, 7, 9)]

    def read(*, hidden: list[str], name: str) -> dict[str, Any]:
        """After a registration and an edit in the North, with these two people in the South."""
        with transaction.atomic():
            southern_patient(cast, nhs_number=hidden[0], family_name=name)
            southern_patient(cast, nhs_number=hidden[1], given_name="Quite", family_name="Different")
            amira = sign_in(Client(), cast["amira"])
            register(amira, form_data(cast, nhs_number=numbers[0]))
            edit(amira, cast.nora, nhs_number=numbers[1])
            with access_context(route="test", is_system=True):
                new = Patient.objects.get(family_name="Alder", team=cast.north)
            everything = all_an_officer_reads(
                sign_in(Client(), cast["ivy"]), cast["amira"].pk, new, cast.nora
            )
            everything["tasks"] = len(tasks())
            transaction.set_rollback(True)
        return everything

    matched = read(hidden=numbers[:2], name="Alder")
    alone = read(hidden=numbers[2:], name="Elder")
    assert (matched.pop("tasks"), alone.pop("tasks")) == (2, 0)
    assert any(row["in_words"] == "sent the form to register a patient" for row in alone["file"])
    assert matched == alone


def test_s27_the_matched_persons_officer_is_told_of_the_check(cast: Cast) -> None:
    theirs = southern_patient(cast, nhs_number=NUMBER)
    register(sign_in(Client(), cast["amira"]), form_data(cast, nhs_number=NUMBER))
    iris = sign_in(Client(), cast["iris"])
    page = iris.get(reverse("audit:patient_trail", args=[theirs.pk])).content.decode()
    assert "Amira Adeyemi sent the form to register a patient" in page
    assert "matched by a check for duplicates" in page
    (row,) = [row for row in exported(iris) if row["actor"] == "amira"]
    assert theirs.reference in row["subjects"]
    assert "duplicate check" in row["relationship"]
