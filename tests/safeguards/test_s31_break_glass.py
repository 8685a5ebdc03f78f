"""S31: break-glass has a reason and a sentence, one person and at most four hours; it is seen, told, recorded and reviewed."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any
from unittest.mock import patch

import pytest
import time_machine
from django.core import mail
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Act, Role
from accounts.services.leaving import end_person
from accounts.services.people import add_membership, end_membership
from audit.alerts.models import Alert
from audit.models import LogEntry
from cases.models import BreakGlass, BreakGlassAttempt, BreakGlassReview, Case, Draft, Patient
from cases.permissions import can, visible_patients
from cases.services import break_glass_reviews
from cases.services.authorship import authorship
from cases.services.break_glass import BreakGlassRequest, end_break_glass, open_break_glass_for
from cases.services.break_glass_reviews import escalate_overdue_reviews, review_break_glass
from cases.services.drafts import keep_draft
from cases.services.signed_contacts import strike_out_contact
from core.errors import DomainError, NotAllowed, NotVisible
from reminders import ticks
from reminders.models import Notification, Reminder
from sim_casework.proving.addresses import every_route
from tests.break_glass import SENTENCE, ask, by_name, by_number, opened, reviewed, stated
from tests.contact_log import at_work, logged, looking, signed
from tests.patients import invented_nhs_number, registered
from tests.people import Cast, clear, make_cast
from tests.permissions.everything import make_everything
from tests.plans import approved
from tests.sessions import sign_in, trail_entries

pytestmark = pytest.mark.django_db
NUMBER = invented_nhs_number(7)
BORN = dt.date(1990, 2, 3)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def sol(cast: Cast) -> Client:
    """A clinical mentor of South, who has no part in North's Nora."""
    return sign_in(Client(), cast["sol"])


def record_of(patient: Patient) -> str:
    return reverse("patient_record", args=[patient.pk])


def glasses() -> list[BreakGlass]:
    with looking():
        return list(BreakGlass.objects.select_related("created_by").order_by("opened_at"))


