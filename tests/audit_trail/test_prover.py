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
from sim_casework.proving.forms import Page
from sim_casework.proving.judging import Verdict
from sim_casework.proving.planting import Planted, plant
from sim_casework.proving.proof import LINKS_FOLLOWED, Proof, links_to_follow
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
def test_whoever_sees_what_is_not_theirs_is_found(
    planted: tuple[Scene, Planted], superuser_connection: Any
) -> None:
    """Of another team; of this one, with a lapsed vetting; and of this one, long after the case has closed."""
    supported, *_, long_closed = planted[0].northern
    not_theirs = [
        ("sol.sorrel", supported),
        (LAPSED, supported),
        ("lena.lund", long_closed),
        ("pete.parr", long_closed),
    ]
    verdict = prove(
        planted, superuser_connection, who=[who for who, _ in not_theirs], routes=["around_the_guard"]
    )
    leaks = [leak for leak in verdict.leaks if leak.endswith("cases.Patient.family_name")]
    for who, patient in not_theirs:
        assert any(str(patient) in leak and f" as {who}:" in leak for leak in leaks), who
    assert not any(str(supported) in leak and " as lena.lund:" in leak for leak in leaks)


NAME, CLINICAL, DRAFT = "cases.Patient.family_name", "cases.ContactClinicalNote.text", "cases.Draft.data"
# What the cheat with a wrong relationship shows to whom it is not for, whichever relationship the entry says.
LEAKS_OF_CHEAT = {
    "sol.sorrel": {NAME, CLINICAL, DRAFT},
    LAPSED: {NAME, CLINICAL, DRAFT},
    # Of the team, so the name is theirs to know, but not what a word in the entry would open beside it.
    "pete.parr": {CLINICAL, DRAFT},
    # These two have the record open indeed, by break-glass as a clinician and by an exception as police.
    "sara.sedge": {DRAFT},
    "saul.stone": {CLINICAL, DRAFT},
}


@pytest.mark.urls("tests.audit_trail.cheating_urls")
def test_a_relationship_that_is_only_written_hides_no_leak(
    planted: tuple[Scene, Planted], superuser_connection: Any
) -> None:
    make_exception(superuser_connection, planted[0], for_whom="saul.stone")
    words = ("break-glass", "exception")
    verdict = prove(
        planted, superuser_connection, who=LEAKS_OF_CHEAT, routes=[f"explained by {word}" for word in words]
    )
    for word in words:
        page = f"/patients/{planted[0].northern[0]}/{word}/"
        for who, leaking in LEAKS_OF_CHEAT.items():
            leaks = [leak for leak in verdict.leaks if page in leak and f" as {who}:" in leak]
            assert {leak.rpartition(" ")[2] for leak in leaks} == leaking, (word, who)
    assert verdict.missing == []


def make_exception(superuser: Any, scene: Scene, *, for_whom: str) -> None:
    """No service makes exceptions yet."""
    superuser.execute(
        """INSERT INTO cases_patientuserobjectpermission
        (user_id, content_object_id, permission_id, reason, granted_by_id, granted_at, expires_at)
        SELECT %s, %s, p.id, 'Cover', %s, now(), now() + interval '1 day' FROM auth_permission p
        WHERE p.codename = 'view_patient'""",
        [scene.people[for_whom].pk, scene.northern[0], scene.people["lena.lund"].pk],
    )


def path_of(cheat: str) -> str:
    return {"around_the_guard": "/around/", "through_a_join": "/join/", "forgotten_export": "/export/"}[cheat]


def test_the_prover_keeps_away_from_real_data(settings: Any) -> None:
    settings.ALLOW_TEST_NHS_NUMBERS = False
    with pytest.raises(CommandError, match="never where real data is kept"):
        call_command("prove_trail")


def test_each_page_leads_to_links_of_its_own() -> None:
    page = Page(forms=[], links=[f"?page={number}" for number in range(9)] + ["/b", "/b/?q=1"])
    known = {"/a/?page=1"}
    followed = links_to_follow(page, "/a/", known)
    assert followed == ["/a/?page=0", *(f"/a/?page={number}" for number in range(2, LINKS_FOLLOWED + 1))]
    assert links_to_follow(page, "/a/", {*known, *followed}) == ["/a/?page=7", "/a/?page=8", "/b/?q=1"]


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
