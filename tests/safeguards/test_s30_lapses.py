"""S30: people are reminded before a check lapses; when it has lapsed, the caseload passes to the leads."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ClearanceChange, Membership, ProfessionalRegistration, StaffCheck, User
from accounts.roles import Role
from accounts.services.lapses import LAPSE
from accounts.services.leaving import end_person
from accounts.services.people import add_membership, end_membership
from accounts.services.registrations import withdraw_registration
from accounts.services.staff_checks import record_check
from audit.context import access_context
from cases.models import Case
from cases.services.caseloads import CASES_WITHOUT_MENTOR
from cases.services.cases import close_case, hand_over
from core.due import Due, announce
from core.errors import DomainError
from reminders import ticks
from reminders.clearance import look_at_changes, look_at_everybody
from reminders.models import Notification, Reminder
from tests.people import Cast, make_cast, make_patient
from tests.sessions import sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def system() -> Any:
    return access_context(route="tests.s30", is_system=True)


def ahead(days: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=days)


def check(user: User, days: int, kind: str = "vetting") -> None:
    with system():
        record_check(by=None, user=user, kind=kind, valid_until=ahead(days), evidence="Letter seen")


def reminders(kind: str, **which: Any) -> list[Reminder]:
    with system():
        found = Reminder.objects.filter(kind=kind, **which).select_related("recipient")
        return list(found.order_by("due_at", "recipient__username"))


def told(kind: str) -> Counter[str]:
    """How many notifications of this kind each person has."""
    with system():
        sent = Notification.objects.filter(reminder__kind=kind).select_related("user")
        return Counter(notification.user.username for notification in sent)


def open_question(**which: Any) -> list[tuple[str, str]]:
    return [
        (r.recipient.username, r.text)
        for r in reminders(CASES_WITHOUT_MENTOR, settled_at__isnull=True, **which)
    ]


def test_s30_each_is_told_once_at_60_30_and_7_days_and_at_the_lapse(cast: Cast) -> None:
    """Day by day for ten weeks, the daily work done twice a day."""
    last_day = dt.date(2031, 9, 1)
    with time_machine.travel(dt.datetime(2031, 6, 25, 12, tzinfo=dt.UTC), tick=False) as clock:
        with system():
            record_check(
                by=None, user=cast["pete"], kind="training", valid_until=last_day, evidence="Certificate"
            )
        while timezone.localdate() <= last_day + dt.timedelta(days=3):
            look_at_everybody()
            look_at_everybody()
            clock.shift(dt.timedelta(days=1))
    by_recipient: dict[str, list[dt.date]] = {}
    for reminder in reminders(LAPSE):
        by_recipient.setdefault(reminder.recipient.username, []).append(timezone.localdate(reminder.due_at))
    days = [last_day - dt.timedelta(days=left) for left in (60, 30, 7)] + [last_day + dt.timedelta(days=1)]
    assert by_recipient == {"pete": days, "tess": days}


def test_s30_reminders_are_sent_once_and_settled_by_the_renewal(cast: Cast) -> None:
    check(cast["pete"], 29)
    for _ in range(3):
        look_at_everybody()
        ticks.send_due()
    assert told(LAPSE) == {"pete": 1, "tess": 1}
    own, theirs = reminders(LAPSE)
    assert own.text.startswith("Your vetting lapses after")
    assert own.link == reverse("accounts:profile")
    assert theirs.text.startswith("Vetting of Pete Parr lapses after")
    assert theirs.link == reverse("accounts:person", args=[cast["pete"].pk])
    check(cast["pete"], 400)
    assert all(reminder.is_settled for reminder in reminders(LAPSE))
    with system():
        assert not Notification.objects.filter(read_at__isnull=True).exists()
    look_at_everybody()
    assert all(reminder.is_settled for reminder in reminders(LAPSE))


def test_s30_a_check_of_one_kind_settles_nothing_of_another(cast: Cast) -> None:
    check(cast["pete"], 29, "vetting")
    check(cast["pete"], 29, "training")
    check(cast["pete"], 400, "training")
    waiting = reminders(LAPSE, settled_at__isnull=True)
    assert {reminder.subject for reminder in waiting} == {f"accounts.user:{cast['pete'].pk}:vetting"}


def test_s30_whoever_administers_the_team_by_then_is_told(cast: Cast) -> None:
    check(cast["pete"], 29)
    with system():
        Membership.objects.create(
            user=cast["odd"], role=Role.TEAM_ADMINISTRATOR, team=cast.north, organisation=cast.north.trust
        )
    look_at_everybody()
    assert {r.recipient.username for r in reminders(LAPSE)} == {"pete", "tess", "odd"}


def test_s30_nothing_is_said_any_more_about_whoever_needs_no_checks(cast: Cast) -> None:
    check(cast["pete"], 29)
    with access_context(route="tests.s30", actor=cast["tess"]):
        end_membership(by=cast["tess"], membership=Membership.objects.get(user=cast["pete"]))
    look_at_everybody()
    assert all(reminder.is_settled for reminder in reminders(LAPSE))


def test_s30_withdrawn_check_passes_the_caseload_to_the_leads_with_the_next_tick(cast: Cast) -> None:
    with system():
        make_patient(cast.north, cast["cal"], cast["pete"], family_name="Rowe")
        make_patient(cast.north, cast["cal"], cast["pru"], family_name="Finch")
    check(cast["pete"], -1)
    assert not open_question()
    ticks.tick()
    text = (
        "A staff check of Pete Parr is not in date. 2 open cases are yours to look after until a valid check is "
        "recorded or you hand over."
    )
    assert open_question() == [("dev", text), ("lena", text)]
    ticks.tick()
    assert told(CASES_WITHOUT_MENTOR) == {"lena": 1, "dev": 1}
    assert not ClearanceChange.objects.exists()
    check(cast["pete"], 90)
    ticks.tick()
    assert not open_question()


def test_s30_withdrawn_registration_passes_the_caseload_to_the_leads_with_the_next_tick(cast: Cast) -> None:
    with access_context(route="tests.s30", actor=cast["tess"]):
        withdraw_registration(
            by=cast["tess"],
            registration=ProfessionalRegistration.objects.get(user=cast["amira"]),
            withdrawn_on=timezone.localdate(),
            evidence="The register’s entry",
        )
    ticks.tick()
    assert [name for name, _ in open_question()] == ["dev", "lena"]
    with system():
        words = [reminder.text for reminder in Reminder.objects.filter(settled_at__isnull=True)]
    assert words
    assert not [text for text in words if "renewal" in text], "what is withdrawn is never renewed"


def test_s30_lapse_by_the_calendar_is_noticed_by_the_daily_work(cast: Cast) -> None:
    check(cast["pete"], 0)
    look_at_changes()
    assert not open_question()
    with time_machine.travel(timezone.now() + dt.timedelta(days=1), tick=False):
        look_at_everybody()
        look_at_everybody()
        asked = open_question()
        assert [name for name, _ in asked] == ["dev", "lena"]
        (due_at,) = {r.due_at for r in reminders(CASES_WITHOUT_MENTOR)}
        assert timezone.localtime(due_at).time() == dt.time()
        assert timezone.localdate(due_at) == timezone.localdate()


def test_s30_hand_over_of_the_last_case_settles_the_question(cast: Cast) -> None:
    check(cast["pete"], -1)
    look_at_changes()
    assert open_question()
    with access_context(route="tests.s30", actor=cast["lena"]):
        case = Case.objects.get(patient=cast.nora)
        with pytest.raises(DomainError, match="Cal Carrow is not a police mentor"):
            hand_over(
                by=cast["lena"],
                case=case,
                version=case.version,
                clinical_mentor=cast["amira"],
                police_mentor=cast["cal"],
            )
        hand_over(
            by=cast["lena"],
            case=case,
            version=case.version,
            clinical_mentor=cast["amira"],
            police_mentor=cast["pru"],
        )
    look_at_changes()
    assert not open_question()


def test_s30_closing_the_last_case_settles_the_question(cast: Cast) -> None:
    check(cast["pete"], -1)
    look_at_changes()
    with access_context(route="tests.s30", actor=cast["lena"]):
        case = Case.objects.get(patient=cast.nora)
        close_case(
            by=cast["lena"], case=case, version=case.version, next_service="GP", step_down_note="Well."
        )
    look_at_changes()
    assert not open_question()


def test_s30_nobody_with_a_lapsed_check_is_given_a_case_but_who_has_it_may_stay(cast: Cast) -> None:
    check(cast["cal"], -1)
    check(cast["pete"], -1)
    with access_context(route="tests.s30", actor=cast["lena"]):
        case = Case.objects.get(patient=cast.nora)
        facts: dict[str, Any] = {"by": cast["lena"], "case": case, "version": case.version}
        with pytest.raises(DomainError, match="Cal Carrow cannot take on cases"):
            hand_over(**facts, clinical_mentor=cast["cal"], police_mentor=cast["pete"])
        # Only one of the two is replaced; the other waits for the renewal.
        assert hand_over(**facts, clinical_mentor=cast["lena"], police_mentor=cast["pete"])


def test_s30_without_a_cleared_lead_the_administrators_are_asked(cast: Cast) -> None:
    for name in ("pete", "lena", "dev"):
        check(cast[name], -1)
    look_at_changes()
    ((name, text),) = open_question()
    assert name == "tess"
    assert "nor has North team a clinical lead with checks in date. 1 open case is without anybody." in text
    check(cast["lena"], 90)
    look_at_everybody()
    assert "lena" in dict(open_question())


@pytest.mark.parametrize("way", ["role", "account"])
def test_s30_cases_of_whoever_leaves_pass_to_the_leads(cast: Cast, way: str) -> None:
    with access_context(route="tests.s30", actor=cast["oona"]):
        if way == "role":
            end_membership(by=cast["oona"], membership=Membership.objects.get(user=cast["amira"]))
        else:
            end_person(by=cast["oona"], user=cast["amira"])
    look_at_changes()
    text = (
        "Amira Adeyemi no longer works in North team. 1 open case is yours to look after until you hand over."
    )
    assert open_question() == [("dev", text), ("lena", text)]


def test_s30_a_role_given_again_settles_the_question(cast: Cast) -> None:
    with access_context(route="tests.s30", actor=cast["tess"]):
        end_membership(by=cast["tess"], membership=Membership.objects.get(user=cast["amira"]))
    look_at_changes()
    with access_context(route="tests.s30", actor=cast["tess"]):
        add_membership(by=cast["tess"], user=cast["amira"], role=Role.CLINICAL_MENTOR, team=cast.north)
    look_at_changes()
    assert not open_question()


def test_s30_leads_see_which_cases_lack_a_mentor_and_why(cast: Cast, client: Client) -> None:
    check(cast["pete"], -1)
    sign_in(client, cast["lena"])
    for address in (reverse("home"), reverse("cases:unmentored")):
        page = client.get(address).content.decode()
        assert "Nora Quill" in page
        assert cast.nora.reference in page
        assert "Pete Parr, police mentor: a staff check is not in date" in page
        assert reverse("cases:case_hand_over", args=[cast.nora.pk]) in page
    form = client.get(reverse("cases:case_hand_over", args=[cast.nora.pk])).content.decode()
    assert "Pete Parr, staff check lapsed" in form
    assert (
        "Nora Quill" not in sign_in(Client(), cast["sia"]).get(reverse("cases:unmentored")).content.decode()
    )
    with system():
        StaffCheck.objects.create(
            user=cast["pete"], kind="vetting", valid_until=ahead(90), evidence="Renewed"
        )
    assert "Nora Quill" not in client.get(reverse("cases:unmentored")).content.decode()


def test_s30_a_lapsed_colleague_is_not_offered_for_a_visit_but_for_what_happened(
    cast: Cast, client: Client
) -> None:
    check(cast["cal"], -1)
    sign_in(client, cast["amira"])
    plan = client.get(reverse("cases:visit_plan", args=[cast.nora.pk])).content.decode()
    log = client.get(reverse("cases:contact_log", args=[cast.nora.pk])).content.decode()
    assert "Cal Carrow" not in plan
    assert "Cal Carrow" in log


def test_s30_the_clinical_leads_task_for_a_patient_does_not_wait_for_a_lapsed_mentor(cast: Cast) -> None:
    """A reminder about a patient that falls due while its recipient is locked out goes to the leads."""
    with system():
        announce(
            Due(
                kind="plan-review",
                subject="tests.fact:1",
                at=timezone.now() - dt.timedelta(minutes=1),
                recipients=[cast["pete"]],
                text="Review the plan",
                link="/x/",
                patient_id=cast.nora.pk,
            )
        )
    check(cast["pete"], -1)
    ticks.send_due()
    ticks.send_due()
    assert told("plan-review") == {"lena": 1, "dev": 1}
