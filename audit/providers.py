"""What the trail must ask of the apps above it: who somebody is to a patient, and which patient a key means.

Domain apps register one function each in AppConfig.ready; audit itself knows no domain model.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


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


ExplainAccess = Callable[[Any, Collection[uuid.UUID]], Mapping[uuid.UUID, Relationship]]
FindReferences = Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, str]]
FindStanding = Callable[[Any], Standing]


@dataclass(slots=True)
class _Providers:
    explain_access: ExplainAccess | None = None
    find_references: FindReferences | None = None
    find_standing: FindStanding | None = None


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
