"""The demo's stories: everybody the issue names, invented throughout, told once and nowhere but in the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import nhs_number
import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

import sim_casework.urls  # noqa: F401  (read while DEMO is off, or this process would keep the demo's addresses)
from accounts.models import Membership, Organisation, Team, User
from accounts.roles import Act, Role
from accounts.selectors import main_standing
from audit.context import access_context
from cases.models import BreakGlass
from cases.permissions import visible_patients
from cases.selectors.break_glass import break_glass_to_review, opened_under
from cases.selectors.unmentored import cases_without_mentor
from crisis_plans.selectors import current_plan, plans_awaiting_approval
from reminders.models import Reminder
from sim_casework.stories.patients import told_by

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Told once for the module; each test's own changes are rolled back to here."""
    with django_db_blocker.unblock(), override_settings(DEMO=True), transaction.atomic():
        call_command("seed_demo", verbosity=0)
        yield
        transaction.set_rollback(True)


def test_outside_of_the_demo_nothing_is_written(settings: Any) -> None:
    settings.DEMO = False
    before = User.objects.count()
    with pytest.raises(CommandError, match="demo only"):
        call_command("seed_demo", verbosity=0)
    assert User.objects.count() == before


@pytest.mark.usefixtures("told")
def test_both_teams_are_staffed_as_the_demo_promises() -> None:
    for team in Team.objects.all():
        roles = Counter(m.role for m in Membership.objects.current().filter(team=team))
        assert roles == {
            Role.CLINICAL_MENTOR: 2,
            Role.POLICE_MENTOR: 2,
            Role.CLINICAL_LEAD: 1,
            Role.DEPUTY_LEAD: 1,
            Role.TEAM_ADMINISTRATOR: 1,
        }


@pytest.mark.usefixtures("told")
def test_each_organisation_of_a_team_has_an_ig_officer_and_each_service_a_responder() -> None:
    officers = {m.organisation_id for m in Membership.objects.filter(role=Role.IG_OFFICER)}
    assert officers == {o for t in Team.objects.all() for o in (t.trust_id, t.force_id)}
    responders = {m.organisation.kind for m in Membership.objects.filter(role=Role.RESPONDER)}
    kinds = Organisation.Kind
    assert responders >= {kinds.AMBULANCE_SERVICE, kinds.EMERGENCY_DEPARTMENT, kinds.CRISIS_LINE}


@pytest.mark.usefixtures("told")
def test_everybody_has_a_second_factor_and_an_example_address() -> None:
    users = list(User.objects.all())
    assert {a.user_id for a in Authenticator.objects.filter(type="totp")} == {u.pk for u in users}
    assert all(u.email.endswith("@example.org") and main_standing(u).role for u in users)


@pytest.mark.usefixtures("told")
def test_patients_carry_numbers_that_are_issued_to_nobody() -> None:
    lead = User.objects.get(username="lena.lund")
    with access_context(route="tests", actor=lead):
        patients = list(visible_patients(lead))
    assert len(patients) > 25
    numbers = [p.nhs_number for p in patients if p.nhs_number]
    assert len(set(numbers)) == len(numbers) == len(patients)
    assert all(n.startswith("999") and nhs_number.is_valid(n) for n in numbers)
    assert all(p.phone.startswith("07700 900") for p in patients)


@pytest.mark.usefixtures("told")
def test_a_plan_is_in_force_one_waits_and_a_review_falls_due_within_a_minute() -> None:
    lead = User.objects.get(username="lena.lund")
    with told_by(lead):
        nora = visible_patients(lead).filter(given_name="Nora").get()
        assert current_plan(lead, nora) is not None
        assert list(plans_awaiting_approval(lead))
        due = list(Reminder.objects.filter(kind="plan-review", patient=nora))
        seconds = [(r.due_at - timezone.now()).total_seconds() for r in due if r.settled_at is None]
        assert seconds and all(0 < s <= 60 for s in seconds)


@pytest.mark.usefixtures("told")
def test_a_second_start_tells_nothing_twice() -> None:
    users = User.objects.count()
    call_command("seed_demo", verbosity=0)
    assert User.objects.count() == users
    lead = User.objects.get(username="sia.sand")
    with told_by(lead):
        assert len(list(visible_patients(lead, Act.OPEN_RECORD))) == 5


@pytest.mark.usefixtures("told")
def test_one_break_glass_was_reviewed_and_one_waits() -> None:
    lead = User.objects.get(username="lena.lund")
    with told_by(lead):
        waiting = break_glass_to_review(lead)
        assert [str(glass.created_by) for glass in waiting] == ["Sara Sedge"]
        routes = {line.entry.route for line in opened_under(waiting[0])}
        assert routes == {"demo.story", "patient_record", "crisis_plans:plan"}
        assert BreakGlass.objects.filter(review__outcome="appropriate").exists()


@pytest.mark.usefixtures("told")
def test_one_check_lapses_soon_and_one_has_lapsed() -> None:
    pru, shan = (User.objects.get(username=name) for name in ("pru.pell", "shan.spry"))
    with access_context(route="tests", is_system=True):
        assert visible_patients(pru).exists()
        assert not visible_patients(shan).exists()
        told_about = {r.recipient.username for r in Reminder.objects.filter(kind="staff-check-lapse")}
    assert told_about == {"pru.pell", "tess.thorn", "shan.spry", "stan.stile"}
    sia = User.objects.get(username="sia.sand")
    with told_by(sia):
        assert cases_without_mentor(sia).exists()
