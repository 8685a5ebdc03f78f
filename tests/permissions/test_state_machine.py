"""``visible_patients`` ≡ ``can`` ≡ row-level security ≡ a model in plain Python, and entries ≡ model, along random walks.

Each step goes through a service and is predicted by the model: its outcome, its own entry with every patient and their
relationship, each change. Afterwards those it concerns and one more person are compared for reading, clinical reading
and writing, on every patient; everybody at the end of a walk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psycopg
import pytest
import time_machine
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.permissions.walk import seen
from tests.permissions.walk.machine import Tally
from tests.permissions.walk.stage import START, Stage, set_stage
from tests.permissions.walk.steps import AccessWalk
from tests.proofs import tell

STEPS_OF_A_WALK = 50
SHRINKING = (Phase.generate, Phase.shrink)
# Of each kind of step, what a walk must have met: done, and refused for want of a right.
MUST_BE_REACHED = [
    f"{step}: {outcome}"
    for step, outcomes in {
        "open": ["done", "NotVisible"],
        "log": ["done", "NotVisible", "NotAllowed"],
        "hand over": ["done", "NotVisible", "NotAllowed", "DomainError"],
        "close": ["done", "NotVisible", "NotAllowed", "DomainError"],
        "open a case": ["done", "DomainError"],
        "register": ["done", "NotAllowed"],
        "give a role": ["done", "DomainError"],
        "end a role": ["done", "DomainError"],
        "leave": ["done", "DomainError"],
        "record a check": ["done"],
        "withdraw a check": ["done"],
        "register professionally": ["done"],
        "strike off": ["done"],
        "switch an account": ["done"],
        "make an exception": ["done"],
        "take back a grant": ["done"],
        "break the glass": ["done", "NotAllowed"],
        "break an open glass": ["done"],
        "break no glass": ["done"],
        "end break-glass": ["done", "NotVisible"],
        "end what outlived a role": ["done"],
        "list": ["done"],
        "list for review": ["done"],
    }.items()
    for outcome in outcomes
]


@pytest.fixture
def what_is_seen(superuser_connection: psycopg.Connection) -> Iterator[None]:
    seen.install(superuser_connection)
    yield
    seen.uninstall(superuser_connection)


@pytest.fixture
def stage(what_is_seen: None, db: None) -> Stage:
    with time_machine.travel(START, tick=False):
        return set_stage()


def walk(stage: Stage, steps: int, number: int, *, phases: Sequence[Phase] = (Phase.generate,)) -> Tally:
    """Walk about that many steps. With ``Phase.shrink`` a mismatch is brought down to the shortest walk that shows it."""
    tally = Tally()
    machine = seed(number)(type("SeededWalk", (AccessWalk,), {"stage": stage, "tally": tally}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, steps // STEPS_OF_A_WALK),
            stateful_step_count=STEPS_OF_A_WALK,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=phases,
            print_blob=False,
        ),
    )
    return tally


def test_both_locks_and_the_trail_do_what_the_model_says(stage: Stage) -> None:
    tally = walk(stage, 200, 1)
    tell("state machine, short", **tally.figures())
    assert tally.steps >= 150
    assert tally.comparisons > tally.steps * 50


@pytest.mark.prove
@pytest.mark.parametrize("number", [1, 2])
def test_the_long_walk(stage: Stage, number: int) -> None:
    """25,000 steps in two halves, one for each processor; a little further while some kind of step was never met."""
    begun, tally, again = time.monotonic(), Tally(), 0
    while tally.steps < 12_500 or (missing(tally) and tally.steps < 15_000):
        tally += walk(stage, max(12_500 - tally.steps, 500), number * 1000 + again, phases=SHRINKING)
        again += 1
    tell(
        f"state machine, half {number}",
        seconds=round(time.monotonic() - begun),
        **tally.figures(),
    )
    assert missing(tally) == []


def missing(tally: Tally) -> list[str]:
    return [name for name in MUST_BE_REACHED if not tally.reached[name]]
