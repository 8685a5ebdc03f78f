"""What the trail must ask of the apps above it: who somebody is to a patient, which patient a key means, and what an
information governance officer may read. Domain apps register in AppConfig.ready; audit itself knows no domain model.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from django.db.models import QuerySet

# The act of reading the trail, as accounts.roles names it (audit lies below and cannot ask): what is put before officers
# is theirs while they hold it.
READING_THE_TRAIL = "read the trail"


@dataclass(frozen=True, slots=True)
class Standing:
    """The role somebody acts in at this moment, as plain words for the trail."""

    role: str = ""
    team: str = ""
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Relationship:
    """Why somebody may see one patient now; ``reference`` is the patient's ``SC-…``."""

    name: str
    reference: str
    standing: Standing = Standing()
    reads_clinical: bool = False
    # Where the relationship covers only some kinds of rows ("cases.Patient"); None covers all.
    only_kinds: frozenset[str] | None = None

    def covers(self, kinds: Collection[str], *, has_clinical: bool) -> bool:
        """Whether rows of these kinds, clinical-only ones among them or not, may be shown on its strength."""
        if has_clinical and not self.reads_clinical:
            return False
        return self.only_kinds is None or set(kinds) <= self.only_kinds

    def joined_with(self, newer: Relationship) -> Relationship:
        """The newer one; of the same name, and each for some kinds only, it covers the kinds of both."""
        if self.name != newer.name or self.only_kinds is None or newer.only_kinds is None:
            return newer
        return replace(newer, only_kinds=self.only_kinds | newer.only_kinds)


@dataclass(frozen=True, slots=True)
class Officer:
    """What somebody may do with the trail: of which organisations' staff, by name, and who those are.

    ``workers`` is a query of users that nobody has run yet; the trail uses it as a part of its own statements.
    """

    user: Any
    may_read: bool
    may_export: bool
    organisations: tuple[str, ...]
    workers: QuerySet[Any]


@dataclass(frozen=True, slots=True)
class PersonUnderReview:
    """A patient whose trail an officer may read; the name is shown on that patient's page alone."""

    key: uuid.UUID
    name: str
    relationship: Relationship

    @property
    def reference(self) -> str:
        return self.relationship.reference


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a complaint brings along: one of a reference, an NHS number, or a full name with a date of birth."""

    reference: str = ""
    nhs_number: str = ""
    full_name: str = ""
    date_of_birth: date | None = None


class PeopleUnderReview(Protocol):
    """The patients whose trail an officer may read, found and named by the app that keeps them."""

    def keys(self, user: Any) -> QuerySet[Any, Any]:
        """A query of their keys that nobody has run yet."""

    def named(self, user: Any, key: uuid.UUID) -> PersonUnderReview | None:
        """One of them, or None for anybody else. One statement."""

    def matching(self, user: Any, identifiers: Identifiers) -> list[PersonUnderReview]:
        """Those who match exactly; the same person may be known to several teams."""


@dataclass(frozen=True, slots=True)
class Closeness:
    """What connects a worker with a patient beyond the work (S32): kinds of audit.alerts.kinds.TIES."""

    worker: int
    patient: uuid.UUID
    ties: frozenset[str]


ExplainAccess = Callable[[Any, Collection[uuid.UUID]], Mapping[uuid.UUID, Relationship]]
FindReferences = Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, str]]
FindStanding = Callable[[Any], Standing]
FindOfficer = Callable[[Any], Officer]
FindOfficers = Callable[[], QuerySet[Any]]
FindCloseness = Callable[[Collection[tuple[int, uuid.UUID]]], list[Closeness]]
IsInLine = Callable[[Any, Any, date], bool]


@dataclass(slots=True)
class _Providers:
    explain_access: ExplainAccess | None = None
    find_references: FindReferences | None = None
    find_standing: FindStanding | None = None
    find_officer: FindOfficer | None = None
    people_under_review: PeopleUnderReview | None = None
    find_officers: FindOfficers | None = None
    find_closeness: FindCloseness | None = None
    is_in_line: IsInLine | None = None


_providers = _Providers()


def register_access_explainer(function: ExplainAccess) -> None:
    """``function(user, patient keys)`` returns a relationship for each patient the user may see now, and no others."""
    _providers.explain_access = function


def register_reference_finder(function: FindReferences) -> None:
    """``function(patient keys)`` returns the references of those that exist; its answer goes to the trail alone."""
    _providers.find_references = function


def register_standing_finder(function: FindStanding) -> None:
    """``function(user)`` returns the role, team and organisation the user mainly works in today."""
    _providers.find_standing = function


def register_officer_finder(function: FindOfficer) -> None:
    """``function(user)`` says what the user may do with the trail; it answers for everybody, with False for most."""
    _providers.find_officer = function


def register_people_under_review(people: PeopleUnderReview) -> None:
    _providers.people_under_review = people


def register_officers_finder(function: FindOfficers) -> None:
    """``function()`` returns everybody who may read the trail today."""
    _providers.find_officers = function


def register_closeness_finder(function: FindCloseness) -> None:
    """``function((user key, patient key), …)`` returns those pairs whom something connects beyond the work."""
    _providers.find_closeness = function


def register_line_finder(function: IsInLine) -> None:
    """``function(user, worker, since)`` says whether they are one person, or one has led the other since that day."""
    _providers.is_in_line = function


def explain_access(user: Any, patients: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Relationship]:
    if not patients or _providers.explain_access is None:
        return {}
    return _providers.explain_access(user, patients)


def find_references(patients: Collection[uuid.UUID]) -> Mapping[uuid.UUID, str]:
    if not patients or _providers.find_references is None:
        return {}
    return _providers.find_references(patients)


def find_standing(user: Any) -> Standing:
    if user is None or _providers.find_standing is None:
        return Standing()
    return _providers.find_standing(user)


def find_officer(user: Any) -> Officer:
    """Raises: LookupError where no app has registered, so that nobody reads the trail by omission."""
    if _providers.find_officer is None:
        raise LookupError("Nobody can tell who may read the trail.")
    return _providers.find_officer(user)


def people_under_review() -> PeopleUnderReview:
    """Raises: LookupError where no app has registered."""
    if _providers.people_under_review is None:
        raise LookupError("Nobody can tell whose trail may be read.")
    return _providers.people_under_review


def find_officers() -> QuerySet[Any]:
    """Raises: LookupError where no app has registered, so that alerts are never put before nobody unnoticed."""
    if _providers.find_officers is None:
        raise LookupError("Nobody can tell who reads the trail.")
    return _providers.find_officers()


def find_closeness(pairs: Collection[tuple[int, uuid.UUID]]) -> list[Closeness]:
    """Raises: LookupError where no app has registered: a detector that finds nothing by omission is no detector."""
    if not pairs:
        return []
    if _providers.find_closeness is None:
        raise LookupError("Nobody can tell who is close to whom.")
    return _providers.find_closeness(pairs)


def is_in_line(user: Any, worker: Any, since: date) -> bool:
    """Raises: LookupError where no app has registered."""
    if _providers.is_in_line is None:
        raise LookupError("Nobody can tell who leads whom.")
    return _providers.is_in_line(user, worker, since)
