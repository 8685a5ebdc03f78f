"""What a step of the walk is: work by somebody, its outcome and entries, and afterwards everybody's access, held to the model.

The steps themselves are in ``steps``.
"""

from __future__ import annotations

import copy
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import time_machine
from django.db import transaction
from hypothesis.stateful import RuleBasedStateMachine

from accounts.models import User
from accounts.roles import Act
from audit.context import access_context
from audit.models import LogEntry
from core.acting import Acting
from core.errors import DomainError, NotAllowed, NotVisible
from tests.permissions.walk.model import World
from tests.permissions.walk.seen import (
    CLINICAL_READING,
    READING,
    asked,
    blind,
    entries_after,
    forget_roles,
    found_acts,
    listed,
    rows_seen,
)
from tests.permissions.walk.stage import START, Stage

ACTS = (
    Act.OPEN_RECORD,
    Act.READ_CLINICAL,
    Act.EDIT_PATIENT,
    Act.WRITE_CLINICAL,
    Act.CHANGE_CASE,
)
OUTCOME = {"": "ok", "NotVisible": "not found", "NotAllowed": "denied", "DomainError": "error"}


@dataclass
class Tally:
    """What one run did; ``reached`` shows that the walk went everywhere and was let through as well as refused."""

    steps: int = 0
    walks: int = 0
    comparisons: int = 0
    entries: int = 0
    reached: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """For a walk that found no mismatch: the first one ends it."""
        return {
            "steps": self.steps,
            "walks": self.walks,
            "comparisons": self.comparisons,
            "entries": self.entries,
            "mismatches": 0,
            "reached": dict(sorted(self.reached.items())),
        }

    def __iadd__(self, other: Tally) -> Tally:
        self.steps += other.steps
        self.walks += other.walks
        self.comparisons += other.comparisons
        self.entries += other.entries
        self.reached += other.reached
        return self


@dataclass(frozen=True)
class Told:
    """What the trail must say of a step: its own entry's patients, each with what may explain them, and each change."""

    subjects: Mapping[int, set[str]] = field(default_factory=dict)
    changes: tuple[tuple[str, int | None], ...] = ()  # kind of object, and the patient it is about
    action: int = LogEntry.Action.ACCESS


