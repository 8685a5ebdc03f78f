"""The prover itself: it finds nothing wrong in the product, and everything that was hidden in it to be found."""

from __future__ import annotations

import gzip
import io
import sys
import uuid
import zipfile
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sim_casework.proving.canaries import Canaries, Canary
from sim_casework.proving.judging import Verdict
from sim_casework.proving.planting import Planted, plant
from sim_casework.proving.proof import Proof
from sim_casework.proving.scanning import find
from sim_casework.proving.scene import LAPSED, Scene, make_scene

# One of each kind; `manage.py prove_trail` walks as everybody.
A_FEW = ("nobody", "pete.parr", "lena.lund", "sol.sorrel", "ivy.inch", LAPSED)
CHEATS = ("around_the_guard", "through_a_join", "forgotten_export")


@pytest.fixture
def planted(transactional_db: None, superuser_connection: Any) -> tuple[Scene, Planted]:
    superuser_connection.autocommit = True
    scene = make_scene()
    return scene, plant(superuser_connection)


def prove(planted: tuple[Scene, Planted], connection: Any, **options: Any) -> Verdict:
    scene, what = planted
    patients = [scene.northern[0], scene.northern[-1], scene.southern[0]]
    proof = Proof(connection, scene, what, patients, most=1, is_sample=True, **options)
    proof.walk()
    if "routes" not in options:
        proof.errands()
    return proof.verdict


def test_nothing_that_comes_back_is_unrecorded(
    planted: tuple[Scene, Planted], superuser_connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = prove(planted, superuser_connection, who=A_FEW)
    with capsys.disabled():
        sys.stdout.write(f"\n{verdict.lines()[0]}\n")
    assert verdict.is_proved, "\n".join(verdict.lines())


@pytest.mark.urls("tests.audit_trail.cheating_urls")
def test_each_way_past_the_trail_is_found(planted: tuple[Scene, Planted], superuser_connection: Any) -> None:
    verdict = prove(planted, superuser_connection, who=["lena.lund"], routes=[*CHEATS, "honest"])
    found = {cheat for cheat in CHEATS for told in verdict.missing if path_of(cheat) in told}
    assert found == set(CHEATS), verdict.lines()
    assert not [told for told in verdict.missing if "honest" in told]


@pytest.mark.urls("tests.audit_trail.cheating_urls")
@pytest.mark.parametrize(
    ("who", "which"),
    [("sol.sorrel", 0), (LAPSED, 0), ("lena.lund", -1), ("pete.parr", -1)],
    ids=[
        "of another team",
        "lapsed vetting",
        "lead of a case closed long ago",
        "mentor of a case closed long ago",
    ],
)
def test_whoever_sees_what_is_not_theirs_is_found(
    planted: tuple[Scene, Planted], superuser_connection: Any, who: str, which: int
) -> None:
    verdict = prove(planted, superuser_connection, who=[who], routes=["around_the_guard"])
    patient = planted[0].northern[which]
    leaks = [leak for leak in verdict.leaks if "cases.Patient.family_name" in leak]
    assert any(str(patient) in leak for leak in leaks), verdict.lines()


def path_of(cheat: str) -> str:
    return {"around_the_guard": "/around/", "through_a_join": "/join/", "forgotten_export": "/export/"}[cheat]


def test_the_prover_keeps_away_from_real_data(settings: Any) -> None:
    settings.ALLOW_TEST_NHS_NUMBERS = False
    with pytest.raises(CommandError, match="never where real data is kept"):
        call_command("prove_trail")


@pytest.fixture
def canaries() -> Canaries:
    made = Canaries()
    canary = Canary("cases.Patient.given_name", uuid.uuid4(), "row")
    assert made.add_word(canary) == "Zx00000q"
    made.digits["9990000018"] = canary
    made.digits["07700900301"] = canary
    return made


@pytest.mark.parametrize(
    "content",
    [
        b"<p>ZX00000Q</p>",
        b"zx00000q",
        b"&#90;x00000q",
        b"%5Ax00000q",
        b'{"name": "\\u005ax00000q"}',
        b"messages=WngwMDAwMHEgd2FzIHNhdmVk",
        b"999 000 0018",
        b"999&nbsp;000&nbsp;0018",
        b"07700 900 301",
    ],
)
def test_a_canary_is_found_however_it_is_written(canaries: Canaries, content: bytes) -> None:
    assert len(find(content, canaries)) == 1


def test_a_canary_is_found_in_a_packed_file(canaries: Canaries) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("sheet.xml", "<c>Zx00000q</c>")
    for content in (archive.getvalue(), gzip.compress(b"Zx00000q")):
        assert len(find(content, canaries)) == 1


def test_what_is_no_canary_is_not_taken_for_one(canaries: Canaries) -> None:
    assert find(b"Zx00001q 9990000019 07700900302 <div>xyz</div>", canaries) == set()
