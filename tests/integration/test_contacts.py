"""Logging, changing, signing and correcting contacts, through the pages and the services behind them."""

from __future__ import annotations

import datetime as dt
import re
import threading
import uuid
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import LogEntry
from cases.models import (
    Contact,
    ContactAddendum,
    ContactClinicalNote,
    ContactParticipant,
    ContactSignature,
    Draft,
    Patient,
    VisitOutcome,
)
from cases.selectors.contacts import contacts_to_sign, last_place, text_of, timeline
from cases.services.cases import close_case
from cases.services.contacts import ContactFacts, change_contact
from cases.services.signed_contacts import (
    add_addendum,
    gaps,
    sign_contact,
    strike_out_contact,
)
from core.access_guard import recorded_query
from core.errors import DomainError, NotAllowed, NotVisible, VersionClash
from tests.contact_log import at_work, listed, logged, looking, planned, posted, signed
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

KEY = re.compile(r'name="submission_key" value="([^"]+)"')


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def log_url(patient: Patient, **query: Any) -> str:
    return reverse("cases:contact_log", args=[patient.pk], query=query or None)


def contact_url(contact: Contact, name: str = "contact") -> str:
    return reverse(f"cases:{name}", args=[contact.patient_id, contact.pk])


def all_contacts() -> list[Contact]:
    with looking():
        return list(Contact.objects.order_by("created_at").prefetch_related("participants"))


def facts_of(contact: Contact, **changes: Any) -> ContactFacts:
    told: dict[str, Any] = {
        "happened_at": contact.happened_at,
        "outcome": contact.outcome,
        "account": contact.account,
    } | changes
    return ContactFacts(**told)


