"""Searching for somebody, registering and editing them in the browser's forms."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.context import access_context
from audit.models import EntrySubject, LogEntry
from audit.writing import keyed_digest
from cases.models import Case, Draft, OtherName, Patient, RelatedPerson
from cases.services import patients
from cases.services.patients import REGISTERED
from tests.patients import form_data, invented_nhs_number, register, registered
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def amira(cast: Cast, client: Client) -> Client:
    return sign_in(client, cast["amira"])


def patient_named(family_name: str) -> Patient:
    with access_context(route="test", is_system=True):
        return Patient.objects.get(family_name=family_name)


def entries(**filters: Any) -> list[LogEntry]:
    with access_context(route="test", is_system=True):
        return list(LogEntry.objects.filter(**filters).order_by("id"))


# Searching


def find(client: Client, terms: str = "", **more: str) -> str:
    answer = client.post(reverse("cases:find"), {"terms": terms, **more})
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    "terms", ["quill", "Nora Q", "Quyll", "Norah", "Old Lark", "larky", "Nonny", "  nora   quill "]
)
def test_somebody_is_found_by_any_name_and_by_similar_spelling(cast: Cast, amira: Client, terms: str) -> None:
    with access_context(route="test", is_system=True):
        nora = Patient.objects.get(pk=cast.nora.pk)
        nora.preferred_name = "Nonny"
        nora.save()
        author = {"controller": cast.north.trust, "regime": "UK GDPR", "created_by": cast["amira"]}
        OtherName.objects.create(patient=nora, kind=OtherName.Kind.FORMER, name="Nora Lark-Old", **author)
        OtherName.objects.create(patient=nora, kind=OtherName.Kind.ALIAS, name="Larky", **author)
    assert cast.nora.reference in find(amira, terms)


def test_somebody_is_found_by_reference_however_it_is_typed(cast: Cast, amira: Client) -> None:
    reference = cast.nora.reference
    for typed in (reference, reference.lower(), reference.removeprefix("SC-")):
        assert reference in find(amira, typed)


def test_somebody_is_found_by_nhs_number_and_by_date_of_birth(cast: Cast, amira: Client) -> None:
    number = invented_nhs_number()
    with access_context(route="test", actor=cast["amira"]):
        wren = registered(cast, nhs_number=number)
    assert wren.reference in find(amira, f"{number[:3]} {number[3:6]} {number[6:]}")
    born = {"date_of_birth_day": "3", "date_of_birth_month": "4", "date_of_birth_year": "1988"}
    found = find(amira, **born)
    assert wren.reference in found
    assert cast.nora.reference not in found


def test_nobody_of_another_team_is_found(cast: Cast, amira: Client) -> None:
    page = find(amira, "Sam Teal")
    assert cast.sam.reference not in page
    assert "Nobody among the people you may see matches" in page


def test_a_search_says_what_to_enter_when_nothing_was(amira: Client) -> None:
    assert "Enter a name, a reference, an NHS number or a date of birth" in find(amira)


def test_a_search_stands_on_the_trail_with_a_digest_and_whom_it_found(cast: Cast, amira: Client) -> None:
    find(amira, "Quill")
    entry = entries(route="cases:find")[-1]
    assert entry.action_word == "search"
    assert entry.additional_data["terms"] == keyed_digest("quill")
    assert "quill" not in str(entry.additional_data).lower()
    with access_context(route="test", is_system=True):
        subject = EntrySubject.objects.get(entry_id=entry.pk)
    assert (subject.patient_id, subject.is_opened) == (cast.nora.pk, False)


@pytest.mark.parametrize("terms", ["a\x00b", "%_\\'\"", "‮evil", "🙂" * 60])
def test_hostile_search_terms_find_nobody_and_break_nothing(amira: Client, terms: str) -> None:
    page = find(amira, terms)
    assert "Nobody among the people" in page or "cannot be stored (NUL)" in page


def test_a_registration_comes_after_a_search(amira: Client) -> None:
    answer = amira.get(reverse("cases:patient_register"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("cases:find"))
    find(amira, "Alder")
    assert amira.get(reverse("cases:patient_register")).status_code == 200


# Registering


def test_everything_typed_is_registered_and_the_case_is_open(cast: Cast, amira: Client) -> None:
    number = invented_nhs_number()
    answer = register(
        amira,
        form_data(
            cast,
            preferred_name="Wrennie",
            former_names="Wren Birch\nWren Birch\n Wren Cedar ",
            aliases="Birdie",
            pronouns="they/them",
            nhs_number=f" {number[:3]} {number[3:6]}-{number[6:]} ",
            phone="07700 900123",
            contact_preferences="Text first.\nNever leave a voicemail.",
            address="1 Example Road",
            postcode="EX1 1AA",
            interpreter_needs="British Sign Language",
            access_needs="Step-free",
            kin_name="Robin Alder",
            kin_relation="Sibling",
            kin_phone="01632 960001",
            gp_name="Dr Example",
        ),
    )
    wren = patient_named("Alder")
    assert answer["Location"] == reverse("patient_record", args=[wren.pk])
    with access_context(route="test", is_system=True):
        names = {(n.kind, n.name) for n in OtherName.objects.filter(patient=wren)}
        people = {p.kind: p for p in RelatedPerson.objects.filter(patient=wren)}
        case = Case.objects.select_related("clinical_mentor", "police_mentor").get(patient=wren)
    assert names == {("former name", "Wren Birch"), ("former name", "Wren Cedar"), ("alias", "Birdie")}
    assert people["next of kin"].relation == "Sibling"
    assert set(people) == {"next of kin", "GP"}
    assert (wren.nhs_number, wren.contact_preferences) == (number, "Text first.\nNever leave a voicemail.")
    assert (case.clinical_mentor.username, case.police_mentor.username, case.is_open) == (
        "amira",
        "pete",
        True,
    )


def test_the_record_says_registered_and_what_happens_with_duplicates(cast: Cast, amira: Client) -> None:
    answer = register(amira, form_data(cast))
    assert REGISTERED in amira.get(answer["Location"]).content.decode()


def test_a_double_submit_registers_once_and_leads_to_the_same_record(cast: Cast, amira: Client) -> None:
    data = form_data(cast)
    first, second = register(amira, data), register(amira, data)
    assert first["Location"] == second["Location"]
    assert patient_named("Alder").full_name == "Wren Alder"


def test_hostile_text_is_kept_as_typed_and_shown_inert(cast: Cast, amira: Client) -> None:
    script = "<script>alert(1)</script> ‮right to left 🙂"
    answer = register(amira, form_data(cast, family_name=script, contact_preferences=script))
    page = amira.get(answer["Location"]).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; ‮right to left 🙂" in page
    assert patient_named(script).contact_preferences == script


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"given_name": ""}, "Enter the person&#39;s given name"),
        ({"family_name": "A\x00"}, "cannot be stored (NUL)"),
        ({"nhs_number": "9990000000"}, "not a real one"),
        ({"nhs_number": "12"}, "must have 10 digits"),
        ({"date_of_birth_year": "2090"}, "must be today or in the past"),
        ({"kin_phone": "01632 960001"}, "Enter the name of the next of kin"),
        ({"address": "x" * 1_000_001}, "Address is too long"),
        ({"police_mentor": ""}, "Choose the police mentor"),
    ],
)
def test_bad_input_is_refused_at_its_field_and_nothing_is_written(
    cast: Cast, amira: Client, changes: dict[str, str], message: str
) -> None:
    answer = register(amira, form_data(cast, preferred_name="Kept text", **changes))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert message in page
    assert "Kept text" in page
    assert "<title>Error: " in page
    with access_context(route="test", is_system=True):
        assert not Patient.objects.filter(preferred_name="Kept text").exists()


def test_a_invented_nhs_number_is_refused_in_a_real_installation(
    cast: Cast, amira: Client, settings: Any
) -> None:
    settings.ALLOW_TEST_NHS_NUMBERS = False
    page = register(amira, form_data(cast, nhs_number=invented_nhs_number())).content.decode()
    assert "from the range kept for tests" in page


def test_the_error_summary_follows_the_order_of_the_page(cast: Cast, amira: Client) -> None:
    summary = register(amira, form_data(cast, given_name="", date_of_birth_day="", police_mentor=""))
    page = summary.content.decode().split("There is a problem")[1]
    places = [page.index(words) for words in ("given name", "must include a day", "Choose the police mentor")]
    assert places == sorted(places)


def test_a_visible_namesake_is_shown_with_a_link_and_may_be_said_to_be_another_person(
    cast: Cast, amira: Client
) -> None:
    with access_context(route="test", actor=cast["amira"]):
        wren = registered(cast)
    page = register(amira, form_data(cast)).content.decode()
    assert reverse("patient_record", args=[wren.pk]) in page
    assert wren.reference in page
    answer = register(amira, form_data(cast, is_somebody_else="on"))
    assert answer.status_code == 302
    assert answer["Location"] != reverse("patient_record", args=[wren.pk])


def test_a_visible_nhs_number_of_the_team_is_answered_with_a_link(cast: Cast, amira: Client) -> None:
    number = invented_nhs_number()
    with access_context(route="test", actor=cast["amira"]):
        wren = registered(cast, nhs_number=number)
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
    page = register(amira, form_data(cast, given_name="Other", nhs_number=spaced)).content.decode()
    assert "Your team already has a record with this NHS number" in page
    assert reverse("patient_record", args=[wren.pk]) in page


def test_mentors_of_another_team_are_refused(cast: Cast, amira: Client) -> None:
    page = register(amira, form_data(cast, clinical_mentor=str(cast.people["sol"].pk))).content.decode()
    assert "Select a valid choice" in page


def test_a_team_administrator_may_not_register(cast: Cast, client: Client) -> None:
    answer = register(sign_in(client, cast["tess"]), form_data(cast))
    assert answer.status_code == 403


# Editing


def edit_data(client: Client, patient: Patient, **changes: str) -> dict[str, Any]:
    """The edit form as it is shown, with changes."""
    form = client.get(reverse("cases:patient_edit", args=[patient.pk])).context
    assert form is None  # Jinja gives the test client no context
    return {
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "date_of_birth_day": str(patient.date_of_birth.day),
        "date_of_birth_month": str(patient.date_of_birth.month),
        "date_of_birth_year": str(patient.date_of_birth.year),
        "version": str(patient.version),
    } | changes


def edit(client: Client, patient: Patient, data: dict[str, Any]) -> Any:
    return client.post(reverse("cases:patient_edit", args=[patient.pk]), data)


def test_an_edit_is_saved_and_the_trail_says_which_fields_changed(cast: Cast, amira: Client) -> None:
    data = edit_data(amira, cast.nora, phone="07700 900999", former_names="Nora Lark", kin_name="Ned Quill")
    assert edit(amira, cast.nora, data).status_code == 302
    nora = patient_named("Quill")
    assert (nora.phone, nora.version) == ("07700 900999", 2)
    change = next(
        e for e in entries(route="cases:patient_edit", action=1) if e.changes and "phone" in e.changes
    )
    assert "900999" not in str(change.changes)
    data |= {"version": "2", "former_names": "", "kin_name": ""}
    assert edit(amira, cast.nora, data).status_code == 302
    with access_context(route="test", is_system=True):
        assert not OtherName.objects.filter(patient=nora).exists()
        assert not RelatedPerson.objects.filter(patient=nora).exists()


def test_two_people_editing_one_record_see_both_texts_and_lose_nothing(cast: Cast, amira: Client) -> None:
    cal = sign_in(Client(), cast["cal"])
    base = edit_data(amira, cast.nora)
    assert edit(cal, cast.nora, base | {"address": "Cal’s address", "pronouns": "she/her"}).status_code == 302
    mine = base | {"address": "Amira’s address", "phone": "07700 900111", "pronouns": "she/her"}
    clash = edit(amira, cast.nora, mine)
    page = clash.content.decode()
    assert clash.status_code == 200
    assert "Cal’s address" in page
    assert "Amira’s address" in page
    assert "07700 900111" in page
    assert "Pronouns: which one is right?" not in page
    assert patient_named("Quill").address == "Cal’s address"
    subjects = [e for e in entries(route="cases:patient_edit", outcome="ok") if e.actor_name == "amira"]
    assert subjects, "the page with both texts is on the trail"

    half = mine | {"clash": "1", "version": "2", "choice_phone": "mine"}
    assert "Address: choose which text to keep" in edit(amira, cast.nora, half).content.decode()

    both = half | {"choice_address": "both", "both_address": "Cal’s address\nAmira’s address"}
    assert edit(amira, cast.nora, both).status_code == 302
    nora = patient_named("Quill")
    assert (nora.address, nora.phone, nora.version) == (
        "Cal’s address\nAmira’s address",
        "07700 900111",
        3,
    )


def test_both_texts_of_a_single_line_stay_one_line(cast: Cast, amira: Client) -> None:
    cal = sign_in(Client(), cast["cal"])
    base = edit_data(amira, cast.nora)
    edit(cal, cast.nora, base | {"phone": "07700 900001"})
    page = edit(amira, cast.nora, base | {"phone": "07700 900002"}).content.decode()
    assert 'value="07700 900001 07700 900002"' in page


def test_choosing_what_the_other_saved_keeps_it_even_for_a_date(cast: Cast, amira: Client) -> None:
    cal = sign_in(Client(), cast["cal"])
    base = edit_data(amira, cast.nora)
    edit(cal, cast.nora, base | {"date_of_birth_year": "1991"})
    mine = base | {
        "date_of_birth_year": "1992",
        "clash": "1",
        "version": "2",
        "choice_date_of_birth": "theirs",
    }
    assert edit(amira, cast.nora, mine).status_code == 302
    assert patient_named("Quill").date_of_birth.year == 1991


def test_both_typing_the_same_is_no_clash(cast: Cast, amira: Client) -> None:
    cal = sign_in(Client(), cast["cal"])
    data = edit_data(amira, cast.nora, phone="07700 900222")
    assert edit(cal, cast.nora, data).status_code == 302
    assert edit(amira, cast.nora, data).status_code == 302


def test_a_third_save_during_the_choice_is_a_clash_again(cast: Cast, amira: Client) -> None:
    cal = sign_in(Client(), cast["cal"])
    base = edit_data(amira, cast.nora)
    edit(cal, cast.nora, base | {"address": "Second"})
    edit(cal, cast.nora, base | {"address": "Third", "version": "2"})
    answer = edit(
        amira, cast.nora, base | {"address": "Mine", "clash": "1", "version": "2", "choice_address": "mine"}
    )
    assert answer.status_code == 200
    assert "Third" in answer.content.decode()
    assert patient_named("Quill").address == "Third"


def test_an_edit_may_not_take_the_nhs_number_of_a_visible_patient(cast: Cast, amira: Client) -> None:
    number = invented_nhs_number()
    with access_context(route="test", actor=cast["amira"]):
        wren = registered(cast, nhs_number=number)
    page = edit(amira, cast.nora, edit_data(amira, cast.nora, nhs_number=number)).content.decode()
    assert "Your team already has a record with this NHS number" in page
    assert reverse("patient_record", args=[wren.pk]) in page


def test_an_outsider_may_not_edit(cast: Cast, client: Client) -> None:
    sol = sign_in(client, cast["sol"])
    assert edit(sol, cast.nora, {"version": "1"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_registrations_of_one_nhs_number_at_the_same_time_make_one_record() -> None:
    cast = make_cast()
    number = invented_nhs_number(7)
    results: list[str] = []
    barrier = threading.Barrier(2)

    def work(given: str) -> None:
        client = sign_in(Client(), cast["amira"])
        barrier.wait(timeout=10)
        answer = register(client, form_data(cast, given_name=given, nhs_number=number))
        results.append("registered" if answer.status_code == 302 else answer.content.decode())
        connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert results.count("registered") == 1
    assert "Your team already has a record with this NHS number" in next(
        r for r in results if r != "registered"
    )


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_twice_at_the_same_time_registers_once() -> None:
    cast = make_cast()
    data = form_data(cast, submission_key=str(uuid.uuid4()))
    places: list[str] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        client = sign_in(Client(), cast["amira"])
        barrier.wait(timeout=10)
        places.append(register(client, data)["Location"])
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(places) == 2
    assert len(set(places)) == 1


def test_a_finished_registration_takes_its_draft_along(cast: Cast, amira: Client) -> None:
    data = form_data(cast)
    amira.post(reverse("cases:draft_keep_new_patient"), data)
    register(amira, data)
    with access_context(route="test", is_system=True):
        assert not Draft.objects.exists()


@pytest.mark.django_db
def test_a_second_send_that_meets_its_own_first_as_a_namesake_leads_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is committed between the look for it and the look for namesakes."""
    cast = make_cast()
    data = form_data(cast, submission_key=str(uuid.uuid4()))
    first = register(sign_in(Client(), cast["amira"]), data)["Location"]
    look, looked = patients._sent_before, []

    def too_early(by: User, key: uuid.UUID, details: patients.PatientDetails) -> Patient | None:
        looked.append(key)
        return look(by, key, details) if len(looked) > 1 else None

    monkeypatch.setattr(patients, "_sent_before", too_early)
    assert register(sign_in(Client(), cast["amira"]), data)["Location"] == first
    assert len(looked) == 2


@pytest.mark.django_db
def test_a_form_sent_again_for_somebody_else_registers_nobody_and_says_so() -> None:
    """ "Back", another person typed over the first: they must not believe that it was saved."""
    cast = make_cast()
    amira = sign_in(Client(), cast["amira"])
    data = form_data(cast)
    register(amira, data)
    answer = register(amira, data | {"given_name": "Bea", "date_of_birth_year": "1999"})
    assert answer.status_code == 200
    assert "This page has registered somebody else already" in answer.content.decode()
    assert 'value="Bea"' in answer.content.decode()
    with access_context(route="test", is_system=True):
        assert not Patient.objects.filter(given_name="Bea").exists()
