"""The permission matrix: every address of the product × people of the cast → the status they get (matrix.txt)."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import StaffCheck
from audit.context import access_context
from sim_casework.proving.addresses import every_route
from tests.permissions.everything import Everything, make_everything
from tests.sessions import sign_in

NOBODY = "nobody"
# Asked where everybody who is signed in gets the same.
A_FEW = ("amira", "tess", "odd")
METHODS = ("GET", "POST")
# What a machine answers about itself; tests/integration/test_health.py asks it.
ANSWERED_ELSEWHERE = {"healthz"}


@dataclass(frozen=True)
class Row:
    section: str
    route: str
    method: str
    statuses: dict[str, int]


def read_matrix() -> list[Row]:
    people: list[str] = []
    rows: list[Row] = []
    section = ""
    for line in Path(__file__).with_name("matrix.txt").read_text(encoding="utf-8").splitlines():
        cells = line.split()
        if not cells or cells[0] == "#":
            continue
        if not people:
            people = cells
        elif line.startswith("["):
            section = line.strip("[]")
        else:
            route, method, *codes = cells
            names = [NOBODY, *A_FEW] if len(codes) == 2 else people
            codes = [codes[0], *[codes[1]] * len(A_FEW)] if len(codes) == 2 else codes
            statuses = dict(zip(names, map(int, codes), strict=True))
            rows.append(Row(section, route, method, statuses))
    return rows


ROWS = read_matrix()
SECTIONS = sorted({row.section for row in ROWS})


def test_every_address_has_its_rows_and_no_row_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = {(route, method) for route in every_route() for method in METHODS}
    told = [(row.route, row.method) for row in ROWS]
    assert sorted(told) == sorted(set(told)), "an address stands twice"
    missing, stale = wanted - set(told), set(told) - wanted
    assert not missing, f"addresses without a row in matrix.txt: {sorted(missing)}"
    assert not stale, f"rows of matrix.txt without an address: {sorted(stale)}"
    people = {name for row in ROWS for name in row.statuses}
    with capsys.disabled():
        cells = sum(len(row.statuses) for row in ROWS)
        sys.stdout.write(f"\npermission matrix: {len(ROWS)} rows, {len(people)} people, {cells} cells\n")


@pytest.mark.django_db
@pytest.mark.parametrize("section", SECTIONS)
def test_everybody_gets_what_the_matrix_says(section: str) -> None:
    everything = make_everything()
    clients = {name: _client(everything, name) for name in {n for row in ROWS for n in row.statuses}}
    wrong = []
    for row in ROWS:
        if row.section != section or row.route in ANSWERED_ELSEWHERE:
            continue
        for name, status in row.statuses.items():
            found = _ask(clients[name], row, everything)
            if found != status:
                wrong.append(f"{row.method} {row.route} as {name}: {found}, expected {status}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_mentor_whose_check_has_lapsed_gets_what_somebody_without_a_role_gets() -> None:
    """S30, for every address: nothing that a role opens is open without the checks it requires."""
    everything = make_everything()
    amira = everything.cast["amira"]
    with access_context(route="tests.lapse", is_system=True):
        StaffCheck.objects.create(
            user=amira, kind="vetting", valid_until=dt.date(2020, 1, 1), evidence="Seen then"
        )
    client = sign_in(Client(), everything.cast["amira"])
    wrong = []
    for row in ROWS:
        if row.route in ANSWERED_ELSEWHERE or row.statuses["amira"] == row.statuses["odd"]:
            continue
        if (found := _ask(client, row, everything)) != row.statuses["odd"]:
            wrong.append(f"{row.method} {row.route}: {found}, without a role {row.statuses['odd']}")
    assert not wrong, "\n".join(wrong)


def _client(everything: Everything, name: str) -> Client:
    client = Client()
    return client if name == NOBODY else sign_in(client, everything.cast[name])


def _ask(client: Client, row: Row, everything: Everything) -> int:
    """What it answers, and nothing stays of it: neither in the database nor in the browser."""
    cookies = client.cookies.copy()
    address = everything.address(row.route)
    with transaction.atomic():
        response = client.post(address, {}) if row.method == "POST" else client.get(address)
        transaction.set_rollback(True)
    client.cookies = cookies
    return int(response.status_code)
