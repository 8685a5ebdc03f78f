"""docs/security/asvs.md is complete and names tests that exist; the counts in its README are those of the table."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import pytest

from tests.architecture.sources import ROOT

FOLDER = ROOT / "docs" / "security"
STATES = ("met", "operator", "not met", "does not apply")
# Fewest words in which a reason can be one.
FEWEST_WORDS = 4


@dataclass(frozen=True)
class Row:
    number: str
    level: str
    asked: str
    state: str
    why: str

    @property
    def chapter(self) -> str:
        return self.number.partition(".")[0]

    @property
    def named(self) -> list[str]:
        return re.findall(r"`([^`]+)`", self.why)

    @property
    def tests(self) -> list[str]:
        return [name for name in self.named if "::" in name]

    @property
    def files(self) -> list[str]:
        return [name for name in self.named if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*\.\w+", name)]

    @property
    def kind(self) -> str:
        """The state, with "met" told apart by whether a test or a reading shows it."""
        if self.state != "met":
            return self.state
        return "met, tested" if self.tests else "met, read"


@cache
def rows() -> tuple[Row, ...]:
    lines = (FOLDER / "asvs.md").read_text().splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| V")
    ]
    return tuple(Row(*row) for row in cells)


@cache
def levels() -> dict[str, str]:
    """Requirement → level, for all 345."""
    found = {}
    for line in (FOLDER / "asvs-levels.txt").read_text().splitlines():
        if not line.startswith("#"):
            section, *of_each = line.split()
            found |= {f"{section}.{place}": level for place, level in enumerate(of_each, start=1)}
    return found


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_list_of_numbers_is_that_of_the_standard() -> None:
    """As OWASP counts them for 5.0.0."""
    assert Counter(levels().values()) == {"1": 70, "2": 183, "3": 92}
    chapters = {number.partition(".")[0] for number in levels()}
    assert chapters == {f"V{number}" for number in range(1, 18)}


def test_each_requirement_stands_there_once_with_its_level_and_in_order() -> None:
    wanted = {number: level for number, level in levels().items() if level in ("1", "2")}
    assert [row.number for row in rows()] == list(wanted)
    assert {row.number: row.level for row in rows()} == wanted


def test_every_row_says_what_is_asked_and_how_it_stands() -> None:
    assert not [row.number for row in rows() if row.state not in STATES or not row.asked or not row.why]


def test_what_is_met_names_a_test_or_a_file() -> None:
    assert not [row.number for row in rows() if row.state == "met" and not row.tests and not row.files]


@pytest.mark.parametrize("state", ["operator", "not met", "does not apply"])
def test_what_is_not_met_here_has_a_reason(state: str) -> None:
    def is_reason(why: str) -> bool:
        return len(re.sub(r"`[^`]+`", "", why).split()) >= FEWEST_WORDS

    without = [row.number for row in rows() if row.state == state and not is_reason(row.why)]
    assert not without
    if state == "not met":
        assert not [row.number for row in rows() if row.state == state and "Missing:" not in row.why]


def test_every_test_that_is_named_exists() -> None:
    named = {name for row in rows() for name in row.tests}
    assert len(named) > 150
    missing = []
    for name in sorted(named):
        path, function = name.split("::")
        if (
            not (ROOT / path).is_file()
            or function not in functions_of(path)
            or not function.startswith("test_")
        ):
            missing.append(name)
    assert not missing


def test_every_file_that_is_named_exists() -> None:
    assert not {name for row in rows() for name in row.files if not (ROOT / name).is_file()}


def test_links_between_the_documents_lead_somewhere() -> None:
    broken = []
    for document in FOLDER.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            if not (FOLDER / target).exists():
                broken.append((document.name, target))
    assert not broken


COLUMNS = ("1", "2", "met, tested", "met, read", "operator", "not met", "does not apply")


def counted(found: tuple[Row, ...] | list[Row]) -> list[int]:
    of = Counter(row.level for row in found) + Counter(row.kind for row in found)
    return [of[column] for column in COLUMNS]


def test_counts_in_the_readme_are_true() -> None:
    told = {}
    for line in (FOLDER / "README.md").read_text().splitlines():
        if found := re.match(r"\| \*{0,2}(V\d+|all)\b[^|]*\|([\d |*]+)\|$", line):
            told[found[1]] = [int(cell.strip(" *")) for cell in found[2].split("|")]
    chapters = {
        chapter: [row for row in rows() if row.chapter == chapter] for chapter in told if chapter != "all"
    }
    assert len(chapters) == len({row.chapter for row in rows()})
    assert told == {chapter: counted(found) for chapter, found in chapters.items()} | {"all": counted(rows())}


def test_what_is_not_met_stands_in_the_readme_too() -> None:
    """The short list on the first page hides nothing that the long table admits."""
    text = (FOLDER / "README.md").read_text()
    assert not [row.number for row in rows() if row.state == "not met" and f"{row.number} " not in text]
    admitted = set(re.findall(r"\* (V\d+\.\d+\.\d+) ", text))
    assert admitted == {row.number for row in rows() if row.state == "not met"}
