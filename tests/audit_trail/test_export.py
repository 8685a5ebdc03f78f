"""The export: who may, what is in it, that it is on the trail, and that no file appears without its entry."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import ACTS_OF_ROLE, Act, Role
from audit import exports, writing
from audit.context import access_context
from audit.models import LogEntry
from cases.models import Patient
from tests.people import Cast
from tests.sessions import sign_in

Entries = Callable[..., list[LogEntry]]

HEADER = "at,actor,role,team,organisation,action,outcome,subjects,opened,route,relationship,purpose,reason,request_id"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "trail.csv"


def export(out: Path, user: str = "ivy", **options: str) -> None:
    call_command("trail_export", **{"username": user, "reason": "Yearly audit", "out": out} | options)


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))


def work_of_a_day(cast: Cast) -> None:
    with access_context(
        route="patient_record", actor=cast["amira"], purpose="direct care", reason="She rang"
    ) as context:
        Patient.objects.get(pk=cast.nora.pk)
        context.open(cast.nora.pk)
    with access_context(route="caseload", actor=cast["pete"]):
        list(Patient.objects.filter(team=cast.north))
    sign_in(Client(), cast["sol"]).get(f"/patients/{cast.nora.pk}/")
    with access_context(route="patient_record", actor=cast["sol"]) as context:
        Patient.objects.get(pk=cast.sam.pk)
        context.open(cast.sam.pk)


def test_the_file_begins_with_the_promised_columns_and_tells_each_entry(cast: Cast, out: Path) -> None:
    work_of_a_day(cast)
    export(out)
    assert out.read_text(encoding="utf-8").startswith(HEADER)
    (opened,) = [row for row in rows(out) if row["actor"] == "amira" and row["route"] == "patient_record"]
    assert {name: opened[name] for name in HEADER.split(",")[1:-1]} == {
        "actor": "amira",
        "role": "clinical mentor",
        "team": "North team",
        "organisation": "Northmoor Trust",
        "action": "access",
        "outcome": "ok",
        "subjects": cast.nora.reference,
        "opened": cast.nora.reference,
        "route": "patient_record",
        "relationship": "case team",
        "purpose": "direct care",
        "reason": "She rang",
    }
    (listed,) = [row for row in rows(out) if row["actor"] == "pete"]
    assert (listed["subjects"], listed["opened"]) == (cast.nora.reference, "")


def test_an_officer_exports_what_they_may_read(cast: Cast, tmp_path: Path) -> None:
    """Their organisation's staff, and whoever asked for patients of their teams; nothing of other organisations."""
    work_of_a_day(cast)
    for user in ("ivy", "iris"):
        export(tmp_path / user, user=user)
    ivy, iris = rows(tmp_path / "ivy"), rows(tmp_path / "iris")
    refused = [(r["actor"], r["outcome"], r["subjects"]) for r in ivy if r["outcome"] != "ok"]
    assert refused == [("sol", "not found", cast.nora.reference)]
    assert not any(cast.sam.reference in row["subjects"] for row in ivy)
    of_sol = {(row["outcome"], row["subjects"]) for row in iris if row["actor"] == "sol"}
    assert of_sol == {("ok", cast.sam.reference), ("not found", exports.WITHHELD)}
    assert not any(row["actor"] in ("amira", "pete") for row in iris)


def test_the_export_is_an_entry_with_its_rows_and_digest(cast: Cast, out: Path, entries: Entries) -> None:
    work_of_a_day(cast)
    export(out)
    (entry,) = entries(route="trail_export")
    assert (entry.action_word, entry.outcome, entry.actor_name) == ("export", "ok", "ivy")
    assert (entry.reason, entry.purpose) == ("Yearly audit", "information governance")
    assert entry.additional_data["rows"] == len(rows(out))
    assert entry.additional_data["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (cast.nora.pk, False, "IG review") in [
        (s.patient_id, s.is_opened, s.relationship) for s in entry.subjects
    ]


@pytest.mark.parametrize("user", ["amira", "lena", "tess", "oona", "rhea", "odd"])
def test_nobody_but_an_officer_exports_and_the_attempt_is_recorded(
    cast: Cast, out: Path, entries: Entries, user: str
) -> None:
    with pytest.raises(CommandError, match="may not export the trail") as refusal:
        export(out, user=user)
    assert refusal.value.returncode == 1
    assert list(out.parent.iterdir()) == []
    (entry,) = entries(route="trail_export")
    assert (entry.actor_name, entry.action_word, entry.outcome) == (user, "export", "denied")
    assert entry.reason == "Yearly audit"


def test_unknown_user_is_refused_and_recorded(cast: Cast, out: Path, entries: Entries) -> None:
    with pytest.raises(CommandError, match="no active user"):
        export(out, user="nobody")
    (entry,) = entries(route="trail_export")
    assert (entry.actor, entry.actor_name, entry.outcome) == (None, "nobody", "denied")