class TestLogging:
    def test_four_fields_save_a_contact(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        answer = sign_in(client, amira).post(log_url(cast.nora), posted(present=[str(amira.pk)]))
        (contact,) = all_contacts()
        assert answer.status_code == 302
        assert answer["Location"] == contact_url(contact)
        yesterday = timezone.localdate() - dt.timedelta(days=1)
        local = timezone.localtime(contact.happened_at)
        assert (local.date(), local.time()) == (yesterday, dt.time(9, 15))
        assert contact.account == "We talked about the move."
        assert [row.user_id for row in contact.participants.all()] == [amira.pk]
        assert (contact.controller, contact.regime) == (amira.organisation, "UK GDPR")
        assert contact.police_attended is False

    def test_page_starts_with_now_me_and_the_last_place(self, cast: Cast, client: Client) -> None:
        logged(cast["cal"], cast.nora, place="The library café")
        with time_machine.travel(dt.datetime(2027, 1, 20, 14, 5, tzinfo=dt.UTC), tick=False):
            page = sign_in(client, cast["amira"]).get(log_url(cast.nora)).content.decode()
        assert 'value="14:05"' in page
        assert "Amira Adeyemi (you)" in page
        assert 'value="The library café"' in page
        assert page.count(" checked") >= 2  # today, and me

    @pytest.mark.parametrize(
        ("outcome", "typed", "kept"),
        [
            ("met", "Library", "Library"),
            ("phone", "Library", ""),
            ("others", "Library", ""),
            ("phone", "From the office", "From the office"),
        ],
    )
    def test_a_call_does_not_take_over_the_last_place(
        self, cast: Cast, client: Client, outcome: str, typed: str, kept: str
    ) -> None:
        logged(cast["cal"], cast.nora, place="Library")
        sign_in(client, cast["amira"]).post(log_url(cast.nora), posted(outcome=outcome, place=typed))
        assert all_contacts()[-1].place == kept

    @pytest.mark.parametrize("missing", ["happened_on_choice", "at", "outcome", "account"])
    def test_what_is_required_is_asked_for_and_the_text_is_kept(
        self, cast: Cast, client: Client, missing: str
    ) -> None:
        fields = posted(account="Kept words <b>&amp;</b>", others_present="Her sister") | {missing: ""}
        answer = sign_in(client, cast["amira"]).post(log_url(cast.nora), fields)
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "Error: Log a contact" in page
        assert "This field is required" not in page
        assert "Her sister" in page
        if missing != "account":
            assert "Kept words &lt;b&gt;&amp;amp;&lt;/b&gt;" in page
        assert all_contacts() == []

    def test_everything_else_may_be_left_for_later(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"]).post(log_url(cast.nora), posted())
        (contact,) = all_contacts()
        assert [gap.field for gap in gaps(contact)] == ["is_planned", "purpose"]

    def test_a_time_in_the_future_is_refused_at_its_field(self, cast: Cast, client: Client) -> None:
        with time_machine.travel(dt.datetime(2027, 1, 20, 10, 0, tzinfo=dt.UTC), tick=False):
            fields = posted(happened_on_choice="today", at="10:06")
            page = sign_in(client, cast["amira"]).post(log_url(cast.nora), fields).content.decode()
        assert "The time is in the future" in page
        assert all_contacts() == []

    def test_a_clock_that_is_five_minutes_fast_is_forgiven(self, cast: Cast, client: Client) -> None:
        with time_machine.travel(dt.datetime(2027, 1, 20, 10, 0, tzinfo=dt.UTC), tick=False):
            sign_in(client, cast["amira"]).post(
                log_url(cast.nora), posted(happened_on_choice="today", at="10:05")
            )
        assert len(all_contacts()) == 1

    def test_nothing_happened_before_the_person_was_born(self, cast: Cast) -> None:
        with pytest.raises(DomainError) as refused:
            logged(cast["amira"], cast.nora, happened_at=dt.datetime(1989, 5, 1, tzinfo=dt.UTC))
        assert refused.value.field == "happened_on"

    def test_what_happened_before_the_case_opened_is_recorded(self, cast: Cast) -> None:
        contact = logged(cast["amira"], cast.nora, happened_at=timezone.now() - dt.timedelta(days=400))
        assert contact.pk

    def test_a_colleague_of_another_team_was_not_there(self, cast: Cast) -> None:
        with pytest.raises(DomainError) as refused:
            logged(cast["amira"], cast.nora, participants=[cast["sol"]])
        assert refused.value.field == "present"

    def test_an_officer_without_the_tick_for_police_is_asked_about(self, cast: Cast, client: Client) -> None:
        fields = posted(officers=[str(cast["pete"].pk)])
        page = sign_in(client, cast["amira"]).post(log_url(cast.nora), fields).content.decode()
        assert "You chose Pete Parr but not “Police”" in page
        assert all_contacts() == []

    def test_police_from_elsewhere_count_as_police(self, cast: Cast, client: Client) -> None:
        fields = posted(present=["police"], others_present="An officer of the response team")
        sign_in(client, cast["amira"]).post(log_url(cast.nora), fields)
        (contact,) = all_contacts()
        assert contact.police_attended
        assert {gap.field for gap in gaps(contact)} >= {"agreed_to_police", "offered_without_police"}

    @pytest.mark.parametrize(
        ("name", "status"),
        [("sol", 404), ("saul", 404), ("ivy", 404), ("tess", 404), ("odd", 404), ("pete", 200)],
    )
    def test_who_may_open_the_page(self, cast: Cast, client: Client, name: str, status: int) -> None:
        assert sign_in(client, cast[name]).get(log_url(cast.nora)).status_code == status

    def test_outsider_is_refused_by_the_service_itself(self, cast: Cast) -> None:
        with pytest.raises(NotVisible):
            logged(cast["sol"], cast.nora)

    @pytest.mark.parametrize(
        "hostile",
        [
            "<script>alert(1)</script>",
            "\u202eright to left \u2066 שלום",
            "emoji 🧑‍🚒🫖 and ¤",
            "\nfirst line empty, {{ 7*7 }} {% raw %}",
        ],
    )
    def test_hostile_text_is_stored_faithfully_and_shown_inert(
        self, cast: Cast, client: Client, hostile: str
    ) -> None:
        sign_in(client, cast["amira"]).post(log_url(cast.nora), posted(account=hostile))
        (contact,) = all_contacts()
        assert contact.account == hostile
        page = client.get(contact_url(contact)).content.decode()
        assert "<script>alert" not in page
        if "7*7" in hostile:
            assert "{{ 7*7 }}" in page

    def test_a_megabyte_is_stored_and_more_is_refused_in_words(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"]).post(log_url(cast.nora), posted(account="x" * 1_000_000))
        (contact,) = all_contacts()
        assert len(contact.account) == 1_000_000
        page = client.post(log_url(cast.nora), posted(account="y" * 1_000_001)).content.decode()
        assert "is too long" in page
        assert len(all_contacts()) == 1

    def test_nul_is_refused_in_words(self, cast: Cast, client: Client) -> None:
        page = sign_in(client, cast["amira"]).post(log_url(cast.nora), posted(account="a\x00b"))
        assert "cannot be stored (NUL)" in page.content.decode()
        assert all_contacts() == []

    def test_a_closed_case_takes_no_contact(self, cast: Cast, client: Client) -> None:
        with at_work(cast["lena"]):
            case = cast.nora.cases.get()
            close_case(
                by=cast["lena"],
                case=case,
                version=case.version,
                next_service="Community team",
                step_down_note="They ring on Monday.",
            )
        assert sign_in(client, cast["amira"]).get(log_url(cast.nora)).status_code == 403


class TestSecondSend:
    def test_second_send_leads_to_the_saved_contact(self, cast: Cast, client: Client) -> None:
        fields = posted()
        sign_in(client, cast["amira"])
        first = client.post(log_url(cast.nora), fields)
        second = client.post(log_url(cast.nora), fields)
        assert len(all_contacts()) == 1
        assert first["Location"] == second["Location"] == contact_url(all_contacts()[0])

    def test_second_send_that_says_more_is_kept_and_offered(self, cast: Cast, client: Client) -> None:
        fields = posted()
        sign_in(client, cast["amira"])
        client.post(log_url(cast.nora), fields)
        again = client.post(
            log_url(cast.nora), fields | {"account": "We talked about the move. And the cat."}
        )
        (contact,) = all_contacts()
        assert contact.account == "We talked about the move."
        assert again["Location"] == contact_url(contact, "contact_change")
        assert "And the cat." in client.get(again["Location"]).content.decode()

    def test_second_send_after_signing_is_kept_for_an_addendum(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        contact = signed(amira, cast.nora)
        fields = posted(submission_key=str(contact.submission_key), account="More words")
        answer = sign_in(client, amira).post(log_url(cast.nora), fields)
        assert answer["Location"] == contact_url(contact)
        assert "More words" in client.get(contact_url(contact, "contact_addendum")).content.decode()

    @pytest.mark.parametrize("key", ["", "nonsense", None])
    def test_a_page_without_its_key_is_saved_all_the_same(
        self, cast: Cast, client: Client, key: str | None
    ) -> None:
        sign_in(client, cast["amira"]).post(log_url(cast.nora), posted(submission_key=key))
        assert len(all_contacts()) == 1

    def test_a_key_used_for_somebody_else_saves_nothing(self, cast: Cast) -> None:
        key = uuid.uuid4()
        logged(cast["amira"], cast.nora, submission_key=key)
        with looking():
            other = make_patient(cast.north, cast["amira"], cast["pete"])
        with pytest.raises(DomainError, match="already used for somebody else"):
            logged(cast["amira"], other, submission_key=key)
        page = sign_in(Client(), cast["amira"]).post(
            f"/patients/{other.pk}/contacts/new/", posted(submission_key=str(key))
        )
        assert "already used for somebody else" in page.content.decode()

    def test_two_people_may_use_one_key(self, cast: Cast) -> None:
        key = uuid.uuid4()
        first = logged(cast["amira"], cast.nora, submission_key=key)
        second = logged(cast["cal"], cast.nora, submission_key=key)
        assert first.pk != second.pk

    def test_the_database_refuses_a_second_row(self, cast: Cast) -> None:
        contact = logged(cast["amira"], cast.nora)
        with looking():
            copy = Contact.objects.get(pk=contact.pk)
            copy.pk = uuid.uuid4()
            copy._state.adding = True
            with pytest.raises(IntegrityError, match="contact_submitted_once"), transaction.atomic():
                copy.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("with_visit", [False, True])
def test_the_same_form_sent_twice_at_once_saves_one_contact(with_visit: bool) -> None:
    cast = make_cast()
    amira = cast["amira"]
    visit = planned(amira, cast.nora) if with_visit else None
    fields = posted(present=[str(amira.pk)])
    url = log_url(cast.nora, visit=visit.pk) if visit else log_url(cast.nora)
    clients = [sign_in(Client(), amira) for _ in range(2)]
    together = threading.Barrier(2)
    locations: list[str] = []

    def send(client: Client) -> None:
        try:
            together.wait(timeout=10)
            locations.append(client.post(url, fields)["Location"])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    (contact,) = all_contacts()
    assert locations == [contact_url(contact)] * 2
    with looking():
        assert len(ContactParticipant.objects.all()) == 1
        assert len(VisitOutcome.objects.all()) == (1 if with_visit else 0)


class TestVisitThatHappened:
    def test_visit_answers_purpose_planned_and_outcome(self, cast: Cast, client: Client) -> None:
        visit = planned(cast["amira"], cast.nora, cast["amira"], cast["cal"])
        sign_in(client, cast["amira"])
        page = client.get(log_url(cast.nora, visit=visit.pk)).content.decode()
        assert 'name="purpose"' not in page
        assert 'name="is_planned"' not in page
        client.post(log_url(cast.nora, visit=visit.pk), posted(purpose="crisis", is_planned="no"))
        (contact,) = all_contacts()
        assert (contact.purpose, contact.is_planned, contact.visit_id) == (
            "practical support",
            True,
            visit.pk,
        )
        with looking():
            assert VisitOutcome.objects.get().kind == VisitOutcome.Kind.HAPPENED

    @pytest.mark.parametrize(("outcome", "kind"), [("not met", "attempted"), ("declined", "declined")])
    def test_what_came_of_it_becomes_the_outcome_of_the_visit(
        self, cast: Cast, outcome: str, kind: str
    ) -> None:
        visit = planned(cast["amira"], cast.nora)
        logged(cast["amira"], cast.nora, visit=visit, outcome=outcome)
        with looking():
            assert VisitOutcome.objects.get().kind == kind

    def test_a_visit_whose_outcome_is_known_takes_no_contact(self, cast: Cast) -> None:
        visit = planned(cast["amira"], cast.nora)
        logged(cast["amira"], cast.nora, visit=visit)
        with pytest.raises(DomainError, match="recorded already"):
            logged(cast["amira"], cast.nora, visit=visit)
        assert len(all_contacts()) == 1

    def test_a_visit_of_another_patient_is_no_page(self, cast: Cast, client: Client) -> None:
        visit = planned(cast["sol"], cast.sam)
        assert sign_in(client, cast["amira"]).get(log_url(cast.nora, visit=visit.pk)).status_code == 404
        assert client.get(log_url(cast.nora, visit="nonsense")).status_code == 404
        with pytest.raises(NotVisible):
            logged(cast["amira"], cast.nora, visit=visit)


class TestChanging:
    def test_author_changes_before_signing(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        contact = logged(amira, cast.nora, participants=[amira, cast["cal"]], clinical_text="Old note")
        fields = posted(
            account="Changed words",
            version=1,
            present=[str(amira.pk)],
            clinical_text="New note",
            purpose="plan",
        )
        answer = sign_in(client, amira).post(contact_url(contact, "contact_change"), fields)
        assert answer["Location"] == contact_url(contact)
        (saved,) = all_contacts()
        assert (saved.account, saved.version, saved.purpose) == ("Changed words", 2, "plan")
        with looking():
            assert [row.user_id for row in ContactParticipant.objects.all()] == [amira.pk]
            assert ContactClinicalNote.objects.get().text == "New note"

    def test_emptied_clinical_note_is_gone(self, cast: Cast) -> None:
        contact = logged(cast["amira"], cast.nora, clinical_text="A note")
        with at_work(cast["amira"]):
            change_contact(by=cast["amira"], contact=contact, version=1, facts=facts_of(contact))
            assert not ContactClinicalNote.objects.exists()

    def test_both_texts_are_shown_when_two_devices_change_one_contact(
        self, cast: Cast, client: Client
    ) -> None:
        amira = cast["amira"]
        contact = logged(amira, cast.nora)
        with at_work(amira):
            change_contact(
                by=amira, contact=contact, version=1, facts=facts_of(contact, account="From the laptop")
            )
        sign_in(client, amira)
        url = contact_url(contact, "contact_change")
        page = client.post(url, posted(account="From the phone", version=1)).content.decode()
        assert "From the laptop" in page
        assert "From the phone" in page
        assert 'name="version" value="2"' in page
        assert all_contacts()[0].account == "From the laptop"
        client.post(url, posted(account="From both", version=2))
        assert all_contacts()[0].account == "From both"

    def test_service_raises_the_clash(self, cast: Cast) -> None:
        contact = logged(cast["amira"], cast.nora)
        with at_work(cast["amira"]), pytest.raises(VersionClash):
            change_contact(by=cast["amira"], contact=contact, version=7, facts=facts_of(contact))

    @pytest.mark.parametrize("name", ["cal", "pete", "lena"])
    def test_nobody_else_changes_or_signs(self, cast: Cast, client: Client, name: str) -> None:
        contact = logged(cast["amira"], cast.nora)
        answer = sign_in(client, cast[name]).get(contact_url(contact, "contact_change"))
        assert answer["Location"] == contact_url(contact)
        with at_work(cast[name]), pytest.raises(NotAllowed):
            change_contact(by=cast[name], contact=contact, version=1, facts=facts_of(contact))
        with at_work(cast[name]), pytest.raises(NotAllowed):
            sign_contact(by=cast[name], contact=contact, version=1)

    def test_outsider_gets_404_on_every_page(self, cast: Cast, client: Client) -> None:
        contact = signed(cast["amira"], cast.nora)
        sign_in(client, cast["sol"])
        for name in ("contact", "contact_change", "contact_sign", "contact_addendum", "contact_strike_out"):
            assert client.get(contact_url(contact, name)).status_code == 404

    def test_contact_of_another_patient_is_no_page(self, cast: Cast, client: Client) -> None:
        contact = logged(cast["sol"], cast.sam)
        url = reverse("cases:contact", args=[cast.nora.pk, contact.pk])
        assert sign_in(client, cast["amira"]).get(url).status_code == 404

    def test_a_colleague_who_left_stays_in_the_entry(self, cast: Cast, client: Client) -> None:
        amira, cal = cast["amira"], cast["cal"]
        contact = logged(amira, cast.nora, participants=[amira, cal])
        membership = cal.memberships.get()
        membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
        with looking():
            membership.save()
        sign_in(client, amira)
        assert "Cal Carrow" in client.get(contact_url(contact, "contact_change")).content.decode()
        client.post(
            contact_url(contact, "contact_change"), posted(present=[str(amira.pk), str(cal.pk)], version=1)
        )
        with looking():
            assert {row.user_id for row in ContactParticipant.objects.all()} == {amira.pk, cal.pk}


class TestSigning:
    def test_gaps_are_asked_before_signing(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        contact = logged(amira, cast.nora, participants=[amira, cast["pete"]])
        url = contact_url(contact, "contact_sign")
        page = sign_in(client, amira).get(url).content.decode()
        for name in ("is_planned", "purpose", "agreed_to_police", "offered_without_police"):
            assert f'name="{name}"' in page
        page = client.post(url, {"version": 1, "is_planned": "no"}).content.decode()
        assert "Choose what it was for" in page
        assert "Say whether the person agreed, or that it is not known" in page
        with looking():
            assert not ContactSignature.objects.exists()
        client.post(
            url,
            {
                "version": 1,
                "is_planned": "no",
                "purpose": "safety",
                "agreed_to_police": "unknown",
                "offered_without_police": "no",
            },
        )
        (saved,) = all_contacts()
        with looking():
            assert ContactSignature.objects.get().contact_id == saved.pk
        assert (saved.is_planned, saved.purpose, saved.agreed_to_police) == (False, "safety", "unknown")
        assert gaps(saved) == []

    def test_complete_contact_is_signed_with_one_button(self, cast: Cast, client: Client) -> None:
        contact = logged(cast["amira"], cast.nora, purpose="plan", is_planned=True)
        sign_in(client, cast["amira"]).post(contact_url(contact, "contact_sign"), {"version": 1})
        with looking():
            assert ContactSignature.objects.filter(contact=contact).exists()

    def test_what_was_changed_since_it_was_read_is_not_signed(self, cast: Cast, client: Client) -> None:
        contact = logged(cast["amira"], cast.nora, purpose="plan", is_planned=True)
        with at_work(cast["amira"]):
            change_contact(
                by=cast["amira"],
                contact=contact,
                version=1,
                facts=facts_of(contact, account="Other words", purpose="plan", is_planned=True),
            )
        answer = sign_in(client, cast["amira"]).post(contact_url(contact, "contact_sign"), {"version": 1})
        assert answer["Location"] == contact_url(contact, "contact_sign")
        with looking():
            assert not ContactSignature.objects.exists()

    def test_list_to_sign_says_what_is_missing_and_holds_no_text(self, cast: Cast, client: Client) -> None:
        logged(cast["amira"], cast.nora, account="Secret words")
        signed(cast["amira"], cast.nora)
        logged(cast["cal"], cast.nora)
        page = sign_in(client, cast["amira"]).get(reverse("cases:to_sign")).content.decode()
        assert page.count("app-tasks__item") == 1
        assert "Still to say: whether it was planned; what it was for" in page
        assert cast.nora.reference in page
        assert "Secret words" not in page

    def test_struck_out_contact_no_longer_waits(self, cast: Cast) -> None:
        amira = cast["amira"]
        contact = logged(amira, cast.nora)
        with at_work(amira):
            assert [row.pk for row in contacts_to_sign(amira)] == [contact.pk]
            strike_out_contact(by=amira, contact=contact, reason="Wrong person")
            assert list(contacts_to_sign(amira)) == []


class TestReading:
    def test_police_mentor_logs_and_sees_it_in_the_timeline(self, cast: Cast, client: Client) -> None:
        pete = cast["pete"]
        sign_in(client, pete)
        client.post(
            log_url(cast.nora),
            posted(
                present=["police"],
                officers=[str(pete.pk)],
                account="Nora opened the door.",
                observation="She smiled.",
                opinion="She seemed rested.",
                agreed_to_police="yes",
                offered_without_police="unknown",
            ),
        )
        page = client.get(reverse("cases:patient_timeline", args=[cast.nora.pk])).content.decode()
        assert "Nora opened the door." in page
        assert "Pete Parr, police" in page

    def test_timeline_merges_contacts_and_visits_newest_first(self, cast: Cast) -> None:
        amira, now = cast["amira"], timezone.now()
        early = logged(amira, cast.nora, happened_at=now - dt.timedelta(days=3))
        with time_machine.travel(now - dt.timedelta(days=2)):
            missed = planned(amira, cast.nora, planned_for=timezone.now())
        late = logged(amira, cast.nora, happened_at=now - dt.timedelta(days=1))
        ahead = planned(amira, cast.nora, planned_for=now + dt.timedelta(days=1))
        with time_machine.travel(now - dt.timedelta(hours=5)):
            done = planned(amira, cast.nora, planned_for=timezone.now())
        told = logged(amira, cast.nora, visit=done, happened_at=now - dt.timedelta(hours=5))
        with at_work(amira):
            keys = [entry.pk for entry in timeline(amira, cast.nora)]
        assert keys == [told.pk, late.pk, missed.pk, early.pk]
        assert ahead.pk not in keys

    def test_pages_of_the_timeline_leave_nothing_out_even_at_one_moment(self, cast: Cast) -> None:
        amira, at = cast["amira"], timezone.now() - dt.timedelta(days=1)
        everything = {logged(amira, cast.nora, happened_at=at).pk for _ in range(7)}
        seen: list[uuid.UUID] = []
        older: str | None = None
        with at_work(amira):
            for _ in range(4):
                page = timeline(amira, cast.nora, before=older, limit=3)
                seen += [entry.pk for entry in page]
                older = page.older
                if not older:
                    break
        assert len(seen) == 7
        assert set(seen) == everything

    @pytest.mark.parametrize(
        "cursor", ["", "x", "2026-01-01_z", "2026-01-01T00:00:00_" + "0" * 32, "_", "\x00"]
    )
    def test_a_broken_cursor_starts_at_the_newest(self, cast: Cast, cursor: str) -> None:
        contact = logged(cast["amira"], cast.nora)
        with at_work(cast["amira"]):
            assert [entry.pk for entry in timeline(cast["amira"], cast.nora, before=cursor)] == [contact.pk]

    def test_timeline_of_somebody_elses_patient_is_empty(self, cast: Cast) -> None:
        logged(cast["amira"], cast.nora)
        with at_work(cast["sol"]):
            assert timeline(cast["sol"], cast.nora).entries == []

    @pytest.mark.parametrize("name", ["amira", "pete", "lena"])
    def test_timeline_takes_as_many_statements_for_20_contacts_as_for_1(
        self, cast: Cast, client: Client, name: str
    ) -> None:
        def write_one() -> None:
            contact = signed(cast["amira"], cast.nora, participants=[cast["amira"]], clinical_text="A note")
            with at_work(cast["amira"]):
                add_addendum(by=cast["amira"], contact=contact, reason="Forgotten", text="The bus")

        url = reverse("cases:patient_timeline", args=[cast.nora.pk])
        write_one()
        sign_in(client, cast[name]).get(url)
        with CaptureQueriesContext(connection) as one:
            client.get(url)
        for _ in range(19):
            write_one()
        with CaptureQueriesContext(connection) as twenty:
            page = client.get(url).content.decode()
        assert page.count('class="app-timeline__item ') == 20
        assert len(one) == len(twenty)

    def test_last_contacts_counts_meetings_and_calls_in_one_statement(self, cast: Cast) -> None:
        amira, now = cast["amira"], timezone.now()
        met = logged(amira, cast.nora, happened_at=now - dt.timedelta(days=3))
        logged(amira, cast.nora, happened_at=now - dt.timedelta(days=1), outcome="not met")
        with at_work(amira), CaptureQueriesContext(connection) as statements:
            (case,) = listed(amira)
        assert vars(case)["last_contact"] == met.happened_at
        assert len([s for s in statements if "cases_contact" in s["sql"]]) == 1

    def test_last_place_is_where_the_person_was_last_met(self, cast: Cast) -> None:
        amira, now = cast["amira"], timezone.now()
        logged(amira, cast.nora, place="Park", happened_at=now - dt.timedelta(days=3))
        logged(amira, cast.nora, place="Library", happened_at=now - dt.timedelta(days=2))
        logged(amira, cast.nora, place="Office", happened_at=now - dt.timedelta(days=1), outcome="phone")
        with at_work(amira):
            assert last_place(amira, cast.nora) == "Library"

    def test_contact_page_shows_text_people_and_history(self, cast: Cast, client: Client) -> None:
        contact = signed(
            cast["amira"],
            cast.nora,
            participants=[cast["amira"], cast["pete"]],
            others_present="Her sister",
            agreed_to_police="yes",
            offered_without_police="no",
        )
        page = sign_in(client, cast["cal"]).get(contact_url(contact)).content.decode()
        for words in (
            "We had tea",
            "Amira Adeyemi, Pete Parr (police), Her sister",
            "Agreed to police being there",
            "Signed",
            "Add to it",
        ):
            assert words in page


class TestAddenda:
    def test_addendum_is_dated_reasoned_and_leaves_the_text(self, cast: Cast, client: Client) -> None:
        contact = signed(cast["amira"], cast.nora)
        url = contact_url(contact, "contact_addendum")
        answer = sign_in(client, cast["cal"]).post(
            url, {"reason": "Remembered later", "text": "The key is lost."}
        )
        assert answer["Location"] == contact_url(contact)
        page = client.get(contact_url(contact)).content.decode()
        assert "We had tea" in page
        assert "The key is lost." in page
        assert "Remembered later" in page

    @pytest.mark.parametrize("missing", ["reason", "text"])
    def test_addendum_needs_both(self, cast: Cast, client: Client, missing: str) -> None:
        contact = signed(cast["amira"], cast.nora)
        fields = {"reason": "Because", "text": "More"} | {missing: " "}
        page = sign_in(client, cast["amira"]).post(contact_url(contact, "contact_addendum"), fields)
        assert "Error: Add to a contact" in page.content.decode()
        with at_work(cast["amira"]):
            assert not ContactAddendum.objects.exists()
            with pytest.raises(DomainError):
                add_addendum(by=cast["amira"], contact=contact, **fields)

    def test_unsigned_contact_takes_no_addendum(self, cast: Cast, client: Client) -> None:
        contact = logged(cast["amira"], cast.nora)
        assert sign_in(client, cast["amira"]).get(contact_url(contact, "contact_addendum")).status_code == 404
        with at_work(cast["amira"]), pytest.raises(DomainError, match="not signed yet"):
            add_addendum(by=cast["amira"], contact=contact, reason="x", text="y")

    def test_the_same_addendum_again_is_the_saved_one(self, cast: Cast, client: Client) -> None:
        contact = signed(cast["amira"], cast.nora)
        fields = {"reason": "Correction", "text": "It was Tuesday.", "submission_key": str(uuid.uuid4())}
        url = contact_url(contact, "contact_addendum")
        sign_in(client, cast["amira"])
        assert [client.post(url, fields)["Location"] for _ in range(2)] == [contact_url(contact)] * 2
        with looking():
            assert len(ContactAddendum.objects.all()) == 1

    def test_other_words_from_the_same_page_wait_as_a_draft(self, cast: Cast, client: Client) -> None:
        contact = signed(cast["amira"], cast.nora)
        fields = {"reason": "Correction", "text": "It was Tuesday.", "submission_key": str(uuid.uuid4())}
        url = contact_url(contact, "contact_addendum")
        sign_in(client, cast["amira"]).post(url, fields)
        assert client.post(url, fields | {"text": "And it rained."})["Location"] == url
        page = client.get(url).content.decode()
        assert "And it rained." in page
        (key,) = KEY.findall(page)
        client.post(url, fields | {"text": "And it rained.", "submission_key": key})
        with looking():
            assert {row.text for row in ContactAddendum.objects.all()} == {
                "It was Tuesday.",
                "And it rained.",
            }

    def test_a_draft_carries_the_key_until_its_addendum_is_saved(self, cast: Cast, client: Client) -> None:
        contact = signed(cast["amira"], cast.nora)
        url = contact_url(contact, "contact_addendum")
        (key,) = KEY.findall(sign_in(client, cast["amira"]).get(url).content.decode())
        fields = {"reason": "Correction", "text": "It was Tuesday.", "submission_key": key}
        page = client.post(url, fields | {"save_draft": "1"}, follow=True).content.decode()
        assert KEY.findall(page) == [key]
        client.post(url, fields)
        # The page's last automatic draft arrives after its addendum.
        late = reverse("cases:draft_keep", args=[cast.nora.pk, "contact-addendum"])
        assert client.post(late, fields | {"draft_about": str(contact.pk)}).status_code == 200
        page = client.get(url).content.decode()
        assert key not in page
        assert KEY.search(page)

    def test_the_database_refuses_a_second_addendum(self, cast: Cast) -> None:
        contact = signed(cast["amira"], cast.nora)
        with at_work(cast["amira"]):
            addendum = add_addendum(by=cast["amira"], contact=contact, reason="x", text="y")
            addendum.pk, addendum._state.adding = uuid.uuid4(), True
            with pytest.raises(IntegrityError, match="addendum_submitted_once"), transaction.atomic():
                addendum.save(force_insert=True)


class TestDrafts:
    def keep(self, client: Client, patient: Patient, **fields: Any) -> None:
        url = reverse("cases:draft_keep", args=[patient.pk, "contact-log"])
        assert client.post(url, posted(draft_about="", **fields)).status_code == 200

    def test_unfinished_contact_is_continued_and_gone_once_saved(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"])
        self.keep(client, cast.nora, account="Half a sentence", clinical_text="Half a note")
        page = client.get(log_url(cast.nora)).content.decode()
        assert "Half a sentence" in page
        assert "Half a note" in page
        assert all_contacts() == []
        client.post(log_url(cast.nora), posted(account="A whole sentence"))
        with looking():
            assert not Draft.objects.exists()

    def test_draft_without_javascript_is_kept_by_its_button(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"])
        answer = client.post(log_url(cast.nora), posted(account="Kept by hand", save_draft="1"), follow=True)
        assert "Kept by hand" in answer.content.decode()
        assert all_contacts() == []

    def test_draft_left_behind_by_a_saved_page_does_not_come_back(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"])
        fields = posted(account="Saved words")
        client.post(log_url(cast.nora), fields)
        url = reverse("cases:draft_keep", args=[cast.nora.pk, "contact-log"])
        client.post(url, fields | {"draft_about": ""})
        page = client.get(log_url(cast.nora)).content.decode()
        assert "Saved words" not in page
        assert fields["submission_key"] not in page

    def test_colleague_does_not_see_my_draft(self, cast: Cast, client: Client) -> None:
        sign_in(client, cast["amira"])
        self.keep(client, cast.nora, account="Mine alone")
        other = sign_in(Client(), cast["cal"])
        assert "Mine alone" not in other.get(log_url(cast.nora)).content.decode()


def test_trail_says_that_something_changed_and_never_the_words(cast: Cast, client: Client) -> None:
    sign_in(client, cast["amira"])
    client.post(log_url(cast.nora), posted(account="Very private words", clinical_text="More private words"))
    with looking(), recorded_query("test"):
        text = str(list(LogEntry.objects.values_list("changes", "additional_data", "object_repr")))
    assert "private words" not in text


def test_text_of_contact_needs_no_query(cast: Cast) -> None:
    amira: User = cast["amira"]
    logged(amira, cast.nora)
    with at_work(amira):
        (entry,) = timeline(amira, cast.nora)
        assert isinstance(entry, Contact)
        with CaptureQueriesContext(connection) as statements:
            assert text_of(entry).account.startswith("We had tea")
        assert len(statements) == 0


def test_log_contact_needs_words_and_a_known_outcome(cast: Cast) -> None:
    for changes, field in [
        ({"account": " \n"}, "account"),
        ({"outcome": "good"}, "outcome"),
        ({"purpose": "sanction"}, "purpose"),
        ({"agreed_to_police": "maybe", "police_attended": True}, "agreed_to_police"),
    ]:
        with pytest.raises(DomainError) as refused:
            logged(cast["amira"], cast.nora, **changes)
        assert refused.value.field == field
    assert all_contacts() == []


@pytest.mark.parametrize(
    ("again", "contacts"),
    [
        ({}, 1),
        ({"at": "9:19"}, 1),
        ({"at": "9:45"}, 2),
        ({"account": "Rang again."}, 2),
        ({"outcome": "phone"}, 2),
    ],
)
def test_page_refilled_by_going_back_is_known_by_its_words_and_its_moment(
    client: Client, cast: Cast, again: dict[str, str], contacts: int
) -> None:
    sign_in(client, cast["amira"])
    client.post(log_url(cast.nora), posted(account="Rang, no answer."))
    client.post(log_url(cast.nora), posted(**{"account": "Rang, no answer."} | again))
    with looking():
        assert len(Contact.objects.all()) == contacts


def test_same_words_of_a_colleague_are_another_contact(client: Client, cast: Cast) -> None:
    for name in ("amira", "cal"):
        sign_in(client, cast[name]).post(log_url(cast.nora), posted(account="Rang, no answer."))
    with looking():
        assert len(Contact.objects.all()) == 2
