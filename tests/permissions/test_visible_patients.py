"""``visible_patients`` ≡ ``can`` ≡ ``find_access`` ≡ an independent model in plain Python, over random worlds."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import (
    Membership,
    Organisation,
    ProfessionalRegistration,
    StaffCheck,
    Team,
    User,
)
from accounts.roles import ACTS_OF_ROLE, READING_ACTS, TEAM_ROLES, Act, Role
from audit.context import access_context
from cases.models import BreakGlass, Case, Patient, PatientUserObjectPermission
from cases.permissions import can, explain_access, grant_to_team, patients_under_review, visible_patients
from cases.selectors.access import find_access
from core.access_guard import recorded_query

pytestmark = pytest.mark.django_db

TEAMS = USERS = PATIENTS = 2
# Weighted towards what lets somebody see somebody; a world where nobody does proves little.
FIRST_DAYS = st.sampled_from([-40, -3, -1, 0, 0, 1])
LENGTHS = st.sampled_from([None, None, None, 0, 2, 3, 45])
ROLES = st.sampled_from(
    [*Role, Role.CLINICAL_MENTOR, Role.POLICE_MENTOR, Role.CLINICAL_LEAD, Role.DEPUTY_LEAD]
)
ACTS = st.sampled_from([*Act, *[Act.OPEN_RECORD] * 6, *[Act.READ_CLINICAL] * 3])
# Days left of training, vetting, agreement and registration; None is missing.
LASTING = (400, 400, 400, 400)
CHECKED = st.one_of(
    st.just(LASTING),
    st.just(LASTING),
    st.tuples(*[st.sampled_from([400, 400, 400, 400, 0, -1, None])] * 4),
)
ACTS_ON_RECORDS = {act for acts in ACTS_OF_ROLE.values() if Act.OPEN_RECORD in acts for act in acts}
MOSTLY_NOT = st.sampled_from([False, False, False, True])


@dataclass(frozen=True)
class HeldRole:
    """A membership by numbers of days from today; ``last`` None is open, ``is_ended`` ends it at once."""

    user: int
    team: int
    role: str
    first: int
    last: int | None
    is_ended: bool


@dataclass(frozen=True)
class HeldCase:
    patient: int
    team: int
    closed: int | None


@dataclass(frozen=True)
class HeldException:
    user: int
    patient: int
    hours_left: int


@dataclass(frozen=True)
class HeldGlass:
    user: int
    patient: int
    hours_left: int
    is_ended: bool


@dataclass(frozen=True)
class World:
    active: tuple[bool, ...]
    checks: tuple[tuple[int | None, ...], ...]  # of each user
    roles: tuple[HeldRole, ...]
    cases: tuple[HeldCase, ...]
    grants: frozenset[tuple[int, int]]  # patient, team
    exceptions: tuple[HeldException, ...]
    glasses: tuple[HeldGlass, ...]


roles = st.builds(
    lambda user, team, role, first, length, is_ended: HeldRole(
        user, team, role, first, None if length is None else first + length, is_ended
    ),
    st.integers(0, USERS - 1),
    st.integers(0, TEAMS - 1),
    ROLES,
    FIRST_DAYS,
    LENGTHS,
    MOSTLY_NOT,
)
cases = st.builds(
    HeldCase,
    st.integers(0, PATIENTS - 1),
    st.integers(0, TEAMS - 1),
    st.sampled_from([None, None, None, -40, -29, -28, -27, 0]),
)
exceptions = st.builds(
    HeldException, st.integers(0, USERS - 1), st.integers(0, PATIENTS - 1), st.sampled_from([-1, 1])
)

glasses = st.builds(
    HeldGlass,
    st.integers(0, USERS - 1),
    st.integers(0, PATIENTS - 1),
    st.sampled_from([-1, 1, 1]),
    MOSTLY_NOT,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    some_cases = draw(st.lists(cases, min_size=1, max_size=4, unique_by=lambda c: (c.patient, c.team)))
    granted = {(c.patient, c.team) for c in some_cases if not draw(MOSTLY_NOT)}
    stray = draw(st.sets(st.tuples(st.integers(0, PATIENTS - 1), st.integers(0, TEAMS - 1)), max_size=1))
    some_roles = st.lists(
        roles,
        min_size=1,
        max_size=4,
        unique_by=lambda r: (r.user, r.team if r.role in TEAM_ROLES else None, r.role),
    )
    return World(
        active=draw(st.tuples(*[st.sampled_from([True, True, True, False])] * USERS)),
        checks=draw(st.tuples(*[CHECKED] * USERS)),
        roles=tuple(draw(some_roles)),
        cases=tuple(some_cases),
        grants=frozenset(granted | stray),
        exceptions=tuple(draw(st.lists(exceptions, max_size=2, unique_by=lambda e: (e.user, e.patient)))),
        glasses=tuple(draw(st.lists(glasses, max_size=2, unique_by=lambda g: (g.user, g.patient)))),
    )


# The independent model: lists and loops, nothing of the ORM.


def holds_today(world: World, role: HeldRole) -> bool:
    return (
        world.active[role.user]
        and role.first <= 0
        and (role.last is None or role.last >= 0)
        and not role.is_ended
    )


def is_cleared(world: World, role: HeldRole) -> bool:
    training, vetting, agreement, registration = (
        days is not None and days >= 0 for days in world.checks[role.user]
    )
    if role.role in {"clinical mentor", "clinical lead", "deputy clinical lead"}:
        return training and vetting and agreement and registration
    return training and vetting and agreement if role.role == "police mentor" else True


def allows(case: HeldCase, act: Act) -> bool:
    if case.closed is None:
        return True
    return act in READING_ACTS and -case.closed <= settings.CLOSED_CASE_READ_DAYS


def expected(world: World, user: int, act: Act) -> set[int]:
    seen: set[int] = set()
    mine = [
        r
        for r in world.roles
        if r.user == user and holds_today(world, r) and is_cleared(world, r) and act in ACTS_OF_ROLE[r.role]
    ]
    for role in mine:
        if role.role not in TEAM_ROLES:
            continue
        for case in world.cases:
            if case.team == role.team and (case.patient, role.team) in world.grants and allows(case, act):
                seen.add(case.patient)
    if mine and act in READING_ACTS:
        seen |= {e.patient for e in world.exceptions if e.user == user and e.hours_left > 0}
        if any(r.role in {"clinical mentor", "clinical lead", "deputy clinical lead"} for r in mine):
            seen |= {
                g.patient for g in world.glasses if g.user == user and g.hours_left > 0 and not g.is_ended
            }
    return seen


# The same world in the database.


@dataclass
class Stage:
    """What stays the same in every example."""

    organisations: list[Organisation]
    teams: list[Team]
    users: list[User]
    patients: list[Patient]
    others: list[User]


@pytest.fixture
def stage() -> Stage:
    kinds = Organisation.Kind
    with access_context(route="test", is_system=True):
        organisations = [
            Organisation.objects.create(name=f"O{n}", kind=kinds.POLICE_FORCE if n % 2 else kinds.NHS_TRUST)
            for n in range(TEAMS * 2)
        ]
        teams = [
            Team.objects.create(
                name=f"T{n}",
                trust=organisations[n * 2],
                force=organisations[n * 2 + 1],
                phone="01632 960000",
                group=Group.objects.create(name=f"G{n}"),
            )
            for n in range(TEAMS)
        ]
        people = [
            User.objects.create(username=name, email=f"{name}@example.org", organisation=organisations[0])
            for name in ("u0", "u1", "clinician", "officer")
        ]
        author = {"controller": organisations[0], "regime": "UK GDPR", "created_by": people[2]}
        patients = [
            Patient.objects.create(
                team=teams[n % TEAMS],
                given_name="P",
                family_name=str(n),
                date_of_birth=dt.date(1990, 1, 1),
                **author,
            )
            for n in range(PATIENTS)
        ]
    return Stage(organisations, teams, people[:USERS], patients, people[USERS:])


def play(world: World, stage: Stage) -> None:
    today, now = timezone.localdate(), timezone.now()
    author = {"controller": stage.organisations[0], "regime": "UK GDPR", "created_by": stage.others[0]}
    for user, is_active in zip(stage.users, world.active, strict=True):
        User.objects.filter(pk=user.pk).update(is_active=is_active)
        vars(user).pop("_current_memberships", None)
    # Some have their checks before they get their roles, some after.
    give_checks(world, stage, 0)
    # In bulk: what is written on the trail is another test's business, and a save costs ten times as much.
    Membership.objects.bulk_create(
        Membership(
            user=stage.users[role.user],
            role=role.role,
            team=stage.teams[role.team] if role.role in TEAM_ROLES else None,
            organisation=stage.organisations[role.team * 2],
            starts_on=today + dt.timedelta(days=role.first),
            ends_on=None if role.last is None else today + dt.timedelta(days=role.last),
            ended_at=now if role.is_ended else None,
            ended_by=stage.others[0] if role.is_ended else None,
        )
        for role in world.roles
    )
    give_checks(world, stage, 1)
    with recorded_query("a random world"):
        Case.objects.bulk_create(
            Case(
                patient=stage.patients[case.patient],
                team=stage.teams[case.team],
                clinical_mentor=stage.others[0],
                police_mentor=stage.others[1],
                opened_on=today - dt.timedelta(days=90),
                closed_on=None if case.closed is None else today + dt.timedelta(days=case.closed),
                closed_by=None if case.closed is None else stage.others[0],
                next_service="" if case.closed is None else "GP",
                **author,
            )
            for case in world.cases
        )
    for patient, team in sorted(world.grants):
        grant_to_team(stage.patients[patient], stage.teams[team])
    view = Permission.objects.get(codename="view_patient")
    for exception in world.exceptions:
        PatientUserObjectPermission.objects.create(
            permission=view,
            user=stage.users[exception.user],
            content_object=stage.patients[exception.patient],
            reason="cover",
            granted_by=stage.others[0],
            expires_at=now + dt.timedelta(hours=exception.hours_left),
        )
    with recorded_query("a random world"):
        BreakGlass.objects.bulk_create(
            BreakGlass(
                patient=stage.patients[glass.patient],
                reason="crisis",
                sentence="The crisis line has put them through.",
                opened_as="clinical mentor",
                opened_at=now + dt.timedelta(hours=glass.hours_left - 2),
                ends_at=now + dt.timedelta(hours=glass.hours_left),
                ended_at=now + dt.timedelta(hours=glass.hours_left - 1.5) if glass.is_ended else None,
                ended_by=stage.users[glass.user] if glass.is_ended else None,
                review_due_at=now + dt.timedelta(days=2),
                submission_key=uuid.uuid4(),
                **author | {"created_by": stage.users[glass.user]},
            )
            for glass in world.glasses
        )


def give_checks(world: World, stage: Stage, number: int) -> None:
    today, user = timezone.localdate(), stage.users[number]
    *checks, registration = world.checks[number]
    for kind, days in zip(["training", "vetting", "confidentiality agreement"], checks, strict=True):
        if days is not None:
            # The one that counts is recorded last, whatever was said before.
            StaffCheck.objects.bulk_create(
                StaffCheck(user=user, kind=kind, valid_until=today + dt.timedelta(days=left), evidence="Seen")
                for left in (-days, days)
            )
    if registration is not None:
        ProfessionalRegistration.objects.bulk_create(
            [
                ProfessionalRegistration(
                    user=user,
                    body="NMC",
                    number=f"99P000{number}E",
                    valid_until=today + dt.timedelta(days=registration),
                )
            ]
        )


@given(world=worlds(), act=ACTS)
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_listing_asking_and_a_model_in_plain_python_agree(stage: Stage, world: World, act: Act) -> None:
    keys = [patient.pk for patient in stage.patients]
    with access_context(route="test", is_system=True):
        mark = transaction.savepoint()
        play(world, stage)
        for number, user in enumerate(stage.users):
            listed = {patient.pk for patient in visible_patients(user, act)}
            asked = {patient.pk for patient in stage.patients if can(user, act, patient)}
            assert listed == asked
            assert listed == {keys[n] for n in expected(world, number, act)}
            if act in ACTS_ON_RECORDS:
                found = {key: find_access(user, key) for key in keys}
                assert listed == {key for key, access in found.items() if access and act in access.acts}
            explained = set(explain_access(user, keys))
            reviewed = {patient.pk for patient in patients_under_review(user)}
            opened = {keys[n] for n in expected(world, number, Act.OPEN_RECORD)}
            assert explained == opened | reviewed
        transaction.savepoint_rollback(mark)


def test_the_random_worlds_are_not_all_empty_ones(stage: Stage) -> None:
    """Guards the property above: a strategy that never lets anybody see anybody would prove nothing."""
    seen: list[bool] = []

    @given(world=worlds())
    @hypothesis_settings(max_examples=200, deadline=None, derandomize=True, database=None)
    def collect(world: World) -> None:
        seen.append(any(expected(world, user, Act.OPEN_RECORD) for user in range(USERS)))

    collect()
    assert sum(seen) >= 50
    assert not all(seen)
