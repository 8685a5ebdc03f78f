"""``make bench`` at its smallest: it works from nothing, and floor and application show the same people and the same rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.cluster import DATABASE, fill_migrated
from benchmarks.contenders import APP, CONTENDERS, FLOOR, NO_TRAIL
from benchmarks.measuring import Bench, Figures, bench
from benchmarks.operations import LIST, LOG, OPEN, OPERATIONS, TRAIL, Request, patient_key
from benchmarks.sizes import SIZES
from tests import services
from tests.databases import copy_template, make_template

SIZE = SIZES["small"]


@pytest.fixture(scope="module")
def small_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """In a database of its own on this run's server; ``make bench SIZE=small`` starts a server as well."""
    server = services.postgres_of(services.test_paths())
    make_template(server)
    copy_template(server, DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_STATE_DIR", str(tmp_path_factory.mktemp("bench")))
        patch.setenv("BENCH_SOCKETS", str(server.sockets))
        fill_migrated(server, SIZE)
        with bench(SIZE, server) as made:
            yield made
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def request_of(made: Bench, operation: str) -> Request:
    (request,) = made.contenders[APP].browser.requests(operation, 1)
    return request


def shown_by(made: Bench, name: str, request: Request) -> str:
    """The page's text without markup, with single spaces."""
    contender = made.contenders[name]
    key = contender.browser.sessions[request.user]
    answer = contender.page(
        Request(request.path, request.user, query=request.query, cookies={"__Host-session": key})
    )
    assert answer["status"] == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer["body"])).split())


def rows_of(made: Bench, statement: str, *values: object) -> list[str]:
    return [str(value) for (value,) in made.superuser.execute(statement, values)]  # type: ignore[arg-type]


def in_order(text: str, words: list[str]) -> list[str]:
    """The words in the order in which the text has them first."""
    return sorted((word for word in words if word in text), key=text.index)


def test_a_run_measures_every_operation_of_every_contender_and_writes_both_files(
    small_bench: Bench, tmp_path: Path
) -> None:
    figures = Figures()
    small_bench.warm_up()
    small_bench.count_statements(figures)
    assert list(small_bench.run_rounds(figures)) == list(range(SIZE.rounds))
    small_bench.measure_wal(figures)
    small_bench.measure_memory(figures, 12)

    text = report.keep(SIZE, figures, report.machine("18"), tmp_path)

    assert {(op, name) for op, by in figures.batches.items() for name in by} == {
        (op, name) for op in OPERATIONS for name in CONTENDERS
    }
    assert all(
        b.app_cpu > 0 and b.database_cpu > 0
        for by in figures.batches.values()
        for bs in by.values()
        for b in bs
    )
    assert all(operation in text for operation in OPERATIONS)
    (written,) = tmp_path.glob("*.json")
    assert json.loads(written.read_text())["statements"][OPEN][APP] > 0
    assert figures.wal[f"{OPEN} {FLOOR}"] > 0


def test_floor_and_application_list_the_same_people_with_the_same_dates(small_bench: Bench) -> None:
    request = request_of(small_bench, LIST)
    references = rows_of(small_bench, "SELECT reference FROM cases_patient")
    app, floor = (shown_by(small_bench, name, request) for name in (APP, FLOOR))

    listed = in_order(app, references)
    assert len(listed) == 25 and in_order(floor, references) == listed
    days = r"\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    assert re.findall(days, floor) == re.findall(days, app)
    assert floor.count("Review the crisis response plan") == app.count("Review the crisis response plan") > 0


