"""S31: break-glass has a reason and a sentence, one person and at most four hours; it reads, is seen on every page, and ends."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, ProgrammingError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Act, Role
from accounts.services.leaving import end_person
from accounts.services.people import add_membership, end_membership
from audit.models import EntrySubject, LogEntry
from cases.models import Draft
from cases.permissions import can, explain_access, visible_patients
from cases.services.break_glass import BreakGlassRequest, end_break_glass, open_break_glass_for
from cases.services.drafts import keep_draft
from cases.services.signed_contacts import strike_out_contact
from core.errors import DomainError, NotAllowed
from reminders import ticks
from sim_casework.proving.addresses import every_route
from tests.break_glass import (
    SENTENCE,
    ask,
    glasses,
    opened,
    over,
    record_of,
    stated,
)
from tests.contact_log import at_work, logged, looking, signed
from tests.patients import registered
from tests.people import Cast, clear, make_cast
from tests.permissions.everything import make_everything
from tests.plans import approved
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


# Who may.


@pytest.mark.parametrize("name", ["sol", "sia"])
def test_s31_a_clinician_of_another_team_opens_the_record_at_once(cast: Cast, name: str) -> None:
    client = sign_in(Client(), cast[name])
    assert client.get(record_of(cast.nora)).status_code == 404
    answer = ask(client, stated(cast.nora))
    assert (answer.status_code, answer["Location"]) == (302, record_of(cast.nora))
    assert client.get(record_of(cast.nora)).status_code == 200


@pytest.mark.parametrize("name", ["pete", "saul", "tess", "stan", "ivy", "iris", "rhea", "oona", "odd"])
def test_s31_police_administrators_officers_and_responders_may_not(cast: Cast, name: str) -> None:
    assert ask(sign_in(Client(), cast[name]), stated(cast.sam)).status_code == 403
    request = BreakGlassRequest(
        whom=None,
        reason="crisis",
        sentence=SENTENCE,
        hours=1,
        submission_key=uuid.uuid4(),  # type: ignore[arg-type]
    )
    with pytest.raises(NotAllowed), at_work(cast[name]):
        open_break_glass_for(by=cast[name], request=request)
    assert glasses() == []


def test_s31_a_role_that_ends_takes_the_break_glass_with_it(cast: Cast, sol: Client) -> None:
    opened(cast["sol"], cast.nora)
    assert sol.get(record_of(cast.nora)).status_code == 200
    with looking():
        Membership.objects.filter(user=cast["sol"]).update(ended_at=timezone.now(), ended_by=cast["stan"])
    assert sol.get(record_of(cast.nora)).status_code == 404


@pytest.mark.parametrize("way", ["role", "account"])
def test_s31_a_role_that_is_given_again_brings_no_break_glass_back(cast: Cast, sol: Client, way: str) -> None:
    glass = opened(cast["sol"], cast.nora, hours=4)
    other = opened(cast["sia"], cast.nora, hours=4)
    held = Membership.objects.get(user=cast["sol"])
    with at_work(cast["stan"]):
        if way == "role":
            end_membership(by=cast["stan"], membership=held)
        else:
            end_person(by=cast["stan"], user=cast["sol"])
    assert sol.get(record_of(cast.nora)).status_code != 200
    ticks.tick()
    with looking():
        User.objects.filter(pk=cast["sol"].pk).update(is_active=True, left_at=None)
        Membership.objects.create(
            user=cast["sol"], role=held.role, team=held.team, organisation=held.organisation
        )
        glass.refresh_from_db()
        other.refresh_from_db()
    assert (glass.ended_by, glass.is_open, other.is_open) == (cast["stan"], False, True)
    (entry,) = trail_entries(action=LogEntry.Action.UPDATE, object_pk=str(glass.pk))
    assert entry.reason == "Break-glass ended: a role of its author was ended"
    again = sign_in(Client(), cast["sol"])
    assert again.get(record_of(cast.nora)).status_code == 404
    # With a reason stated anew it opens again, and both wait for their review.
    assert ask(again, stated(cast.nora)).status_code == 302
    assert again.get(record_of(cast.nora)).status_code == 200
    ticks.tick()
    assert again.get(record_of(cast.nora)).status_code == 200


def test_s31_a_break_glass_is_ended_also_when_the_role_was_given_again_before_the_next_tick(
    cast: Cast, sol: Client
) -> None:
    opened(cast["sol"], cast.nora, hours=4)
    held = Membership.objects.get(user=cast["sol"])
    with at_work(cast["stan"]):
        end_membership(by=cast["stan"], membership=held)
        add_membership(by=cast["stan"], user=cast["sol"], role=held.role, team=held.team)
    ticks.tick()
    assert sol.get(record_of(cast.nora)).status_code == 404


# Reason, sentence, one person, four hours.


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": ""}, "Choose why it cannot wait"),
        ({"reason": "curiosity"}, "not one of the available choices"),
        ({"sentence": ""}, "Say in a sentence why you need this record"),
        ({"sentence": "Too short a reason."}, "19 of at least 20 characters"),
        ({"sentence": "a" + " " * 40}, "1 of at least 20 characters"),
        ({"hours": "5"}, "not one of the available choices"),
        ({"known_by": ""}, "Choose how you can name the person"),
        ({"reference": ""}, "Enter the reference"),
        ({"reference": "Nora"}, "must look like SC-7K2M9Q"),
        ({"known_by": "NHS number"}, "Enter the NHS number"),
        ({"known_by": "name", "full_name": "Nora Quill"}, "Enter the date of birth that goes with the name"),
    ],
)
def test_s31_what_is_missing_is_said_and_what_was_typed_is_kept(
    cast: Cast, sol: Client, changes: dict[str, Any], words: str
) -> None:
    answer = ask(sol, stated(cast.nora, **changes))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert words in page
    assert "sentence" in changes or SENTENCE in page
    assert glasses() == []


@pytest.mark.parametrize(
    "changes", [{"reason": "curiosity"}, {"sentence": "x" * 19}, {"hours": 5}, {"hours": 0}, {"hours": -1}]
)
def test_s31_the_service_itself_asks_for_reason_sentence_and_time(
    cast: Cast, changes: dict[str, Any]
) -> None:
    with pytest.raises(DomainError):
        opened(cast["sol"], cast.nora, **changes)
    assert glasses() == []


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"ends_at": dt.timedelta(hours=4, seconds=1)}, "break_glass_at_most_four_hours"),
        ({"ends_at": dt.timedelta(0)}, "break_glass_at_most_four_hours"),
        ({"sentence": "x" * 19}, "break_glass_says_why"),
        ({"sentence": "x" + " " * 30}, "break_glass_says_why"),
        ({"opened_at": dt.timedelta(minutes=1)}, "break_glass_one_at_a_time"),
    ],
)
def test_s31_the_database_holds_time_and_sentence(
    cast: Cast, change: dict[str, Any], constraint: str
) -> None:
    glass = opened(cast["sol"], cast.nora)
    glass.pk, glass.submission_key = uuid.uuid4(), uuid.uuid4()
    if constraint != "break_glass_one_at_a_time":
        glass.opened_at -= dt.timedelta(days=1)
        glass.ends_at -= dt.timedelta(days=1)
    for field, value in change.items():
        setattr(glass, field, glass.opened_at + value if isinstance(value, dt.timedelta) else value)
    with pytest.raises(IntegrityError, match=constraint), looking():
        glass.save(force_insert=True)


def test_s31_it_covers_one_person_and_nobody_else(cast: Cast, sol: Client) -> None:
    with at_work(cast["amira"]):
        other = registered(cast)
    opened(cast["sol"], cast.nora)
    assert sol.get(record_of(cast.nora)).status_code == 200
    assert sol.get(record_of(other)).status_code == 404
    with at_work(cast["sol"]):
        assert {p.pk for p in visible_patients(cast["sol"])} == {cast.nora.pk, cast.sam.pk}


@pytest.mark.parametrize("hours", [1, 2, 4])
def test_s31_the_record_is_closed_when_the_time_is_over(cast: Cast, hours: int) -> None:
    sol, start = cast["sol"], timezone.now()
    opened(sol, cast.nora, hours=hours)
    for after, is_open in ((dt.timedelta(0), True), (dt.timedelta(hours=hours, seconds=1), False)):
        with time_machine.travel(start + after), at_work(sol):
            assert can(sol, Act.OPEN_RECORD, cast.nora) is is_open
            assert visible_patients(sol).filter(pk=cast.nora.pk).exists() is is_open
        with time_machine.travel(start + after):
            assert sign_in(Client(), sol).get(record_of(cast.nora)).status_code == (200 if is_open else 404)


def test_s31_it_is_never_made_longer(cast: Cast, sol: Client) -> None:
    glass = opened(cast["sol"], cast.nora)
    answer = sol.post(reverse("cases:break_glass"), stated(cast.nora, hours="4"), follow=True)
    assert "Its time was not made longer" in answer.content.decode()
    assert [g.ends_at for g in glasses()] == [glass.ends_at]
    for change in (
        {"ends_at": glass.ends_at + dt.timedelta(minutes=1)},
        {"sentence": "Something else altogether"},
    ):
        for field, value in change.items():
            setattr(glass, field, value)
        with pytest.raises(IntegrityError, match="otherwise stays as it is"), transaction.atomic(), looking():
            glass.save()


def test_s31_a_second_opening_needs_a_page_and_a_reason_of_its_own(cast: Cast) -> None:
    first = opened(cast["sol"], cast.nora)
    with time_machine.travel(timezone.now() + dt.timedelta(hours=2)):
        client = sign_in(Client(), cast["sol"])
        again = ask(client, stated(cast.nora, submission_key=str(first.submission_key)))
        assert "give your reason anew" in again.content.decode()
        assert ask(client, stated(cast.nora)).status_code == 302
    assert len(glasses()) == 2


def test_s31_a_form_sent_twice_opens_once(cast: Cast, sol: Client) -> None:
    fields = stated(cast.nora)
    assert [ask(sol, fields).status_code, ask(sol, fields).status_code] == [302, 302]
    assert len(glasses()) == 1


# Reading alone.


def test_s31_record_plan_and_timeline_are_read_with_the_clinical_part(cast: Cast, sol: Client) -> None:
    with looking():
        approved(cast)
    contact = logged(cast["amira"], cast.nora, clinical_text="Sleeps three hours.")
    opened(cast["sol"], cast.nora)
    for name in ("patient_record", "crisis_plans:plan", "crisis_plans:plan_print", "cases:patient_timeline"):
        assert sol.get(reverse(name, args=[cast.nora.pk])).status_code == 200, name
    page = sol.get(reverse("cases:contact", args=[cast.nora.pk, contact.pk])).content.decode()
    assert "Sleeps three hours." in page


def test_s31_it_lets_nobody_do_more_than_read(cast: Cast) -> None:
    sol = cast["sol"]
    opened(sol, cast.nora)
    with at_work(sol):
        allowed = {act for act in Act if can(sol, act, cast.nora)}
    assert allowed == {Act.OPEN_RECORD, Act.READ_CLINICAL}


def test_s31_no_draft_is_kept(cast: Cast, sol: Client) -> None:
    opened(cast["sol"], cast.nora)
    address = reverse("cases:draft_keep", args=[cast.nora.pk, "contact-log"])
    answer = sol.post(address, {"account": "Typed"})
    assert (answer.status_code, "write nothing in it" in answer.content.decode()) == (400, True)
    with pytest.raises(NotAllowed), at_work(cast["sol"]):
        keep_draft(by=cast["sol"], patient=cast.nora, form="contact-log", data={"account": ["Typed"]})


def test_s31_the_database_itself_keeps_no_draft_under_it(cast: Cast) -> None:
    opened(cast["sol"], cast.nora)
    draft = {"user": cast["sol"], "patient": cast.nora, "form": "contact-log", "data": {"account": ["Typed"]}}
    with pytest.raises(ProgrammingError, match="row-level security"), at_work(cast["sol"]):
        Draft.objects.create(**draft)
    with at_work(cast["sol"]):
        Draft.objects.create(**draft | {"patient": cast.sam})


def test_s31_struck_out_text_stays_withheld(cast: Cast, sol: Client) -> None:
    contact = signed(cast["amira"], cast.nora, account="Words about somebody else altogether.")
    with at_work(cast["amira"]):
        strike_out_contact(by=cast["amira"], contact=contact, reason="Wrong record")
    opened(cast["sol"], cast.nora)
    assert "somebody else altogether" not in sol.get(record_of(cast.nora)).content.decode()


# The banner.


def test_s31_every_page_about_the_patient_says_how_much_time_is_left_and_why(db: None) -> None:
    everything = make_everything()
    cast = everything.cast
    opened(cast["sol"], cast.nora, hours=2)
    opened(cast["sol"], everything.wren, hours=2)
    client = sign_in(Client(), cast["sol"])
    shown = set()
    for route in every_route():
        address = everything.address(route)
        if "/patients/" not in address:
            continue
        answer = client.get(address)
        assert answer.status_code in (200, 302, 403, 404, 405), route
        if answer.status_code == 200:
            page = answer.content.decode()
            assert "Break-glass until" in page, route
            assert "1 hour 59 minutes left" in page, route
            assert "in contact with me now" in page, route
            shown.add(route)
    assert {"patient_record", "crisis_plans:plan", "cases:patient_timeline", "cases:contact"} <= shown
    assert "Break-glass until" not in client.get(record_of(cast.sam)).content.decode()


@pytest.mark.parametrize("name", ["sol", "sia"])
def test_s31_the_home_page_leads_back_to_what_is_open_and_names_it_on_the_trail(
    cast: Cast, name: str
) -> None:
    client = sign_in(Client(), cast[name])
    assert "Open by break-glass" not in client.get("/").content.decode()
    glass = opened(cast[name], cast.nora)
    home = client.get("/").content.decode()
    assert "Open by break-glass" in home
    assert f'href="{record_of(cast.nora)}"' in home
    assert f"Nora Quill ({cast.nora.reference})" in home
    entry = trail_entries(route="home")[-1]
    with looking():
        listed = EntrySubject.objects.get(entry_id=entry.pk, patient_id=cast.nora.pk)
    assert (listed.relationship, listed.is_opened) == ("break-glass", False)
    for somebody_else in {"sol", "sia", "lena", "ivy"} - {name}:
        assert "Open by break-glass" not in sign_in(Client(), cast[somebody_else]).get("/").content.decode()
    with at_work(cast[name]):
        end_break_glass(by=cast[name], patient_id=cast.nora.pk, key=glass.pk)
    after = client.get("/").content.decode()
    assert "Open by break-glass" not in after
    assert "Nora Quill" not in after


@pytest.mark.parametrize("end", ["its time is over", "a check has lapsed", "the role was ended"])
def test_s31_the_home_page_names_nobody_any_more_once_it_is_over(cast: Cast, sol: Client, end: str) -> None:
    glass = opened(cast["sol"], cast.nora)
    with at_work(cast["amira"]):
        other = registered(cast)
    opened(cast["sol"], other, hours=4)
    home = sol.get("/").content.decode()
    assert home.index(cast.nora.reference) < home.index(other.reference)
    if end == "its time is over":
        with time_machine.travel(over(glass)):
            home = sign_in(Client(), cast["sol"]).get("/").content.decode()
        assert cast.nora.reference not in home
        assert other.reference in home
        return
    with looking():
        if end == "a check has lapsed":
            clear(cast["sol"], timezone.localdate() - dt.timedelta(days=1))
        else:
            Membership.objects.filter(user=cast["sol"]).update(ended_at=timezone.now(), ended_by=cast["stan"])
    home = sol.get("/").content.decode()
    assert "Open by break-glass" not in home
    assert cast.nora.reference not in home
    assert other.reference not in home


# Its end.


def test_s31_it_ends_by_its_authors_word_and_the_next_request_is_refused(cast: Cast, sol: Client) -> None:
    glass = opened(cast["sol"], cast.nora)
    address = reverse("cases:break_glass_end", args=[cast.nora.pk, glass.pk])
    answer = sol.post(address)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert sol.get(record_of(cast.nora)).status_code == 404
    assert sol.post(address)["Location"] == "/"


def test_s31_it_is_ended_also_on_a_host_whose_clock_is_behind_the_one_that_opened_it(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.opened_at - dt.timedelta(minutes=2)), at_work(cast["sol"]):
        ended = end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=glass.pk)
    assert (ended.ended_at, ended.is_open) == (glass.opened_at, False)


@pytest.mark.parametrize(("name", "relationship"), [("sol", "break-glass"), ("lena", "supervision")])
def test_s31_it_is_ended_also_when_its_time_runs_out_under_the_ending(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str, relationship: str
) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.ends_at - dt.timedelta(seconds=1), tick=False) as clock:

        def explained_late(user: User, patients: list[uuid.UUID]) -> Any:
            clock.shift(dt.timedelta(seconds=2))
            return explain_access(user, patients)

        monkeypatch.setattr("cases.services.break_glass.explain_access", explained_late)
        with at_work(cast[name]):
            ended = end_break_glass(by=cast[name], patient_id=cast.nora.pk, key=glass.pk)
    assert (ended.ended_at, ended.ended_by) == (glass.ends_at, cast[name])
    (entry,) = trail_entries(action=LogEntry.Action.UPDATE, object_pk=str(glass.pk))
    with looking():
        assert EntrySubject.objects.get(entry_id=entry.pk).relationship == relationship


def test_s31_a_role_taken_back_before_its_first_day_ends_nothing(cast: Cast, sol: Client) -> None:
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    late = dt.datetime.combine(timezone.localdate(), dt.time(22), dt.UTC)
    with time_machine.travel(late):
        glass = opened(cast["sol"], cast.nora, hours=4)
        with at_work(cast["stan"]):
            mistaken = add_membership(
                by=cast["stan"],
                user=cast["sol"],
                role=Role.CLINICAL_LEAD,
                team=cast.south,
                starts_on=tomorrow,
            )
            end_membership(by=cast["stan"], membership=mistaken)
    with time_machine.travel(late + dt.timedelta(hours=2, minutes=10)):
        ticks.tick()
        with looking():
            glass.refresh_from_db()
        assert glass.is_open


@pytest.mark.parametrize("name", ["lena", "dev"])
def test_s31_the_lead_ends_it_and_nobody_else(cast: Cast, sol: Client, name: str) -> None:
    glass = opened(cast["sol"], cast.nora)
    address = reverse("cases:break_glass_end", args=[cast.nora.pk, glass.pk])
    for other, status in (("amira", 404), ("sia", 404), ("ivy", 403), ("tess", 403)):
        assert sign_in(Client(), cast[other]).post(address).status_code == status
    assert sol.get(record_of(cast.nora)).status_code == 200
    assert sign_in(Client(), cast[name]).post(address).status_code == 302
    assert sol.get(record_of(cast.nora)).status_code == 404


def test_s31_an_end_is_never_taken_back(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with at_work(cast["sol"]):
        ended = end_break_glass(by=cast["sol"], patient_id=cast.nora.pk, key=glass.pk)
    ended.ended_at = ended.ended_by = None
    with pytest.raises(IntegrityError), transaction.atomic(), looking():
        ended.save()
    with pytest.raises(IntegrityError), transaction.atomic(), looking():
        ended.delete()