def page_of(answer: Any) -> str:
    """The answer without what is random in every answer."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "<token>", answer.content.decode())
    return re.sub(r'data-(session-ends-at|server-now)="[^"]*"', "<clock>", text)


def told(*kinds: str) -> dict[str, str]:
    with looking():
        found = Reminder.objects.filter(kind__in=kinds).select_related("recipient")
        return {reminder.recipient.username: reminder.text for reminder in found}


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


# Its end.


def test_s31_it_ends_by_its_authors_word_and_the_next_request_is_refused(cast: Cast, sol: Client) -> None:
    glass = opened(cast["sol"], cast.nora)
    address = reverse("cases:break_glass_end", args=[cast.nora.pk, glass.pk])
    answer = sol.post(address)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert sol.get(record_of(cast.nora)).status_code == 404
    assert sol.post(address)["Location"] == "/"


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


# Nobody's existence.


def hidden_states(cast: Cast) -> dict[str, dict[str, Any]]:
    """Statements that must not be told apart: nobody, somebody whose details differ, and more than one."""
    with at_work(cast["amira"]):
        registered(cast, given_name="Twin", family_name="Alder", date_of_birth=BORN)
        registered(cast, given_name="Wren", family_name="Alder", date_of_birth=BORN, nhs_number=NUMBER)
        registered(cast, given_name="Anna", preferred_name="Twin", family_name="Alder", date_of_birth=BORN)
    return {
        "nobody of this name": by_name("Qqqq Alder", BORN),
        "somebody born another day": by_name("Nora Alder", BORN),
        "two of one name": by_name("Twin Alder", BORN),
    }


def test_s31_whatever_does_not_match_one_record_gets_the_same_bytes(cast: Cast) -> None:
    pages = {}
    for what, form in hidden_states(cast).items():
        answer = ask(sign_in(Client(), cast["sol"]), form | {"submission_key": str(uuid.UUID(int=1))})
        page = page_of(answer).replace(form["full_name"], "<name>")
        pages[what] = (answer.status_code, page, sorted(h for h in answer.headers if h != "Content-Length"))
    assert len(set(map(str, pages.values()))) == 1
    assert glasses() == []


def test_s31_a_number_with_another_birthday_is_answered_like_no_number(cast: Cast, sol: Client) -> None:
    with at_work(cast["amira"]):
        registered(cast, nhs_number=NUMBER, date_of_birth=BORN)
    key = str(uuid.UUID(int=2))
    other_day, nobodys = BORN + dt.timedelta(days=1), invented_nhs_number(99)
    wrong = page_of(ask(sol, by_number(NUMBER, other_day, submission_key=key)))
    nobody = page_of(ask(sol, by_number(nobodys, other_day, submission_key=key)))
    assert wrong.replace(NUMBER, "<number>") == nobody.replace(nobodys, "<number>")
    assert "Nothing was opened" in wrong


@pytest.mark.parametrize(
    "form",
    [
        by_number(NUMBER, BORN),
        by_number(f"{NUMBER[:3]} {NUMBER[3:6]} {NUMBER[6:]}", BORN),
        by_name("wren  ALDER", BORN),
        by_name("Wrenny Alder", BORN),
        by_name("Wren Finch", BORN),
    ],
)
def test_s31_one_exact_match_opens_by_number_name_called_or_former_name(
    cast: Cast, sol: Client, form: dict[str, Any]
) -> None:
    with at_work(cast["amira"]):
        wren = registered(
            cast, nhs_number=NUMBER, date_of_birth=BORN, preferred_name="Wrenny", former_names=("Wren Finch",)
        )
    assert ask(sol, form)["Location"] == record_of(wren)


@pytest.mark.parametrize("name", ["Wren", "Wren Alde", "W% Alder", "Wren_Alder", "", "Alder Wren"])
def test_s31_parts_and_patterns_of_a_name_match_nobody(cast: Cast, sol: Client, name: str) -> None:
    with at_work(cast["amira"]):
        registered(cast, date_of_birth=BORN)
    assert ask(sol, by_name(name, BORN)).status_code == 200
    assert glasses() == []


def test_s31_the_same_statements_run_whether_or_not_somebody_is_there(cast: Cast) -> None:
    counts = set()
    for form in hidden_states(cast).values():
        client = sign_in(Client(), cast["sol"])
        with CaptureQueriesContext(connection) as seen:
            ask(client, form)
        counts.add(len(seen))
    assert len(counts) == 1


def test_s31_an_attempt_is_on_the_trail_as_a_search_with_a_keyed_digest(cast: Cast, sol: Client) -> None:
    ask(sol, by_name("Qqqq Alder", BORN))
    entry = trail_entries(route="cases:break_glass", action=4)[-1]
    assert len(entry.additional_data["terms"]) == 32
    assert entry.additional_data["results"] == 0
    assert entry.reason == "Break-glass: The person is in crisis and in contact with me now"
    everything = str(vars(entry))
    assert "Alder" not in everything and SENTENCE not in everything


def test_s31_after_five_wrong_statements_nothing_is_looked_up_for_an_hour(cast: Cast, sol: Client) -> None:
    for number in range(5):
        assert ask(sol, by_name(f"Name{number} Nobody", BORN)).status_code == 200
    over = {
        "nobody": ask(sol, stated(cast.nora, reference="SC-000000")),
        "somebody": ask(sol, stated(cast.nora)),
    }
    pages = {page_of(answer).replace(cast.nora.reference, "SC-000000") for answer in over.values()}
    pages = {re.sub(r'value="[0-9a-f-]{36}"', "<key>", page) for page in pages}
    assert {answer.status_code for answer in over.values()} == {429}
    assert len(pages) == 1
    assert SENTENCE in pages.pop()
    assert glasses() == []
    # Somebody else's attempts are their own, and an hour later the sixth is looked up.
    assert ask(sign_in(Client(), cast["sia"]), stated(cast.nora)).status_code == 302
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=61)):
        assert ask(sign_in(Client(), cast["sol"]), stated(cast.nora)).status_code == 302


def test_s31_attempts_that_were_not_looked_up_are_on_the_trail_and_do_not_count(
    cast: Cast, sol: Client
) -> None:
    for number in range(7):
        ask(sol, by_name(f"Name{number} Nobody", BORN))
    entries = trail_entries(route="cases:break_glass", action=4)
    assert [entry.outcome for entry in entries] == ["ok"] * 5 + ["denied"] * 2
    with looking():
        assert len(BreakGlassAttempt.objects.all()) == 5


def test_s31_nobody_takes_back_an_attempt_or_writes_one_for_somebody_else(cast: Cast, sol: Client) -> None:
    ask(sol, by_name("Qqqq Alder", BORN))
    with at_work(cast["sol"]):
        (attempt,) = BreakGlassAttempt.objects.filter(user=cast["sol"])
        assert BreakGlassAttempt.objects.filter(user=cast["sol"]).update(at=timezone.now()) == 0
        attempt.delete()
        assert BreakGlassAttempt.objects.filter(user=cast["sol"]).exists()
    with at_work(cast["sia"]):
        assert not BreakGlassAttempt.objects.exists()
    with pytest.raises(ProgrammingError, match="row-level security"), at_work(cast["sia"]):
        BreakGlassAttempt.objects.create(user=cast["sol"])


def test_s31_whom_the_user_may_read_anyway_is_opened_without_it(cast: Cast) -> None:
    client = sign_in(Client(), cast["amira"])
    answer = client.post(reverse("cases:break_glass"), stated(cast.nora), follow=True)
    assert "Nothing was opened, nobody was told" in answer.content.decode()
    assert glasses() == []


# Recorded and told.


def test_s31_opening_and_reading_stand_on_the_trail_with_relationship_and_reason(
    cast: Cast, sol: Client
) -> None:
    ask(sol, stated(cast.nora))
    sol.get(record_of(cast.nora))
    opening, change = trail_entries(route="cases:break_glass")
    (reading,) = trail_entries(route="patient_record")
    for entry in (opening, change, reading):
        assert entry.relationship == "break-glass"
        assert entry.reason == "Break-glass: The person is in crisis and in contact with me now"
        assert entry.outcome == "ok"
    assert change.object_repr.startswith("opening by break-glass")
    assert SENTENCE not in str(change.changes)


def test_s31_leads_and_officers_are_told_at_once_without_identifying_content(cast: Cast, sol: Client) -> None:
    ask(sol, stated(cast.nora))
    texts = told("break-glass-opened")
    assert set(texts) == {"lena", "dev", "ivy", "igor", "iris"}
    with looking():
        rows = list(Reminder.objects.filter(kind="break-glass-opened"))
        assert {(row.is_urgent, row.patient_id) for row in rows} == {(True, None)}
    ticks.tick()
    assert Notification.objects.filter(user=cast["ivy"]).count() == 1
    letters = " ".join(f"{m.subject} {m.body}" for m in mail.outbox)
    assert {m.to[0] for m in mail.outbox} >= {"lena@example.org", "ivy@example.org", "igor@example.org"}
    for text in [*texts.values(), letters]:
        for hidden in ("Nora", "Quill", cast.nora.reference, SENTENCE):
            assert hidden not in text
    assert "Sol" not in letters
    assert "Sol Sorrel (clinical mentor, South team, Southbay Trust)" in texts["lena"]


@pytest.mark.parametrize(
    ("name", "text"), [("lena", "opened a record"), ("ivy", "opened a record"), ("iris", "of another team")]
)
def test_s31_whoever_is_lead_or_officer_no_more_is_told_nothing(cast: Cast, name: str, text: str) -> None:
    opened(cast["sol"], cast.nora)
    ticks.send_due()
    assert text in sign_in(Client(), cast[name]).get("/notifications/").content.decode()
    opened(cast["sia"], cast.nora)
    with looking():
        Membership.objects.filter(user=cast[name]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    mail.outbox.clear()
    ticks.tick()
    assert f"{name}@example.org" not in {letter.to[0] for letter in mail.outbox}
    assert text not in sign_in(Client(), cast[name]).get("/notifications/").content.decode()


def without_anybody_to_tell(cast: Cast) -> None:
    """Both leads of North have lapsed, and there is no information governance officer on its side."""
    with looking():
        for name in ("lena", "dev"):
            clear(cast[name], timezone.localdate() - dt.timedelta(days=1))
        officers = Membership.objects.filter(user__username__in=["ivy", "igor"])
        officers.update(ended_at=timezone.now(), ended_by=cast["oona"])


@pytest.mark.parametrize("officers_of_author", [[], ["iris"]])
def test_s31_where_nobody_can_be_told_the_administrators_are_asked_for_somebody_at_once(
    cast: Cast, officers_of_author: list[str]
) -> None:
    without_anybody_to_tell(cast)
    if not officers_of_author:
        with looking():
            Membership.objects.filter(user=cast["iris"]).update(
                ended_at=timezone.now(), ended_by=cast["oona"]
            )
    opened(cast["sol"], cast.nora)
    assert list(told("break-glass-opened")) == officers_of_author
    asked = told("break-glass-without-reviewer")
    assert set(asked) == {"tess"}
    for hidden in ("Nora", "Quill", cast.nora.reference, "Sol", SENTENCE):
        assert hidden not in asked["tess"]
    with looking():
        (task,) = Reminder.objects.filter(kind="break-glass-without-reviewer")
    assert (task.is_task, task.is_urgent, task.patient_id, task.link) == (
        True,
        True,
        None,
        reverse("accounts:people"),
    )
    ticks.tick()
    assert "tess@example.org" in {letter.to[0] for letter in mail.outbox}


def test_s31_what_nobody_was_told_is_asked_again_when_it_is_overdue_and_settled_when_somebody_is_there(
    cast: Cast,
) -> None:
    without_anybody_to_tell(cast)
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    with looking():
        asked = Reminder.objects.filter(kind="break-glass-without-reviewer", settled_at__isnull=True)
        assert {(r.recipient_id, r.due_at) for r in asked} == {
            (cast["tess"].pk, glass.opened_at),
            (cast["tess"].pk, glass.review_due_at),
        }
    appointed(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
    with looking():
        assert not asked.all().exists()


def test_s31_somebody_told_spares_the_administrators(cast: Cast) -> None:
    opened(cast["sol"], cast.nora)
    assert told("break-glass-without-reviewer") == {}


def test_s31_a_review_is_no_task_of_another_team_in_which_its_lead_works(cast: Cast) -> None:
    with looking():
        Membership.objects.create(
            user=cast["lena"],
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=2), tick=True):
        ticks.tick()
        for name, finds in (("dev", True), ("sia", False)):
            page = sign_in(Client(), cast[name]).get("/tasks/team/").content.decode()
            assert ("Review the break-glass" in page, str(cast.nora.pk) in page) == (finds, finds), name


# Review.


def over(glass: BreakGlass) -> dt.datetime:
    return glass.ends_at + dt.timedelta(minutes=1)


def review_of(glass: BreakGlass) -> str:
    return reverse("cases:break_glass_review", args=[glass.patient_id, glass.pk])


@pytest.mark.parametrize(
    ("opened_at", "due"),
    [
        ("2026-11-25 14:00", "2026-11-27 17:00"),
        ("2026-11-27 23:30", "2026-12-01 17:00"),
        ("2026-11-28 03:00", "2026-12-01 17:00"),
        ("2026-12-23 10:00", "2026-12-29 17:00"),
        ("2027-03-25 10:00", "2027-03-31 17:00"),
    ],
)
def test_s31_a_review_is_due_at_the_end_of_the_second_working_day_of_england(
    cast: Cast, opened_at: str, due: str
) -> None:
    london = timezone.get_default_timezone()
    with time_machine.travel(dt.datetime.fromisoformat(opened_at).replace(tzinfo=london), tick=False):
        glass = opened(cast["sol"], cast.nora)
    assert glass.review_due_at == dt.datetime.fromisoformat(due).replace(tzinfo=london)


def test_s31_the_review_is_a_task_of_the_clinical_lead_until_it_is_done(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    assert set(told("break-glass-review")) == {"lena"}
    home = sign_in(Client(), cast["lena"]).get("/").content.decode()
    assert "Review the break-glass of" in home
    with time_machine.travel(over(glass)):
        reviewed(cast["lena"], glass)
    with looking():
        settled = Reminder.objects.filter(kind="break-glass-review", settled_at__isnull=True)
        assert not settled.exists()
    assert told("break-glass-reviewed") == {
        "sol": told("break-glass-reviewed")["sol"],
    }
    assert "appropriate" in told("break-glass-reviewed")["sol"]


@pytest.mark.parametrize("name", ["lena", "dev", "ivy", "igor"])
def test_s31_leads_and_officers_find_it_on_their_home_page_and_review_it(cast: Cast, name: str) -> None:
    sol = sign_in(Client(), cast["sol"])
    ask(sol, stated(cast.nora))
    sol.get(record_of(cast.nora))
    sol.get(record_of(cast.nora))
    (glass,) = glasses()
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast[name])
        home = client.get("/").content.decode()
        assert f"Break-glass by {cast['sol']}" in home
        page = client.get(review_of(glass)).content.decode()
        assert SENTENCE in page
        assert cast.nora.reference in page
        assert "Opened the patient record" in page
        assert "2 times" in page
        assert "Quill" not in page
        wrong = client.post(review_of(glass), {"outcome": "", "words": ""}).content.decode()
        assert "Choose what you think of it" in wrong
        answer = client.post(review_of(glass), {"outcome": "training", "words": "Rang Sol. Advice follows."})
        assert answer.status_code == 302
        done = client.get(review_of(glass)).content.decode()
        assert "Understandable; training or advice follows" in done
        assert "Save the review" not in done
        assert f"Break-glass by {cast['sol']}" not in client.get("/").content.decode()


def test_s31_an_officer_who_reviews_opens_no_record(cast: Cast) -> None:
    logged(cast["amira"], cast.nora, account="A walk to the library.", clinical_text="Sleeps three hours.")
    glass = opened(cast["sol"], cast.nora)
    sign_in(Client(), cast["sol"]).get(record_of(cast.nora))
    client = sign_in(Client(), cast["ivy"])
    page = client.get(review_of(glass)).content.decode()
    for hidden in ("library", "three hours", "Nora", "Quill"):
        assert hidden not in page
    assert client.get(record_of(cast.nora)).status_code == 404
    entry = trail_entries(route="cases:break_glass_review")[-1]
    assert (entry.relationship, entry.outcome) == ("IG review", "ok")


@pytest.mark.parametrize(
    ("name", "status"), [("amira", 403), ("sia", 404), ("iris", 404), ("tess", 403), ("sol", 403)]
)
def test_s31_the_review_is_for_leads_of_the_patients_team_and_its_officers(
    cast: Cast, name: str, status: int
) -> None:
    glass = opened(cast["sol"], cast.nora)
    assert sign_in(Client(), cast[name]).get(review_of(glass)).status_code == status


def close_for_good(cast: Cast) -> None:
    """Nora's case ended long ago: her own team has no relationship any more."""
    long_ago = timezone.localdate() - dt.timedelta(days=400)
    with looking():
        case = Case.objects.get(patient=cast.nora)
        case.opened_on, case.closed_on = long_ago, long_ago
        case.closed_by, case.next_service = cast["lena"], "GP"
        case.save()