def test_floor_and_application_open_the_same_record(small_bench: Bench) -> None:
    patient = patient_key(5)
    request = Request(f"/patients/{patient}/", small_bench.contenders[APP].browser.people[0].mentor)
    app, floor = (shown_by(small_bench, name, request) for name in (APP, FLOOR))
    moments = r"(?:Today|Yesterday) \d\d:\d\d|\d{1,2} \w+ \d{4} at \d\d:\d\d"
    entry = rf"({moments}) \w+ \w+"
    assert re.findall(entry, floor) == re.findall(entry, app)
    assert len(re.findall(entry, app)) >= 20
    for words in rows_of(
        small_bench,
        "SELECT given_name || ' ' || family_name FROM cases_patient WHERE id = %s"
        " UNION ALL SELECT name FROM cases_relatedperson WHERE patient_id = %s"
        " UNION ALL SELECT t.name FROM cases_case JOIN accounts_team t ON t.id = team_id WHERE patient_id = %s"
        " UNION ALL SELECT first_name || ' ' || last_name FROM cases_case JOIN accounts_user u"
        " ON u.id IN (clinical_mentor_id, police_mentor_id) WHERE patient_id = %s",
        patient, patient, patient, patient,
    ):  # fmt: skip
        assert words in app and words in floor
    for words in ("Speak slowly.", "Ring my sister.", "Two windows were open", "Clinical only", "Addendum"):
        assert (words in app) == (words in floor), words


def test_floor_and_application_read_the_same_fifty_entries(small_bench: Bench) -> None:
    request = request_of(small_bench, TRAIL)
    app, floor = (shown_by(small_bench, name, request) for name in (APP, FLOOR))
    told = r"(?:opened the patient record|looked at the caseload|read the trail of this patient|added [a-z ]+?) (?=\d|Today|Yest)"
    # The application's own reading stands on the floor's page as the newest entry.
    assert re.findall(told, floor)[1:] == re.findall(told, app)[: len(re.findall(told, floor)) - 1]
    assert len(re.findall(told, app)) > 10


@pytest.mark.parametrize("name", [APP, FLOOR])
def test_both_log_a_contact_with_the_same_rows_and_the_same_entries(small_bench: Bench, name: str) -> None:
    (request,) = small_bench.contenders[name].browser.requests(LOG, 1)
    account = dict(request.form)["account"]
    answer = small_bench.contenders[name].page(request)

    assert answer["status"] == 302
    (contact,) = rows_of(
        small_bench, "SELECT id FROM cases_contact WHERE account = %s", account.replace("\n", "\r\n")
    ) or rows_of(small_bench, "SELECT id FROM cases_contact WHERE account = %s", account)
    kinds = rows_of(
        small_bench,
        "SELECT e.action || ' ' || coalesce(t.model, '') || ' ' || count(s.*) FROM audit_logentry e"
        " LEFT JOIN django_content_type t ON t.id = content_type_id"
        " LEFT JOIN audit_entrysubject s ON s.entry_id = e.id"
        " WHERE request_id = (SELECT request_id FROM audit_logentry WHERE object_pk = %s)"
        " GROUP BY e.id, e.action, t.model ORDER BY e.action, t.model",
        contact,
    )  # fmt: skip
    assert kinds == ["0 contact 1", "0 contactparticipant 1", "3  1"]


def test_the_floor_refuses_a_form_without_its_token(small_bench: Bench) -> None:
    for name in (APP, FLOOR):
        (request,) = small_bench.contenders[name].browser.requests(LOG, 1)
        request.form = [pair for pair in request.form if pair[0] != "csrfmiddlewaretoken"]
        assert small_bench.contenders[name].page(request)["status"] == 403


def test_the_twin_without_trail_writes_no_entry_and_shows_the_same_page(small_bench: Bench) -> None:
    request = request_of(small_bench, OPEN)
    shown_by(small_bench, APP, request)  # "Contact saved." of another test is said once
    count = "SELECT count(*) FROM audit_logentry"
    before = rows_of(small_bench, count)
    twin = shown_by(small_bench, NO_TRAIL, request)
    assert rows_of(small_bench, count) == before
    assert shown_by(small_bench, APP, request) == twin
    assert rows_of(small_bench, count) != before