@pytest.mark.parametrize("breaks", ["entry", "file"])
def test_no_file_is_left_when_the_export_cannot_be_recorded(
    cast: Cast, out: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    def broken(*args: Any) -> None:
        raise OSError("no room left")

    monkeypatch.setattr(*((writing, "_insert") if breaks == "entry" else ("os.fsync",)), broken)
    with pytest.raises(OSError, match="no room"):
        export(out)
    assert list(out.parent.iterdir()) == []


def test_a_trail_that_cannot_be_written_is_said_in_a_sentence(
    cast: Cast, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: Any) -> None:
        raise DatabaseError("permission denied for table audit_logentry")

    monkeypatch.setattr(writing, "_insert", refused)
    with pytest.raises(CommandError, match="no file was written"):
        export(out)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reason": "  "}, "--reason must not be empty"),
        ({"since": "yesterday"}, "is no date"),
        ({"since": "2026-02-30"}, "is no date"),
        ({"since": "2026-05-02", "until": "2026-05-01"}, "must lie after"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    cast: Cast, out: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        export(out, **options)


def test_a_folder_that_does_not_exist_is_said_in_words(cast: Cast, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        export(tmp_path / "no" / "trail.csv")


def test_times_and_dates_bound_the_export(cast: Cast, out: Path) -> None:
    work_of_a_day(cast)
    today = timezone.localdate().isoformat()
    for since, until, is_found in (
        (today, today, True),
        (timezone.now().replace(minute=0, second=0).isoformat(), "2999-01-01", True),
        ("2020-01-01", "2020-12-31", False),
        ("2999-01-01T10:00", "2999-01-02T10:00:00+01:00", False),
    ):
        export(out, since=since, until=until)
        assert bool(rows(out)) == is_found, (since, until)


def test_what_begins_like_a_formula_is_text_for_a_spreadsheet(cast: Cast, out: Path) -> None:
    for reason in ("=1+1", "@SUM(A1)", "+44 rings", "-", "plain"):
        with access_context(route="patient_record", actor=cast["amira"], reason=reason):
            Patient.objects.get(pk=cast.nora.pk)
    export(out)
    found = [row["reason"] for row in rows(out) if row["actor"] == "amira"]
    assert found == ["'=1+1", "'@SUM(A1)", "'+44 rings", "'-", "plain"]


def test_no_column_begins_like_a_formula_whatever_it_is_made_of(
    cast: Cast, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_of_a_day(cast)
    monkeypatch.setattr(exports, "_row", lambda line: dict.fromkeys(exports.COLUMNS, "=1+1"))
    export(out)
    assert {cell for row in rows(out) for cell in row.values()} == {"'=1+1"}


def test_a_team_and_an_organisation_named_like_formulas_are_text(cast: Cast, out: Path) -> None:
    with access_context(route="tests", is_system=True):
        for named in (cast.north, cast.north.trust):
            named.name = f"=HYPERLINK({named.pk})"
            named.save()
    work_of_a_day(cast)
    export(out)
    (row,) = [row for row in rows(out) if row["actor"] == "pete"]
    assert row["team"] == f"'=HYPERLINK({cast.north.pk})"
    (row,) = [row for row in rows(out) if row["actor"] == "amira"]
    assert row["organisation"] == f"'=HYPERLINK({cast.north.trust.pk})"


def test_more_entries_than_one_step_are_all_there_once(
    cast: Cast, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.selectors.EXPORT_STEP", 4)
    for number in range(9):
        with access_context(route="patient_record", actor=cast["amira"], reason=f"time {number}"):
            Patient.objects.get(pk=cast.nora.pk)
    export(out)
    assert [row["reason"] for row in rows(out) if row["actor"] == "amira"] == [f"time {n}" for n in range(9)]


def test_the_page_gives_the_same_file_and_records_it(cast: Cast, entries: Entries) -> None:
    work_of_a_day(cast)
    day = timezone.localdate()
    dates = {
        f"{name}_{part}": getattr(day, part)
        for name in ("since", "until")
        for part in ("day", "month", "year")
    }
    ivy = sign_in(Client(), cast["ivy"])
    response = ivy.post(reverse("audit:export"), dates | {"reason": "Asked by the board"})
    assert response["Content-Type"].startswith("text/csv")
    assert response.content.decode().startswith(HEADER)
    (entry,) = entries(route="audit:export")
    assert (entry.action_word, entry.reason) == ("export", "Asked by the board")
    assert entry.additional_data["sha256"] == hashlib.sha256(response.content).hexdigest()


def test_the_page_asks_for_days_and_a_reason(cast: Cast) -> None:
    ivy = sign_in(Client(), cast["ivy"])
    shown = ivy.post(reverse("audit:export"), {}).content.decode()
    for message in ("Enter the first day", "Enter the last day", "Say why you export it"):
        assert message in shown


def test_a_role_that_only_reads_the_trail_is_not_shown_the_page_of_the_export(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTS_OF_ROLE, Role.IG_OFFICER, frozenset({Act.READ_TRAIL}))
    ivy = sign_in(Client(), cast["ivy"])
    assert ivy.get(reverse("audit:trail_home")).status_code == 200
    assert ivy.get(reverse("audit:export")).status_code == 403
