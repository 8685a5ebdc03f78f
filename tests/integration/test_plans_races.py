"""Two people at the same moment, in threads of their own: one plan, one decision, no text lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from audit.context import access_context
from core.errors import DomainError
from crisis_plans.models import PlanSignOff, PlanVersion
from crisis_plans.selectors import versions
from crisis_plans.services import approve, save_draft, start_draft, withdraw_submission
from tests.people import Cast, make_cast
from tests.plans import approved, drafted, fresh, full_content, submitted

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each in a thread and transaction of its own, all let go together; what each returned or raised."""
    barrier = threading.Barrier(len(works))
    answers: list[Any] = [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            with access_context(route="tests.races", is_system=True):
                connection.ensure_connection()
                barrier.wait(timeout=20)
                answers[place] = work()
        except Exception as error:
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, work)) for place, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def sign_offs(version: PlanVersion) -> list[str]:
    with access_context(route="tests.races", is_system=True):
        return [s.kind for s in PlanSignOff.objects.filter(version=version).order_by("sequence")]


def test_two_approvals_at_once_make_one(cast: Cast) -> None:
    with access_context(route="tests.races", is_system=True):
        version = submitted(cast)
    lena, dev = cast["lena"], cast["dev"]
    answers = at_once(
        lambda: approve(by=lena, version=version, revision=version.revision),
        lambda: approve(by=dev, version=version, revision=version.revision),
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["DomainError", "PlanSignOff"]
    refusal = next(answer for answer in answers if isinstance(answer, DomainError))
    assert "Approved by" in refusal.message
    assert sign_offs(version) == ["submitted", "approved"]


def test_approval_and_take_back_with_edit_at_once_leave_one_of_the_two(cast: Cast) -> None:
    """Whichever comes first, what is approved is what was read."""
    with access_context(route="tests.races", is_system=True):
        version = submitted(cast)
    lena, amira = cast["lena"], cast["amira"]

    def take_back_and_edit() -> PlanVersion:
        withdraw_submission(by=amira, version=version)
        return save_draft(
            by=amira, version=version, revision=version.revision, content=full_content(about_me="Changed")
        )

    answers = at_once(
        lambda: approve(by=lena, version=version, revision=version.revision), take_back_and_edit
    )
    assert [isinstance(answer, DomainError) for answer in answers].count(True) == 1, answers
    with access_context(route="tests.races", is_system=True):
        now = fresh(cast, version)
    if isinstance(answers[0], PlanSignOff):
        assert (now.state, now.about_me) == (PlanVersion.State.APPROVED, full_content().about_me)
    else:
        assert (now.state, now.about_me) == (PlanVersion.State.DRAFT, "Changed")


def test_two_saves_at_once_keep_one_and_tell_the_other(cast: Cast) -> None:
    with access_context(route="tests.races", is_system=True):
        version = drafted(cast)
    writers = {"amira": cast["amira"], "cal": cast["cal"]}
    answers = at_once(
        *(
            lambda name=name, by=by: save_draft(
                by=by, version=version, revision=version.revision, content=full_content(about_me=name)
            )
            for name, by in writers.items()
        )
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["PlanVersion", "VersionClash"]
    kept = next(answer for answer in answers if isinstance(answer, PlanVersion))
    with access_context(route="tests.races", is_system=True):
        assert fresh(cast, version).about_me == kept.about_me


def test_two_starts_at_once_open_one_draft(cast: Cast) -> None:
    amira, pete = cast["amira"], cast["pete"]
    answers = at_once(
        lambda: start_draft(by=amira, patient=cast.nora), lambda: start_draft(by=pete, patient=cast.nora)
    )
    assert [type(answer).__name__ for answer in answers] == ["PlanVersion", "PlanVersion"]
    assert answers[0].pk == answers[1].pk
    with access_context(route="tests.races", is_system=True):
        assert len(versions(amira, cast.nora)) == 1


def test_second_approval_is_refused_even_where_the_trigger_is_off(
    cast: Cast, owner_connection: psycopg.Connection
) -> None:
    with access_context(route="tests.races", is_system=True):
        version = approved(cast)
    copied = (
        "kind, revision, comment, signer_name, signer_role, registration_body, registration_number, regime, "
        "controller_id, created_by_id, created_at, patient_id, version_id"
    )
    with owner_connection.transaction(force_rollback=True):
        owner_connection.execute("SELECT set_config('sim.system', 'on', true)")
        owner_connection.execute("ALTER TABLE crisis_plans_plansignoff DISABLE TRIGGER USER")
        with pytest.raises(psycopg.errors.UniqueViolation, match="plan_sign_off_one_approval"):
            owner_connection.execute(
                f"INSERT INTO crisis_plans_plansignoff (id, sequence, {copied}) "  # noqa: S608
                f"SELECT gen_random_uuid(), 99, {copied} FROM crisis_plans_plansignoff "
                "WHERE version_id = %s AND kind = 'approved'",
                [version.pk],
            )
