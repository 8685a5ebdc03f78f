"""Drafts: typed text outlives a lost page, and nobody but its author reads it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from audit.context import access_context
from audit.models import LogEntry
from cases.models import Contact, Draft
from cases.selectors.drafts import old_drafts_of_team, own_draft, unfinished_drafts
from cases.services.drafts import MAX_DRAFT_BYTES, discard_draft, keep_draft, take_draft
from core.errors import DomainError, NotAllowed, NotVisible
from tests.people import Cast, make_cast
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db
AUTOSAVE = {"HTTP_X_AUTOSAVE": "1", "HTTP_ACCEPT": "application/json"}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def amira(cast: Cast, client: Client) -> Client:
    return sign_in(client, cast["amira"])


def keep(client: Client, cast: Cast, data: dict[str, Any], form: str = "patient-edit") -> Any:
    return client.post(reverse("cases:draft_keep", args=[cast.nora.pk, form]), data, **AUTOSAVE)


def drafts() -> list[Draft]:
    with access_context(route="test", is_system=True):
        return list(Draft.objects.order_by("saved_at"))


def test_a_draft_is_kept_and_says_when(cast: Cast, amira: Client) -> None:
    answer = keep(amira, cast, {"address": "Half an addr", "draft_about": "x", "csrfmiddlewaretoken": "t"})
    (draft,) = drafts()
    assert dt.datetime.fromisoformat(answer.json()["saved_at"]) == draft.saved_at
    assert (draft.form, draft.about, draft.data) == ("patient-edit", "x", {"address": ["Half an addr"]})
    assert draft.is_clinical_only, "what a clinician types may be clinical"


def test_a_second_save_replaces_the_first(cast: Cast, amira: Client) -> None:
    keep(amira, cast, {"address": "One"})
    keep(amira, cast, {"address": "Two"})
    assert [draft.data for draft in drafts()] == [{"address": ["Two"]}]


def test_a_draft_comes_back_into_its_form_as_it_was_typed(cast: Cast, amira: Client) -> None:
    typed = "Line one\n<b>two</b> ‮rtl 🙂"
    keep(
        amira,
        cast,
        {"address": typed, "date_of_birth_day": "31", "date_of_birth_month": "soon", "version": "1"},
    )
    page = amira.get(reverse("cases:patient_edit", args=[cast.nora.pk])).content.decode()
    assert "Line one&#10;&lt;b&gt;two&lt;/b&gt; ‮rtl 🙂" in page
    assert 'value="soon"' in page
    assert "Draft saved" in page
    assert 'value="Nora"' in page, "what the draft does not have keeps the record's value"


def test_save_draft_works_without_scripts_and_does_not_touch_the_record(cast: Cast, amira: Client) -> None:
    address = reverse("cases:patient_edit", args=[cast.nora.pk])
    answer = amira.post(address, {"address": "Unfinished", "save_draft": "1"}, follow=True)
    page = answer.content.decode()
    assert "It is not on the record yet" in page
    assert "Unfinished" in page
    with access_context(route="test", is_system=True):
        cast.nora.refresh_from_db()
    assert cast.nora.address == ""


def test_saving_the_form_takes_the_draft_along(cast: Cast, amira: Client) -> None:
    data = {
        "given_name": "Nora",
        "family_name": "Quill",
        "date_of_birth_day": "3",
        "date_of_birth_month": "2",
        "date_of_birth_year": "1990",
        "version": "1",
    }
    keep(amira, cast, data)
    assert amira.post(reverse("cases:patient_edit", args=[cast.nora.pk]), data).status_code == 302
    assert drafts() == []


def test_an_outsider_keeps_no_draft_about_a_patient_they_may_not_know(cast: Cast, client: Client) -> None:
    assert keep(sign_in(client, cast["sol"]), cast, {"address": "x"}).status_code == 404
    assert drafts() == []


@pytest.mark.parametrize(
    ("text", "words"), [("a\x00b", "(NUL)"), ("x" * (MAX_DRAFT_BYTES + 1), "too long to keep as a draft")]
)
def test_what_cannot_be_stored_is_refused_in_words(cast: Cast, amira: Client, text: str, words: str) -> None:
    answer = keep(amira, cast, {"address": text})
    assert answer.status_code == 400
    assert words in answer.json()["message"]


def test_a_refusal_without_scripts_keeps_the_text_on_the_page(cast: Cast, amira: Client) -> None:
    address = reverse("cases:patient_edit", args=[cast.nora.pk])
    answer = amira.post(address, {"address": "a\x00b", "pronouns": "kept", "save_draft": "1"})
    assert "cannot be stored (NUL)" in answer.content.decode()
    assert 'value="kept"' in answer.content.decode()


def test_without_a_session_the_answer_is_401_in_json(cast: Cast) -> None:
    answer = keep(Client(), cast, {"address": "x"})
    assert (answer.status_code, answer.json()["signed_out"]) == (401, True)


def test_unfinished_lists_own_drafts_with_names_and_references(cast: Cast, amira: Client) -> None:
    keep(amira, cast, {"address": "Secret words"})
    amira.post(reverse("cases:draft_keep_new_patient"), {"given_name": "Somebody"})
    page = amira.get(reverse("cases:drafts")).content.decode()
    assert f"Nora Quill ({cast.nora.reference})" in page
    assert "Somebody not registered yet" in page
    assert reverse("cases:patient_register") in page
    assert reverse("cases:patient_edit", args=[cast.nora.pk]) in page
    assert "Secret words" not in page
    cal = sign_in(Client(), cast["cal"]).get(reverse("cases:drafts")).content.decode()
    assert "You have no unfinished forms" in cal


def test_discarding_is_asked_back_and_recorded_as_a_choice(cast: Cast, amira: Client) -> None:
    keep(amira, cast, {"address": "x"})
    address = reverse("cases:draft_discard", args=[drafts()[0].pk])
    assert "Discard this draft?" in amira.get(address).content.decode()
    assert len(drafts()) == 1
    assert amira.post(address).status_code == 302
    assert drafts() == []
    with access_context(route="test", is_system=True):
        entries = list(LogEntry.objects.filter(route="cases:draft_discard", outcome="ok").order_by("id"))
    assert [entry.action_word for entry in entries][-2:] == ["access", "delete"]
    assert entries[-2].additional_data["draft"] == "discarded"


def test_nobody_discards_or_reads_the_draft_of_somebody_else(cast: Cast, amira: Client) -> None:
    keep(amira, cast, {"address": "x"})
    draft = drafts()[0]
    cal = sign_in(Client(), cast["cal"])
    assert cal.post(reverse("cases:draft_discard", args=[draft.pk])).status_code == 404
    with access_context(route="test", actor=cast["cal"]):
        assert own_draft(cast["cal"], cast.nora, "patient-edit") is None
        with pytest.raises(NotVisible):
            discard_draft(by=cast["cal"], draft=draft)


def test_what_was_typed_as_a_clinician_is_gone_with_the_role(cast: Cast) -> None:
    amira = cast["amira"]
    with access_context(route="test", actor=amira):
        keep_draft(by=amira, patient=cast.nora, form="patient-edit", data={"a": ["x"]})
    with access_context(route="test", is_system=True):
        membership = Membership.objects.get(user=amira)
        membership.role = Role.POLICE_MENTOR
        membership.save()
    amira = cast["amira"]
    with access_context(route="test", actor=amira):
        assert own_draft(amira, cast.nora, "patient-edit") is None
        assert list(unfinished_drafts(amira)) == []


def test_a_draft_of_a_police_mentor_is_not_clinical_and_stays_theirs(cast: Cast) -> None:
    pete = cast["pete"]
    with access_context(route="test", actor=pete):
        draft = keep_draft(by=pete, patient=cast.nora, form="patient-edit", data={"a": ["x"]})
        assert not draft.is_clinical_only
        assert [d.pk for d in unfinished_drafts(pete)] == [draft.pk]


def test_a_lead_learns_how_many_old_drafts_there_are_and_whose_but_no_text(cast: Cast) -> None:
    for name, patient, age in [
        ("amira", cast.nora, 2),
        ("amira", None, 3),
        ("pete", cast.nora, 0),
        ("sol", cast.sam, 5),
    ]:
        with access_context(route="test", actor=cast[name]):
            draft = keep_draft(by=cast[name], patient=patient, form="contact", data={"t": ["hidden words"]})
            draft.saved_at = timezone.now() - dt.timedelta(days=age)
            draft.save()
    with access_context(route="test", actor=cast["lena"]):
        assert [(old.name, old.number) for old in old_drafts_of_team(cast["lena"])] == [("Amira Adeyemi", 2)]
    page = sign_in(Client(), cast["lena"]).get(reverse("cases:drafts")).content.decode()
    assert "Amira Adeyemi: 2 unfinished forms" in page
    assert "hidden words" not in page
    with access_context(route="test", actor=cast["amira"]):
        assert old_drafts_of_team(cast["amira"]) == []


def test_drafts_are_no_contacts(cast: Cast, amira: Client) -> None:
    keep(amira, cast, {"account": "We met."}, form="contact")
    with access_context(route="test", is_system=True):
        assert not Contact.objects.exists()


def test_taking_a_draft_that_is_not_there_is_no_fault(cast: Cast) -> None:
    with access_context(route="test", actor=cast["amira"]):
        take_draft(by=cast["amira"], patient=cast.nora, form="patient-edit")


def test_a_draft_named_longer_than_its_column_is_refused(cast: Cast) -> None:
    with (
        access_context(route="test", actor=cast["amira"]),
        pytest.raises(DomainError, match="cannot be kept"),
    ):
        keep_draft(by=cast["amira"], patient=cast.nora, form="f", about="x" * 61, data={})


@pytest.mark.parametrize("username", ["ivy", "tess", "rhea"])
def test_a_registration_is_kept_for_those_alone_who_may_register(cast: Cast, username: str) -> None:
    with access_context(route="test", actor=cast[username]), pytest.raises(NotAllowed):
        keep_draft(by=cast[username], patient=None, form="new-patient", data={"given_name": ["Half"]})


@pytest.mark.parametrize("form", ["contact-change", "contact-addendum", "contact-log", "plan", "unheard-of"])
@pytest.mark.parametrize("about", ["", "x"])
def test_a_draft_about_nothing_known_shuts_nobody_out_of_their_pages(
    cast: Cast, amira: Client, form: str, about: str
) -> None:
    keep(amira, cast, {"text": "Half a sentence", "draft_about": about}, form=form)
    for address in ("/", "/drafts/", f"/patients/{cast.nora.pk}/"):
        assert amira.get(address).status_code == 200, address
