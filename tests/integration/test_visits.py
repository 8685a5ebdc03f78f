"""Planning visits, changing them and saying what became of them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, Patient, Visit, VisitOutcome, VisitParticipant
from cases.selectors.access import find_access
from cases.selectors.record import record_parts
from cases.selectors.visits import colleagues, day_bounds, visits_to_log, visits_today
from cases.services.visits import VisitPlan, change_visit, plan_visit, record_visit_outcome, visit_subject
from core.errors import DomainError, NotVisible, VersionClash
from reminders.models import Reminder
from tests.contact_log import at_work, logged, looking, planned
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db

KEY = re.compile(r'name="submission_key" value="([^"]+)"')


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def plan_url(patient: Patient) -> str:
    return reverse("cases:visit_plan", args=[patient.pk])


def visit_url(visit: Visit, name: str = "visit") -> str:
    return reverse(f"cases:{name}", args=[visit.patient_id, visit.pk])


def posted(*participants: Any, **changes: Any) -> dict[str, Any]:
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    return {
        "planned_on_day": str(tomorrow.day),
        "planned_on_month": str(tomorrow.month),
        "planned_on_year": str(tomorrow.year),
        "at": "2pm",
        "purpose": "practical support",
        "participants": [str(user.pk) for user in participants],
        "place": "At home",
    } | changes


def all_visits() -> list[Visit]:
    with looking():
        return list(Visit.objects.order_by("created_at").prefetch_related("participants"))


def open_reminders(visit: Visit) -> list[Reminder]:
    with looking():
        return list(
            Reminder.objects.filter(
                kind="visit", subject=visit_subject(visit), settled_at__isnull=True
            ).order_by("recipient__username")
        )


class TestPlanning:
    def test_visit_is_planned_and_everybody_is_reminded_on_the_day(self, cast: Cast, client: Client) -> None:
        amira, pete = cast["amira"], cast["pete"]
        answer = sign_in(client, amira).post(plan_url(cast.nora), posted(amira, pete))
        (visit,) = all_visits()
        assert answer["Location"] == visit_url(visit)
        assert visit.has_police
        assert {row.user_id: row.is_police for row in visit.participants.all()} == {
            amira.pk: False,
            pete.pk: True,
        }
        reminders = open_reminders(visit)
        assert [row.recipient_id for row in reminders] == [amira.pk, pete.pk]
        tomorrow = timezone.localdate() + dt.timedelta(days=1)
        assert {timezone.localtime(row.due_at) for row in reminders} == {
            timezone.localtime(day_bounds(tomorrow)[0])
        }

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"planned_on_day": "", "planned_on_month": "", "planned_on_year": ""},
                "Enter the date of the visit",
            ),
            ({"planned_on_year": "2019"}, "To record the past, log a contact"),
            ({"planned_on_year": "9999"}, "or earlier"),
            ({"at": "25:00"}, "must be a time"),
            ({"at": ""}, "Enter the time"),
            ({"purpose": ""}, "Choose what the visit is for"),
            ({"participants": []}, "Choose at least one person who takes part"),
        ],
    )
    def test_what_is_missing_or_wrong_is_said_at_its_field(
        self, cast: Cast, client: Client, changes: dict[str, Any], words: str
    ) -> None:
        fields = posted(cast["amira"]) | changes
        page = sign_in(client, cast["amira"]).post(plan_url(cast.nora), fields).content.decode()
        assert words in page
        assert "Error: Plan a visit" in page
        assert all_visits() == []

    def test_colleague_of_another_team_cannot_take_part(self, cast: Cast) -> None:
        with pytest.raises(DomainError) as refused:
            planned(cast["amira"], cast.nora, cast["sol"])
        assert refused.value.field == "participants"

    def test_team_administrator_is_no_choice(self, cast: Cast) -> None:
        with looking():
            names = {colleague.user.username for colleague in colleagues(cast.north)}
        assert names == {"amira", "cal", "pete", "pru", "lena", "dev"}

    def test_second_role_as_police_counts_as_police(self, cast: Cast) -> None:
        with looking():
            membership = cast["cal"].memberships.get()
            membership.pk, membership.role = None, "police mentor"
            membership.save(force_insert=True)
            assert {c.user.username for c in colleagues(cast.north) if c.is_police} == {"pete", "pru", "cal"}

    @pytest.mark.parametrize(("name", "status"), [("sol", 404), ("tess", 404), ("ivy", 404), ("pete", 200)])
    def test_who_may_open_the_page(self, cast: Cast, client: Client, name: str, status: int) -> None:
        assert sign_in(client, cast[name]).get(plan_url(cast.nora)).status_code == status

    def test_outsider_is_refused_by_the_service_itself(self, cast: Cast) -> None:
        with pytest.raises(NotVisible):
            planned(cast["sol"], cast.nora)

    def test_a_day_of_23_hours_is_still_one_day(self) -> None:
        start, end = day_bounds(dt.date(2027, 3, 28))
        assert end - start == dt.timedelta(hours=23)

    def test_a_time_the_clocks_skip_is_planned_an_hour_later(self, cast: Cast, client: Client) -> None:
        with time_machine.travel(dt.datetime(2027, 3, 1, 12, tzinfo=dt.UTC), tick=False):
            fields = posted(cast["amira"], planned_on_day="28", planned_on_month="3", at="1:30")
            sign_in(client, cast["amira"]).post(plan_url(cast.nora), fields)
        (visit,) = all_visits()
        assert visit.planned_for == dt.datetime(2027, 3, 28, 1, 30, tzinfo=dt.UTC)


class TestSentTwice:
    def test_the_page_carries_a_key_and_keeps_it_when_something_is_missing(
        self, cast: Cast, client: Client
    ) -> None:
        page = sign_in(client, cast["amira"]).get(plan_url(cast.nora)).content.decode()
        (key,) = KEY.findall(page)
        fields = posted(cast["amira"], submission_key=key, at="")
        assert KEY.findall(client.post(plan_url(cast.nora), fields).content.decode()) == [key]

    def test_the_same_again_leads_to_the_saved_visit(self, cast: Cast, client: Client) -> None:
        fields = posted(cast["amira"], submission_key=str(uuid.uuid4()))
        sign_in(client, cast["amira"])
        answers = [client.post(plan_url(cast.nora), fields) for _ in range(2)]
        (visit,) = all_visits()
        assert [answer["Location"] for answer in answers] == [visit_url(visit)] * 2

    def test_something_else_from_the_same_page_is_shown_and_planned_knowingly(
        self, cast: Cast, client: Client
    ) -> None:
        fields = posted(cast["amira"], submission_key=str(uuid.uuid4()))
        sign_in(client, cast["amira"]).post(plan_url(cast.nora), fields)
        (visit,) = all_visits()
        other = fields | {"place": "The park"}
        page = client.post(plan_url(cast.nora), other).content.decode()
        assert len(all_visits()) == 1
        for words in ("You planned a visit from this page already", visit_url(visit), "At home", "The park"):
            assert words in page
        (key,) = KEY.findall(page)
        assert client.post(plan_url(cast.nora), other | {"submission_key": key}).status_code == 302
        assert [visit.place for visit in all_visits()] == ["At home", "The park"]

    @pytest.mark.parametrize("key", ["", "nonsense", None])
    def test_a_page_without_its_key_is_saved_all_the_same(
        self, cast: Cast, client: Client, key: str | None
    ) -> None:
        fields = posted(cast["amira"]) | ({} if key is None else {"submission_key": key})
        sign_in(client, cast["amira"]).post(plan_url(cast.nora), fields)
        assert len(all_visits()) == 1

    def test_a_key_used_for_somebody_else_plans_nothing(self, cast: Cast) -> None:
        amira, key = cast["amira"], uuid.uuid4()
        with looking():
            other = make_patient(cast.north, amira, cast["pete"])
        plan = VisitPlan(
            planned_for=timezone.now() + dt.timedelta(days=1), purpose="review", participants=[amira]
        )
        with at_work(amira):
            plan_visit(by=amira, patient=cast.nora, plan=plan, submission_key=key)
            with pytest.raises(DomainError, match="already used for somebody else"):
                plan_visit(by=amira, patient=other, plan=plan, submission_key=key)

    def test_the_database_refuses_a_second_row(self, cast: Cast) -> None:
        visit = planned(cast["amira"], cast.nora)
        with looking():
            copy = Visit.objects.get(pk=visit.pk)
            copy.pk, copy._state.adding = uuid.uuid4(), True
            with pytest.raises(IntegrityError, match="visit_submitted_once"), transaction.atomic():
                copy.save(force_insert=True)


class TestChanging:
    def test_changed_visit_reminds_those_who_take_part_now(self, cast: Cast, client: Client) -> None:
        amira, cal, pete = cast["amira"], cast["cal"], cast["pete"]
        visit = planned(amira, cast.nora, amira, pete)
        answer = sign_in(client, cal).post(
            visit_url(visit, "visit_change"), posted(cal, amira, version=1, purpose="review")
        )
        assert answer["Location"] == visit_url(visit)
        (changed,) = all_visits()
        assert (changed.purpose, changed.version, changed.has_police) == ("review", 2, False)
        assert {row.user_id for row in changed.participants.all()} == {amira.pk, cal.pk}
        assert {row.recipient_id for row in open_reminders(visit)} == {amira.pk, cal.pk}

    def test_both_are_shown_when_two_people_change_one_visit(self, cast: Cast, client: Client) -> None:
        amira, cal = cast["amira"], cast["cal"]
        visit = planned(amira, cast.nora)
        url = visit_url(visit, "visit_change")
        sign_in(Client(), cal).post(url, posted(cal, version=1, place="The library"))
        page = sign_in(client, amira).post(url, posted(amira, version=1, place="The park")).content.decode()
        assert "The library" in page
        assert "The park" in page
        assert all_visits()[0].place == "The library"
        client.post(url, posted(amira, version=2, place="The park"))
        assert all_visits()[0].place == "The park"

    def test_service_raises_the_clash(self, cast: Cast) -> None:
        amira = cast["amira"]
        visit = planned(amira, cast.nora)
        plan = VisitPlan(planned_for=visit.planned_for, purpose="review", participants=[amira])
        with at_work(amira), pytest.raises(VersionClash):
            change_visit(by=amira, visit=visit, version=9, plan=plan)

    def test_visit_that_is_over_is_not_changed(self, cast: Cast, client: Client) -> None:
        amira = cast["amira"]
        visit = planned(amira, cast.nora)
        logged(amira, cast.nora, visit=visit)
        url = visit_url(visit, "visit_change")
        assert sign_in(client, amira).get(url)["Location"] == visit_url(visit)
        page = client.post(url, posted(amira, version=1)).content.decode()
        assert "The outcome of this visit is recorded already: happened." in page


class TestOutcome:
    @pytest.mark.parametrize("kind", ["attempted", "declined", "cancelled"])
    def test_outcome_with_a_note_settles_the_reminder(self, cast: Cast, client: Client, kind: str) -> None:
        visit = planned(cast["amira"], cast.nora)
        assert len(open_reminders(visit)) == 1
        url = visit_url(visit, "visit_outcome")
        answer = sign_in(client, cast["amira"]).post(url, {"kind": kind, "note": "No answer <b>twice</b>"})
        assert answer["Location"] == visit_url(visit)
        with looking():
            outcome = VisitOutcome.objects.get()
        assert (outcome.kind, outcome.note) == (kind, "No answer <b>twice</b>")
        assert open_reminders(visit) == []
        assert "No answer &lt;b&gt;twice" in client.get(visit_url(visit)).content.decode()

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"kind": "cancelled", "note": "  "}, "Say in a few words"),
            ({"kind": "", "note": "x"}, "Choose what became of the visit"),
            ({"kind": "happened", "note": "x"}, "not one of the available choices"),
        ],
    )
    def test_outcome_needs_kind_and_note(
        self, cast: Cast, client: Client, fields: dict[str, str], words: str
    ) -> None:
        visit = planned(cast["amira"], cast.nora)
        page = sign_in(client, cast["amira"]).post(visit_url(visit, "visit_outcome"), fields).content.decode()
        assert words in page
        with at_work(cast["amira"]), pytest.raises(DomainError):
            record_visit_outcome(by=cast["amira"], visit=visit, **fields)
        assert len(open_reminders(visit)) == 1

    def test_second_outcome_is_refused_in_words_and_the_note_is_kept(
        self, cast: Cast, client: Client
    ) -> None:
        visit = planned(cast["amira"], cast.nora)
        url = visit_url(visit, "visit_outcome")
        sign_in(client, cast["amira"]).post(url, {"kind": "cancelled", "note": "Rang to cancel"})
        page = client.post(url, {"kind": "declined", "note": "My own note"}).content.decode()
        assert "recorded already: cancelled" in page
        assert "My own note" in page

    def test_outcome_is_never_edited(self, cast: Cast) -> None:
        visit = planned(cast["amira"], cast.nora)
        with at_work(cast["amira"]):
            outcome = record_visit_outcome(by=cast["amira"], visit=visit, kind="cancelled", note="Ill")
            outcome.note = "Something else"
            with pytest.raises(IntegrityError, match="added and never changed"), transaction.atomic():
                outcome.save()
            with pytest.raises(IntegrityError, match="added and never changed"), transaction.atomic():
                outcome.delete()

    def test_visit_happened_once_its_contact_is_logged(self, cast: Cast, client: Client) -> None:
        visit = planned(cast["amira"], cast.nora)
        page = sign_in(client, cast["amira"]).get(visit_url(visit)).content.decode()
        assert f"{reverse('cases:contact_log', args=[cast.nora.pk])}?visit={visit.pk}" in page
        contact = logged(cast["amira"], cast.nora, visit=visit)
        assert contact.visit_id == visit.pk
        assert open_reminders(visit) == []

    def test_outsider_gets_404_on_every_page(self, cast: Cast, client: Client) -> None:
        visit = planned(cast["amira"], cast.nora)
        sign_in(client, cast["sol"])
        for name in ("visit", "visit_change", "visit_outcome"):
            assert client.get(visit_url(visit, name)).status_code == 404
            assert client.post(visit_url(visit, name), {}).status_code == 404
        with at_work(cast["sol"]), pytest.raises(NotVisible):
            record_visit_outcome(by=cast["sol"], visit=visit, kind="cancelled", note="x")


class TestLists:
    def test_today_shows_my_visits_of_today_in_order(self, cast: Cast) -> None:
        amira = cast["amira"]
        with time_machine.travel(dt.datetime(2027, 6, 1, 9, tzinfo=dt.UTC)):
            # 23:30 UTC in June is tomorrow in London.
            planned(amira, cast.nora, planned_for=dt.datetime(2027, 6, 1, 23, 30, tzinfo=dt.UTC))
            late = planned(amira, cast.nora, planned_for=dt.datetime(2027, 6, 1, 22, 30, tzinfo=dt.UTC))
            early = planned(amira, cast.nora, planned_for=dt.datetime(2027, 5, 31, 23, 30, tzinfo=dt.UTC))
            planned(amira, cast.nora, cast["cal"], planned_for=dt.datetime(2027, 6, 1, 12, tzinfo=dt.UTC))
            with at_work(amira):
                assert [visit.pk for visit in visits_today(amira)] == [early.pk, late.pk]

    def test_visits_of_people_i_no_longer_see_are_gone(self, cast: Cast) -> None:
        amira = cast["amira"]
        planned(amira, cast.nora)
        with looking():
            membership = amira.memberships.get()
            membership.ends_on = timezone.localdate() - dt.timedelta(days=1)
            membership.save()
        with at_work(amira):
            assert list(visits_today(amira)) == []

    def test_upcoming_are_those_without_outcome(self, cast: Cast) -> None:
        amira = cast["amira"]
        done = planned(amira, cast.nora)
        logged(amira, cast.nora, visit=done)
        later = planned(amira, cast.nora, planned_for=timezone.now() + dt.timedelta(days=9))
        sooner = planned(amira, cast.nora, planned_for=timezone.now() + dt.timedelta(days=2))
        with at_work(amira):
            access = find_access(amira, cast.nora.pk)
            assert access and [visit.pk for visit in record_parts(access).upcoming] == [sooner.pk, later.pk]
            assert list(visits_to_log(amira, cast.nora)) == []

    def test_contact_page_offers_the_visit_of_today(self, cast: Cast, client: Client) -> None:
        visit = planned(cast["amira"], cast.nora)
        page = sign_in(client, cast["amira"]).get(reverse("cases:contact_log", args=[cast.nora.pk]))
        assert f"?visit={visit.pk}" in page.content.decode()

    def test_today_takes_as_many_statements_for_20_visits_as_for_1(self, cast: Cast) -> None:
        amira = cast["amira"]

        def statements() -> int:
            with at_work(amira), CaptureQueriesContext(connection) as captured:
                for visit in visits_today(amira):
                    assert visit.patient.full_name
                    assert [str(row.user) for row in visit.participants.all()]
            return len(captured)

        planned(amira, cast.nora)
        one = statements()
        for _ in range(19):
            planned(amira, cast.nora)
        assert statements() == one


class TestDatabase:
    def test_participant_stands_once_in_a_visit(self, cast: Cast) -> None:
        visit = planned(cast["amira"], cast.nora)
        with looking():
            row = VisitParticipant.objects.get()
            row.pk = None
            row._state.adding = True
            row.pk = uuid.uuid4()
            with pytest.raises(IntegrityError, match="visit_participant_once"), transaction.atomic():
                row.save(force_insert=True)
            assert visit.pk == row.visit_id

    def test_visit_has_one_outcome(self, cast: Cast) -> None:
        visit = planned(cast["amira"], cast.nora)
        with at_work(cast["amira"]):
            outcome = record_visit_outcome(by=cast["amira"], visit=visit, kind="cancelled", note="Ill")
            outcome.pk = uuid.uuid4()
            outcome._state.adding = True
            with pytest.raises(IntegrityError), transaction.atomic():
                outcome.save(force_insert=True)

    def test_plan_needs_an_open_case(self, cast: Cast) -> None:
        with looking():
            case = Case.objects.get(patient=cast.nora)
            case.closed_on, case.closed_by, case.next_service = timezone.localdate(), cast["lena"], "GP"
            case.save()
        with pytest.raises(DomainError), at_work(cast["amira"]):
            plan_visit(
                by=cast["amira"],
                patient=cast.nora,
                plan=VisitPlan(planned_for=timezone.now(), purpose="review", participants=[cast["amira"]]),
            )