def test_s31_nobody_reviews_their_own(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    assert "lena" not in told("break-glass-opened", "break-glass-review")
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast["lena"])
        assert "somebody else reviews it" in client.get(review_of(glass)).content.decode()
        sent = client.post(review_of(glass), {"outcome": "appropriate", "words": "Mine."})
        assert sent.status_code == 403
        assert "Break-glass by" not in client.get("/").content.decode()


def test_s31_the_database_refuses_a_review_of_ones_own(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(IntegrityError, match="Nobody reviews their own"), transaction.atomic(), looking():
        BreakGlassReview.objects.create(
            patient=cast.nora,
            break_glass=glass,
            outcome="appropriate",
            words="Mine.",
            **authorship(cast["sol"]),
        )


def test_s31_a_deputy_does_not_review_the_lead_who_leads_them_and_an_officer_does(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    assert set(told("break-glass-review")) == {"ivy", "igor"}
    with time_machine.travel(over(glass)):
        with pytest.raises(NotAllowed):
            reviewed(cast["dev"], glass)
        reviewed(cast["ivy"], glass)


def test_s31_a_lead_reviews_a_deputy_after_the_case_has_closed_for_good(cast: Cast) -> None:
    close_for_good(cast)
    glass = opened(cast["dev"], cast.nora)
    with time_machine.travel(over(glass)):
        client = sign_in(Client(), cast["lena"])
        assert client.get(review_of(glass)).status_code == 200
        assert "Break-glass by" in client.get("/").content.decode()
        assert (
            client.post(review_of(glass), {"outcome": "appropriate", "words": "Needed."}).status_code == 302
        )
        entry = trail_entries(route="cases:break_glass_review")[-1]
        assert entry.relationship == "break-glass review"


def test_s31_somebody_whom_the_author_leads_in_another_team_does_not_review(cast: Cast) -> None:
    """Dev of North also mentors in South, which Sia leads."""
    with looking():
        Membership.objects.create(
            user=cast["dev"],
            role=Role.CLINICAL_MENTOR,
            team=cast.south,
            organisation=cast.south.trust,
            starts_on=dt.date(2024, 1, 1),
        )
    glass = opened(cast["sia"], cast.nora)
    with time_machine.travel(over(glass)):
        with pytest.raises(NotAllowed):
            reviewed(cast["dev"], glass)
        with pytest.raises(IntegrityError, match="somebody who leads them"), transaction.atomic(), looking():
            BreakGlassReview.objects.create(
                patient=cast.nora,
                break_glass=glass,
                outcome="appropriate",
                words="Fine.",
                **authorship(cast["dev"]),
            )
        reviewed(cast["lena"], glass)


def test_s31_what_is_still_open_is_not_reviewed_yet(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(DomainError, match="still open"):
        reviewed(cast["lena"], glass)


def test_s31_the_database_refuses_a_review_before_the_end(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with pytest.raises(IntegrityError, match="when it is over"), transaction.atomic(), looking():
        BreakGlassReview.objects.create(
            patient=cast.nora,
            break_glass=glass,
            outcome="appropriate",
            words="Soon.",
            **authorship(cast["lena"]),
        )


def test_s31_it_is_reviewed_once_and_the_review_stays(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(over(glass)):
        reviewed(cast["lena"], glass)
        with pytest.raises(DomainError, match="meanwhile"):
            reviewed(cast["ivy"], glass)
    with looking():
        review = BreakGlass.objects.select_related("review").get(pk=glass.pk).review
        review.words = "Something milder"
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            review.save()


@pytest.mark.parametrize("changes", [{"outcome": "fine"}, {"words": "  "}])
def test_s31_a_review_needs_an_outcome_and_words(cast: Cast, changes: dict[str, str]) -> None:
    glass = opened(cast["sol"], cast.nora)
    typed = {"outcome": "appropriate", "words": "Needed."} | changes
    with time_machine.travel(over(glass)), pytest.raises(DomainError), at_work(cast["lena"]):
        review_break_glass(by=cast["lena"], patient_id=cast.nora.pk, key=glass.pk, **typed)


@pytest.mark.parametrize("name", ["sia", "amira", "iris"])
def test_s31_the_service_keeps_reviews_to_those_in_charge(cast: Cast, name: str) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(over(glass)), pytest.raises((NotVisible, NotAllowed)):
        reviewed(cast[name], glass)


# Overdue.


def test_s31_an_overdue_review_goes_to_leads_deputies_and_officers_once_and_urgently(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at - dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 1
        assert escalate_overdue_reviews() == 0
    texts = told("break-glass-review-overdue")
    assert set(texts) == {"lena", "dev", "ivy", "igor"}
    with looking():
        rows = list(Reminder.objects.filter(kind="break-glass-review-overdue"))
        assert {(row.is_urgent, row.is_task, row.patient_id) for row in rows} == {(True, True, None)}
    assert not [text for text in texts.values() if "Nora" in text or cast.nora.reference in text]


def test_s31_an_overdue_review_raises_an_alert_about_the_opening(cast: Cast) -> None:
    glass = opened(cast["sol"], cast.nora)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        escalate_overdue_reviews()
    with looking():
        (alert,) = Alert.objects.select_related("worker")
    assert (alert.kind, alert.worker, alert.patient_id) == (
        "break-glass not reviewed",
        cast["sol"],
        cast.nora.pk,
    )
    assert alert.day == timezone.localdate(glass.opened_at)


def test_s31_a_reviewed_one_does_not_escalate_and_a_late_review_settles_it(cast: Cast) -> None:
    early, late = opened(cast["sol"], cast.nora), opened(cast["sia"], cast.nora)
    with time_machine.travel(over(early)):
        reviewed(cast["lena"], early)
    with time_machine.travel(late.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 1
        reviewed(cast["ivy"], late)
    with looking():
        assert not Reminder.objects.filter(
            kind="break-glass-review-overdue", settled_at__isnull=True
        ).exists()


def without_reviewers(cast: Cast) -> BreakGlass:
    """An opening of Nora's record by her own team's lead, and no officer at work: nobody may review it."""
    close_for_good(cast)
    glass = opened(cast["lena"], cast.nora)
    with looking():
        officers = Membership.objects.filter(user__username__in=["ivy", "igor"])
        officers.update(ended_at=timezone.now(), ended_by=cast["oona"])
        Membership.objects.filter(user=cast["dev"]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    return glass


def appointed(cast: Cast) -> None:
    """A new information governance officer of Nora's trust."""
    with looking():
        Membership.objects.create(
            user=cast["odd"],
            role=Role.IG_OFFICER,
            organisation=cast.north.trust,
            starts_on=dt.date(2024, 1, 1),
        )


def test_s31_where_nobody_may_review_the_administrators_are_asked_for_somebody(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
    asked = told("break-glass-without-reviewer")
    assert set(asked) == {"tess"}
    for hidden in ("Nora", cast.nora.reference, SENTENCE):
        assert hidden not in asked["tess"]
    with looking():
        (task,) = Reminder.objects.filter(kind="break-glass-without-reviewer")
    assert (task.is_task, task.is_urgent, task.patient_id, task.link) == (
        True,
        True,
        None,
        reverse("accounts:people"),
    )
    assert told("break-glass-review-overdue") == {}


def test_s31_where_the_team_has_no_administrator_those_of_its_organisations_are_asked(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with looking():
        Membership.objects.filter(user=cast["tess"]).update(ended_at=timezone.now(), ended_by=cast["oona"])
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        escalate_overdue_reviews()
    assert set(told("break-glass-without-reviewer")) == {"oona"}


def test_s31_with_nobody_left_to_tell_it_is_tried_again_on_the_next_day_and_not_before(cast: Cast) -> None:
    glass = without_reviewers(cast)
    with time_machine.travel(glass.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 0
        tried = len(trail_entries(route="break_glass.escalate"))
        appointed(cast)
        assert escalate_overdue_reviews() == 0
        assert len(trail_entries(route="break_glass.escalate")) == tried
    with time_machine.travel(glass.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
        assert escalate_overdue_reviews() == 0
    assert set(told("break-glass-review-overdue")) == {"odd"}
    with looking():
        assert Reminder.objects.get(kind="break-glass-without-reviewer").settled_at is not None


def test_s31_one_that_nobody_may_review_holds_no_later_one_up(cast: Cast) -> None:
    stuck, later = without_reviewers(cast), opened(cast["sol"], cast.nora)
    south = opened(cast["amira"], cast.sam)
    for glass in (stuck, later):
        assert glass.review_due_at <= south.review_due_at
    with time_machine.travel(south.review_due_at + dt.timedelta(minutes=1)):
        assert escalate_overdue_reviews() == 2
    with looking():
        waiting = BreakGlass.objects.filter(escalated_at__isnull=True)
        assert [glass.pk for glass in waiting] == [stuck.pk]


def test_s31_a_fault_with_one_undoes_no_other_and_is_tried_again_on_the_next_day(cast: Cast) -> None:
    broken, sound = opened(cast["sol"], cast.nora), opened(cast["amira"], cast.sam)
    announce = break_glass_reviews._announce

    def fail_for_one(glass: BreakGlass, *rest: Any, **more: Any) -> None:
        announce(glass, *rest, **more)
        if glass.pk == broken.pk:
            raise ValueError("half done")

    with time_machine.travel(sound.review_due_at + dt.timedelta(minutes=1)):
        with patch.object(break_glass_reviews, "_announce", fail_for_one):
            assert escalate_overdue_reviews() == 1
        assert set(told("break-glass-review-overdue")) == {"sia", "iris"}
        assert escalate_overdue_reviews() == 0
    with time_machine.travel(sound.review_due_at + dt.timedelta(days=1)):
        assert escalate_overdue_reviews() == 1
    assert {"lena", "ivy"} <= set(told("break-glass-review-overdue"))