class Walk(RuleBasedStateMachine):
    """Set ``stage`` and ``tally`` on a subclass. Runs inside of one transaction, which it brings back to where it was."""

    stage: Stage
    tally: Tally

    def __init__(self) -> None:
        super().__init__()
        self.mark = transaction.savepoint()
        self.clock = time_machine.travel(START, tick=False)
        self.traveller = self.clock.start()
        self.world: World = copy.deepcopy(self.stage.world)
        self.patients: list[uuid.UUID] = list(self.stage.patients)
        self.users: list[User] = [copy.copy(user) for user in self.stage.users]
        self.cases: list[uuid.UUID] = list(self.stage.cases)
        self.registrations = {user: dict(held) for user, held in self.stage.registrations.items()}
        # What the walk itself recorded last of each kind.
        self.recorded: dict[tuple[int, str], dt.date] = {}
        self.glasses: list[uuid.UUID] = []
        # Patients of whom there is a contact, and one with clinical-only text: who has none shows no row of one.
        self.contacts, self.notes = set(self.world.patients), set(self.world.patients)
        self.gone: set[int] = set()
        self.left = 0
        self.steps = 0
        with blind(Acting(is_system=True)):
            self.last_entry = max((row[0] for row in entries_after(0)), default=0)
        self.tally.walks += 1

    def teardown(self) -> None:
        try:
            if self.steps:
                self.compare_everybody("the walk")
        finally:
            self.clock.stop()
            transaction.set_rollback(False)
            transaction.savepoint_rollback(self.mark)

    # What a step is.

    def step(
        self,
        name: str,
        work: Callable[[], Any],
        *,
        by: int | User | None,
        refused: str = "",
        about: int | None = None,
        told: Callable[[Any], Told] = lambda _: Told(),
        touched: tuple[int, ...] = (),
    ) -> Any:
        """Do ``work`` as ``by`` (None: the system) and hold its outcome, its entries and everybody's access to the model.

        ``told`` is asked after the model has taken the step; ``about`` is the patient a refusal names.
        """
        actor = None if by is None else self.users[by] if isinstance(by, int) else by
        before = self.world.explanations(by, about) if isinstance(by, int) and about is not None else set()
        result, outcome = None, ""
        try:
            with access_context(
                route="tests.walk", actor=actor and forget_roles(actor), is_system=by is None
            ) as context:
                if about is not None:
                    context.asked_for = self.patients[about]
                result = work()
        except (NotVisible, NotAllowed, DomainError) as error:
            outcome = type(error).__name__
        assert outcome == refused, f"{name}: {outcome or 'done'}, the model says {refused or 'done'}"
        expected = Told({} if about is None else {about: before or {"none"}}) if refused else told(result)
        # What the system was refused before it saw or changed anything leaves no entry.
        self.compare_entries(name, actor, OUTCOME[outcome], None if refused and by is None else expected)
        concerned = {*touched, by} if isinstance(by, int) else {*touched}
        self.count_and_compare(f"{name}: {outcome or 'done'}", concerned)
        return result

    def count_and_compare(self, name: str, concerned: set[int]) -> None:
        """Whom the step concerns, and somebody else in turn; everybody is compared at the end of each walk."""
        self.steps += 1
        self.tally.steps += 1
        self.tally.reached[name] += 1
        self.compare_some(sorted(concerned | {self.steps * 7 % len(self.users)}), name)

    def pass_time(self, how_long: dt.timedelta) -> None:
        self.world.now += how_long
        self.traveller.move_to(self.world.now)

    # Comparing.

    def keys(self, numbers: set[int]) -> set[uuid.UUID]:
        return {self.patients[number] for number in numbers}

    def compare_everybody(self, after: str) -> None:
        # One after the other comes first.
        first = self.steps % len(self.patients)
        keys = self.patients[first:] + self.patients[:first]
        with blind(Acting(is_system=True)):
            rows = rows_seen([user.pk for user in self.users], keys)
            for number, user in enumerate(self.users):
                forget_roles(user)
                for act in ACTS:
                    expected = self.keys(self.world.those(number, act))
                    self.hold(listed(user, act), expected, after, f"visible_patients({user}, {act})")
                    which = keys if act == Act.OPEN_RECORD else keys[:1]
                    found = asked(user, act, which)
                    self.hold(found, expected & set(which), after, f"can({user}, {act})", len(which))
                self.hold_found(number, (first + number) % len(keys), after)
                self.compare_rows(number, rows[user.pk], after)

    def compare_some(self, people: list[int], after: str) -> None:
        """Opening and one other act in turn by the first rule, everything by the second; ``can`` of one patient.

        What the hot pages find is asked of one of the people, in turn: it is the dearest question.
        """
        other = ACTS[1 + self.steps % (len(ACTS) - 1)]
        key = self.patients[self.steps % len(self.patients)]
        with blind(Acting(is_system=True)):
            rows = rows_seen([self.users[number].pk for number in people], self.patients)
            for number in people:
                user = forget_roles(self.users[number])
                for act in (Act.OPEN_RECORD, other):
                    expected = self.keys(self.world.those(number, act))
                    self.hold(listed(user, act), expected, after, f"visible_patients({user}, {act})")
                self.hold(asked(user, other, [key]), expected & {key}, after, f"can({user}, {other})", 1)
                self.compare_rows(number, rows[user.pk], after)
            self.hold_found(people[self.steps % len(people)], self.patients.index(key), after)

    def hold_found(self, number: int, patient: int, after: str) -> None:
        found = found_acts(self.users[number], self.patients[patient], ACTS)
        expected = {act for act in ACTS if self.world.may(number, act, patient)}
        assert found == expected, (
            f"after {after!r} find_access({self.users[number]}, {patient}): {found}, not {expected}"
        )
        self.tally.comparisons += len(ACTS)

    def compare_rows(self, number: int, rows: dict[str, set[uuid.UUID]], after: str) -> None:
        world, name = self.world, str(self.users[number])
        reads = self.keys(world.those(number, Act.OPEN_RECORD))
        clinical = self.keys(world.those(number, Act.READ_CLINICAL))
        for question in READING:
            expected = reads if question != "cases_contact" else reads & self.keys(self.contacts)
            self.hold(rows[question], expected, after, f"{question} as {name}")
        for question in CLINICAL_READING:
            expected = clinical if question == "may_read_clinical" else clinical & self.keys(self.notes)
            self.hold(rows[question], expected, after, f"{question} as {name}")
        writes = self.keys(world.those(number, Act.EDIT_PATIENT))
        self.hold(rows["may_write_patient"], writes, after, f"may_write_patient as {name}")
        writes = self.keys(world.those(number, Act.WRITE_CLINICAL))
        self.hold(rows["may_write_clinical"], writes, after, f"may_write_clinical as {name}")
        found = self.keys({patient for patient in world.patients if world.finds(number, patient)})
        self.hold(rows["cases_patient"], found, after, f"cases_patient as {name}")

    def hold(
        self,
        found: set[uuid.UUID],
        expected: set[uuid.UUID],
        after: str,
        question: str,
        size: int | None = None,
    ) -> None:
        assert found == expected, (
            f"after {after!r} {question}: {[self.patients.index(k) for k in found]},"
            f" the model says {[self.patients.index(k) for k in expected]}"
        )
        self.tally.comparisons += len(self.patients) if size is None else size

    def compare_entries(self, name: str, actor: User | None, outcome: str, told: Told | None) -> None:
        with blind(Acting(is_system=True)):
            rows = entries_after(self.last_entry)
        if rows:
            self.last_entry = rows[-1][0]
        if told is None:
            assert not rows, f"{name}: {rows}"
            return
        own = [row for row in rows if row[4] == ""]
        assert len(own) == 1, f"{name}: {len(own)} entries of its own"
        whose = (outcome, actor and actor.pk)
        assert (own[0][1], own[0][2], own[0][3]) == (told.action, *whose), f"{name}: {own[0]}"
        self.hold_subjects(name, own[0][5], told.subjects)
        for row in rows:
            assert (row[2], row[3]) == whose, f"{name}: {row}"
            if row[4]:
                about = {
                    number: told.subjects[number]
                    for number in told.subjects
                    if str(self.patients[number]) in row[5]
                }
                self.hold_subjects(f"{name}, {row[4]}", row[5], about)
        changes = Counter((row[4], tuple(sorted(row[5]))) for row in rows if row[4])
        expected = Counter(
            (kind, () if patient is None else (str(self.patients[patient]),))
            for kind, patient in told.changes
        )
        assert changes == expected, f"{name}: changes {changes}, the model says {expected}"
        self.tally.entries += len(rows)

    def hold_subjects(self, name: str, found: dict[str, str], told: Mapping[int, set[str]]) -> None:
        expected = {str(self.patients[number]): names for number, names in told.items()}
        assert found.keys() == expected.keys(), f"{name}: about {found}, the model says {expected}"
        for key, relationship in found.items():
            assert relationship in expected[key], f"{name}: {relationship!r}, the model says {expected[key]}"
