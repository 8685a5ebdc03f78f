"""The model: who may do what to whom, in lists and loops. It knows nothing of the ORM, of SQL or of the product's rules.

People, teams, organisations and patients are numbers. The one table taken from the product is which role carries which
act (accounts.roles): that is the decision the two rules of the product have to carry out.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from accounts.roles import ACTS_OF_ROLE, READING_ACTS, Act

LONDON = ZoneInfo("Europe/London")
READ_AFTER_CLOSING = 28  # days, S30
CLINICAL = ("clinical mentor", "clinical lead", "deputy clinical lead")
WITH_PATIENTS = (*CLINICAL, "police mentor")
KINDS = ("training", "vetting", "confidentiality agreement")
RELATIONSHIP_OF = dict.fromkeys(("clinical lead", "deputy clinical lead"), "supervision")


def day_of(moment: dt.datetime) -> dt.date:
    return moment.astimezone(LONDON).date()


@dataclass
class HeldRole:
    key: int
    user: int
    role: str
    team: int | None
    first: dt.date
    last: dt.date | None
    ended_at: dt.datetime | None = None

    @property
    def is_ended(self) -> bool:
        return self.ended_at is not None


@dataclass
class HeldCase:
    patient: int
    team: int
    clinical: int
    police: int
    closed: dt.date | None = None
    version: int = 1


@dataclass
class Glass:
    user: int
    patient: int
    opened_at: dt.datetime
    ends_at: dt.datetime
    is_ended: bool = False


@dataclass
class World:
    """Everything that access depends on. ``now`` is the tests' time; days are London's."""

    now: dt.datetime
    organisation_of: list[int]
    team_organisations: list[tuple[int, int]]  # trust, force
    active: list[bool]
    checks: list[dict[str, dt.date]]  # the check recorded last, of each kind
    registered: list[dt.date | None]
    roles: list[HeldRole] = field(default_factory=list)
    home_team: list[int] = field(default_factory=list)  # of each patient
    cases: list[HeldCase] = field(default_factory=list)
    grants: set[tuple[int, int]] = field(default_factory=set)  # patient, team
    exceptions: dict[tuple[int, int], dt.datetime] = field(default_factory=dict)  # user, patient
    glasses: list[Glass] = field(default_factory=list)

    @property
    def today(self) -> dt.date:
        return day_of(self.now)

    @property
    def patients(self) -> range:
        return range(len(self.home_team))

    # Roles.

    def current(self, user: int) -> list[HeldRole]:
        """Roles that hold today, checked or not."""
        if not self.active[user]:
            return []
        return [
            role
            for role in self.roles
            if role.user == user
            and not role.is_ended
            and role.first <= self.today
            and (role.last is None or self.today <= role.last)
        ]

    def is_cleared(self, user: int, role: str) -> bool:
        if role not in WITH_PATIENTS:
            return True
        needed: list[dt.date | None] = [self.checks[user].get(kind) for kind in KINDS]
        if role in CLINICAL:
            needed.append(self.registered[user])
        return all(until is not None and self.today <= until for until in needed)

    def working(self, user: int, act: Act) -> list[HeldRole]:
        """Roles that hold today, whose checks are in date and that carry the act."""
        return [
            role
            for role in self.current(user)
            if act in ACTS_OF_ROLE[role.role] and self.is_cleared(user, role.role)
        ]

    def works_in(self, user: int, act: Act, team: int) -> bool:
        return any(role.team == team for role in self.working(user, act))

    # Access.

    def by_team(self, user: int, act: Act, patient: int) -> list[tuple[HeldRole, HeldCase]]:
        return [
            (role, case)
            for role in self.working(user, act)
            for case in self.cases
            if case.patient == patient
            and case.team == role.team
            and (patient, role.team) in self.grants
            and self._case_allows(case, act)
        ]

    def _case_allows(self, case: HeldCase, act: Act) -> bool:
        if case.closed is None:
            return True
        return act in READING_ACTS and (self.today - case.closed).days <= READ_AFTER_CLOSING

    def by_exception(self, user: int, act: Act, patient: int) -> bool:
        until = self.exceptions.get((user, patient))
        return (
            act in READING_ACTS and until is not None and self.now < until and bool(self.working(user, act))
        )

    def by_glass(self, user: int, act: Act, patient: int) -> bool:
        if act not in READING_ACTS or self.open_glass(user, patient) is None:
            return False
        return any(role.role in CLINICAL for role in self.working(user, act))

    def open_glass(self, user: int, patient: int) -> Glass | None:
        for glass in self.glasses:
            if (
                (glass.user, glass.patient) == (user, patient)
                and not glass.is_ended
                and self.now < glass.ends_at
            ):
                return glass
        return None

    def outlived_a_role(self, user: int) -> list[Glass]:
        """What is open since before a clinical role of its author's that had begun was ended."""
        ends = [
            role.ended_at
            for role in self.roles
            if role.user == user
            and role.role in CLINICAL
            and role.ended_at
            and role.first <= day_of(role.ended_at)
        ]
        return [
            glass
            for glass in self.glasses
            if glass.user == user
            and not glass.is_ended
            and self.now < glass.ends_at
            and any(glass.opened_at <= end for end in ends)
        ]

    def may(self, user: int, act: Act, patient: int) -> bool:
        return bool(
            self.by_team(user, act, patient)
            or self.by_exception(user, act, patient)
            or self.by_glass(user, act, patient)
        )

    def those(self, user: int, act: Act) -> set[int]:
        return {patient for patient in self.patients if self.may(user, act, patient)}

    def explanations(self, user: int, patient: int) -> set[str]:
        """What the trail may say about why; more than one where two roles explain as well as each other."""
        by_team = self.by_team(user, Act.OPEN_RECORD, patient)
        still_open = [role for role, case in by_team if case.closed is None]
        if still_open:
            return {RELATIONSHIP_OF.get(role.role, "case team") for role in still_open}
        if by_team:
            return {"closed case"}
        if self.by_exception(user, Act.OPEN_RECORD, patient):
            return {"exception"}
        if self.by_glass(user, Act.OPEN_RECORD, patient):
            return {"break-glass"}
        return {"IG review"} if self.reviews(user, patient) else set()

    def reviews(self, user: int, patient: int) -> bool:
        """As information governance officer: of organisations that take part in the patient's team."""
        return self.organisation_of[user] in self.team_organisations[self.home_team[patient]] and bool(
            self.working(user, Act.READ_TRAIL)
        )

    def finds(self, user: int, patient: int) -> bool:
        """Whose own row the database hands out: also to officers, and to leads of a team whose glass was broken."""
        if self.may(user, Act.OPEN_RECORD, patient) or self.reviews(user, patient):
            return True
        was_opened = any(glass.patient == patient for glass in self.glasses)
        return was_opened and self.works_in(user, Act.CHANGE_CASE, self.home_team[patient])

    # What a service will say.

    def refusal(self, user: int, act: Act, patient: int) -> str:
        """Of the gate in front of every service on a patient: empty where it lets them through."""
        if self.may(user, act, patient):
            return ""
        return "NotAllowed" if self.may(user, Act.OPEN_RECORD, patient) else "NotVisible"

    def can_mentor(self, user: int, team: int, roles: tuple[str, ...], *, stays: bool = False) -> bool:
        held = [role for role in self.current(user) if role.team == team and role.role in roles]
        return bool(held) and (stays or any(self.is_cleared(user, role.role) for role in held))
