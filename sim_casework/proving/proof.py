"""The whole walk: everybody, everywhere, by GET, HEAD and POST, with the forms of each page filled in; and commands."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin

import psycopg

from sim_casework.proving import errands
from sim_casework.proving.addresses import Address, Addresses, every_route
from sim_casework.proving.canaries import Canaries
from sim_casework.proving.forms import Form, Page, Values
from sim_casework.proving.judging import Verdict
from sim_casework.proving.planting import Planted
from sim_casework.proving.scene import Scene
from sim_casework.proving.visitors import Visitor, visitors
from sim_casework.proving.walking import Answer, Walk

Say = Callable[[str], None]
# So many further addresses (filters, older entries) the walk follows from each page; what one page led to, no other does
# again.
LINKS_FOLLOWED = 6


@dataclass
class Proof:
    """``who`` limits the visitors, ``most`` the rows of one kind for each patient, ``routes`` the addresses."""

    connection: psycopg.Connection[Any]
    scene: Scene
    planted: Planted
    patients: list[uuid.UUID]
    who: Iterable[str] | None = None
    most: int = 100
    routes: Iterable[str] | None = None
    # A sample asks HEAD only where GET showed somebody, and sends each form of a patient's page once, without pressing
    # each of its buttons; an empty form goes only to pages that have none.
    is_sample: bool = False
    say: Say = lambda _: None
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        self.verdict = Verdict(self.planted, self.is_sample or self.who is not None)

    def walk(self) -> Verdict:
        addresses = self._addresses()
        everybody = visitors(self.connection, self.scene.people)
        for visitor in everybody:
            if self.who is None or visitor.name in self.who:
                self._walk_as(visitor, addresses)
                self.say(f"{visitor.name}: {self.verdict.requests} requests so far")
        return self.verdict

    def errands(self) -> None:
        """What leaves by other ways than pages. Once, after the walk."""
        everybody = visitors(self.connection, self.scene.people)
        for visitor in everybody:
            own = sorted(visitor.records & set(self.patients))
            if own and (self.who is None or visitor.name in self.who):
                for answer in errands.held_text(visitor, own[0], self.planted.canaries):
                    self.verdict.judge(answer)
        for answer in errands.commands(everybody):
            self.verdict.judge(answer)
        self.verdict.judge(errands.mails())
        self.verdict.unwalked += errands.unknown_commands()

    def _addresses(self) -> list[Address]:
        finder = Addresses(self.connection, self.patients, most=self.most)
        routes = list(self.routes) if self.routes is not None else list(dict.fromkeys(every_route()))
        found = [address for route in routes for address in finder.of(route)]
        self.verdict.addresses |= {address.route for address in found}
        self.verdict.unwalked += [f"{route}: no row leads there" for route in finder.without_key]
        return found

    def _walk_as(self, visitor: Visitor, addresses: list[Address]) -> None:
        walk = Walk(visitor)
        known = {address.path for address in addresses}
        sent: set[tuple[str, ...]] = set()
        for address in addresses:
            [answer, *_], shown = self._judged(walk.get(address.path))
            page = answer.page
            if shown or not self.is_sample:
                self._head(walk, address.path, shown)
            if not self.is_sample or (answer.status in (200, 405) and not _has_form(page)):
                self._judged(walk.post(address.path))
            for form in page.forms:
                # The header's forms stand on every page; each is sent once.
                key = (form.action or address.path, *form.names)
                if key not in sent:
                    sent.add(key)
                    self._send(walk, form, address.path)
            for link in links_to_follow(page, address.path, known):
                known.add(link)
                self._judged(walk.get(link))

    def _send(self, walk: Walk, form: Form, page: str) -> None:
        for path, values in sendings(form, page, self.planted.canaries, self.patients):
            self._judged(walk.post(path, values) if form.method == "post" else walk.get(path))
            if self.is_sample and "/patients/" in page:
                return

    def _judged(self, answers: list[Answer]) -> tuple[list[Answer], set[uuid.UUID]]:
        shown = [self.verdict.judge(answer) for answer in answers]
        return answers, shown[0]

    def _head(self, walk: Walk, path: str, shown: set[uuid.UUID]) -> None:
        [answer, *_] = walk.get(path, "HEAD")
        self.verdict.judge_head(answer, shown if answer.status == 200 else set())


def links_to_follow(page: Page, path: str, known: Collection[str]) -> list[str]:
    """The first few addresses with a query that the page at this path leads to and the walk has not been to."""
    links = dict.fromkeys(urljoin(path, link) for link in page.links if "?" in link)
    return [link for link in links if link not in known][:LINKS_FOLLOWED]


def _has_form(page: Page) -> bool:
    return any(form.method == "post" for form in page.forms)


def sendings(
    form: Form, page: str, canaries: Canaries, patients: Iterable[uuid.UUID]
) -> Iterator[tuple[str, Values]]:
    """The ways in which the form is sent: as it stands, with each of its buttons, and searching for each patient."""
    path = form.action or page
    if form.method != "post":
        yield f"{path.partition('?')[0]}?{urlencode(form.filled(), doseq=True)}", {}
        return
    yield path, form.filled()
    for button in form.buttons:
        yield path, form.filled() | {button.name: [button.value]}
    if form.takes_text and "/patients/" not in path:
        for patient in patients:
            for typed in searches(form, canaries, patient):
                yield path, form.filled(typed)


def searches(form: Form, canaries: Canaries, patient: uuid.UUID) -> Iterator[dict[str, str]]:
    """By name, by number and by reference, with the date of birth beside it where the form asks for one."""
    values = canaries.values_of(patient)
    born = canaries.born_on(patient)
    day = {"_day": born.day, "_month": born.month, "_year": born.year} if born else {}
    names = [name for name in form.names if any(one.name == name for one in form.inputs)]
    dated = {name: str(part) for name in names for end, part in day.items() if name.endswith(end)}
    full_name = f"{values['cases.Patient.given_name']} {values['cases.Patient.family_name']}"
    for term in (full_name, values["cases.Patient.nhs_number"], values["cases.Patient.reference"].upper()):
        own = {name: values.get(f"cases.Patient.{name}", term) for name in names if name not in dated}
        yield own | dated
