"""Holds what came back against what the trail wrote: seen without an entry, seen by whom it was not for, never seen."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field

from sim_casework.proving.canaries import Canaries, Canary
from sim_casework.proving.planting import Planted
from sim_casework.proving.scanning import find, find_sent, is_readable
from sim_casework.proving.walking import Answer

# What no page shows to anybody, and why that is so. Stale lines fail.
UNSEEN: dict[str, str] = {}
# Nobody beats here, and it says so.
MAY_BE_UNWELL = frozenset({"/healthz"})
SHOWN = 25


@dataclass
class Verdict:
    """What was found, in words; ``seen`` are the fields of which a canary came back, at least once, to somebody."""

    planted: Planted
    # A sample need not have seen everything.
    is_sample: bool = False
    requests: int = 0
    addresses: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    sightings: int = 0
    missing: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    unwalked: list[str] = field(default_factory=list)

    @property
    def canaries(self) -> Canaries:
        return self.planted.canaries

    def judge(self, answer: Answer) -> set[uuid.UUID]:
        """Returns the patients of whom something came back, more than their key."""
        self.requests += 1
        self.statuses[answer.status] += 1
        if answer.status >= 500 and answer.path not in MAY_BE_UNWELL:
            self.faults.append(str(answer))
        if answer.content and not is_readable(answer.content_type):
            self.unreadable.append(f"{answer}, {answer.content_type}")
        found = self._seen_in(answer)
        self.sightings += len(found)
        self.seen |= {canary.field for canary in found}
        # A key in an address leads to a record and says nothing of it: whom it reaches is judged as a leak only.
        told = {canary.patient for canary in found if canary.field != "cases.Patient.id"}
        for patient in told - set(answer.subjects):
            self.missing.append(f"{answer}, {_fields(found, patient)}, no entry with that patient")
        self._judge_leaks(answer, found)
        self._judge_copies(answer)
        return told

    def judge_head(self, answer: Answer, shown_by_get: set[uuid.UUID]) -> None:
        """A HEAD answer says nothing, and its request looked at the same people as a GET."""
        self.judge(answer)
        for _ in shown_by_get - set(answer.subjects):
            self.missing.append(f"{answer}, no entry with a patient whom GET shows")

    def _seen_in(self, answer: Answer) -> set[Canary]:
        """All canaries that came back, apart from those the visitor had sent, here or to what led here: an echo tells nothing."""
        sent = find_sent(answer.sent, self.canaries) | find_sent(answer.sent_before, self.canaries)
        return find(answer.everything, self.canaries) - sent

    def _judge_leaks(self, answer: Answer, found: set[Canary]) -> None:
        for canary in found:
            if answer.mails and canary in find(answer.mails, self.canaries):
                self.leaks.append(f"{answer}, {canary.field} in an e-mail")
            if not answer.visitor.may_know(canary, answer.opened):
                self.leaks.append(f"{answer}, {canary.field}")

    def _judge_copies(self, answer: Answer) -> None:
        """The trail names people by key and reference; it must not become a second copy of their record."""
        copied = find(answer.written.encode(), self.canaries) - self._days_in(answer.sent)
        # A team may be given any name; what was not typed just now has no business there either.
        copied |= find(answer.written_about_others.encode(), self.canaries) - find_sent(
            answer.sent, self.canaries
        )
        for canary in copied:
            if canary.field not in ("cases.Patient.id", "cases.Patient.reference"):
                self.copied.append(f"{answer}, {canary.field}")

    def _days_in(self, sent: str) -> set[Canary]:
        """A period or a first day that somebody typed is no date of birth, wherever it is shown afterwards."""
        return find_sent(sent, self.canaries) & set(self.canaries.days.values())

    @property
    def unseen(self) -> list[str]:
        """Planted, never seen by anybody, and no reason given why; and reasons that hold no longer."""
        if self.is_sample:
            return []
        never = self.planted.fields - self.seen
        stale = [f"{name} (seen after all)" for name in set(UNSEEN) & self.seen]
        return sorted([*(never - set(UNSEEN)), *stale])

    @property
    def unplanted(self) -> list[str]:
        return [f"{name}: {why}" for name, why in sorted(self.planted.unplanted.items())]

    def faults_by_kind(self) -> dict[str, list[str]]:
        return {
            "missing": self.missing,
            "leaks": self.leaks,
            "copied": self.copied,
            "unplanted": self.unplanted,
            "unwalked": self.unwalked,
            "unseen": self.unseen,
            "unreadable": self.unreadable,
            "errors": self.faults,
        }

    @property
    def is_proved(self) -> bool:
        return not any(self.faults_by_kind().values())

    def figures(self) -> dict[str, int]:
        counts = {name: len(told) for name, told in self.faults_by_kind().items()}
        return {
            "routes": len(self.addresses),
            "requests": self.requests,
            "canaries": len(self.canaries),
            "fields": len(self.planted.fields),
            "sightings": self.sightings,
        } | counts

    def lines(self) -> list[str]:
        """The result, its figures in one machine-readable line, and the first of each kind of finding."""
        figures = self.figures()
        told = [" ".join(f"{name}={number}" for name, number in figures.items())]
        told.append(json.dumps({"prove_trail": figures | {"proved": self.is_proved}}))
        for name, findings in self.faults_by_kind().items():
            told += [f"{name}: {finding}" for finding in dict.fromkeys(findings[:SHOWN])]
        return told


def _fields(found: set[Canary], patient: uuid.UUID) -> str:
    return ", ".join(sorted({canary.field for canary in found if canary.patient == patient})[:3])
