"""An address whose key leads to nothing, or to something about another patient, answers 404: to those whom its page is open to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sim_casework.proving.addresses import FIXED_KEYS, parameters_of
from tests.people import make_cast
from tests.permissions.everything import Everything, make_everything
from tests.permissions.test_matrix import ANSWERED_ELSEWHERE, NOBODY, ROWS
from tests.sessions import sign_in

OPEN = {200, 302}
# Either patient has a version of each number.
NOT_OF_A_PATIENT = {"registered_id", "user_id", "number", *FIXED_KEYS}
# What looks at the key last of all.
ANSWERED_BEFORE = {
    ("reminders:decide_email", "reference"): "an empty decision is refused first",
    ("cases:duplicate", "registered_id"): "the page says nothing about who else is registered (S27)",
}
UNKNOWN = {str: "none", int: 987654, uuid.UUID: uuid.UUID("00000000-0000-4000-8000-000000000000")}


def unknown_keys(everything: Everything, route: str) -> Iterator[dict[str, Any]]:
    """The address's keys, each in turn replaced by one that nothing has."""
    keys = everything.keys(route)
    for name in parameters_of(route):
        if name not in FIXED_KEYS and (route, name) not in ANSWERED_BEFORE:
            yield keys | {name: UNKNOWN[type(keys[name])]}


def keys_of_another_patient(everything: Everything, route: str) -> Iterator[dict[str, Any]]:
    """The address under the other of North's patients: what it names is not theirs."""
    keys = everything.keys(route)
    if "patient_id" in keys and set(keys) - {"patient_id"} - NOT_OF_A_PATIENT:
        others = {everything.wren.pk, everything.cast.nora.pk} - {keys["patient_id"]}
        yield keys | {"patient_id": others.pop()}


@pytest.mark.django_db
@pytest.mark.parametrize("ways", [unknown_keys, keys_of_another_patient])
def test_what_is_not_there_is_not_found(ways: Any) -> None:
    everything = make_everything()
    clients: dict[str, Client] = {}
    asked, wrong = 0, []
    for row in ROWS:
        if row.route in ANSWERED_ELSEWHERE:
            continue
        for name, status in row.statuses.items():
            if name == NOBODY or status not in OPEN:
                continue
            client = clients.setdefault(name, sign_in(Client(), everything.cast[name]))
            for keys in ways(everything, row.route):
                asked += 1
                with transaction.atomic():
                    address = reverse(row.route, kwargs=keys)
                    answer = client.post(address, {}) if row.method == "POST" else client.get(address)
                    transaction.set_rollback(True)
                if answer.status_code != 404:
                    wrong.append(f"{row.method} {address} as {name}: {answer.status_code}")
            break
    assert asked > 20
    assert not wrong, "\n".join(wrong)


@pytest.mark.django_db
def test_nobody_takes_the_same_statements_as_somebody_of_another_team() -> None:
    """What takes longer tells that there is somebody."""
    cast = make_cast()
    counts = []
    for key in (cast.nora.pk, UNKNOWN[uuid.UUID]):
        client = sign_in(Client(), cast["sol"])
        with CaptureQueriesContext(connection) as sent:
            assert client.get(f"/patients/{key}/").status_code == 404
        counts.append(len(sent))
    assert counts[0] == counts[1]
