"""The mutation run's own machinery, without the run: what is listed is still there, and taking something away does take it away."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from sim_casework.devstack.paths import REPOSITORY
from tests.mutations.generated import from_source
from tests.mutations.listed import TEXTS
from tests.mutations.places import every_file
from tests.mutations.removals import NotApplied, source_of, swap


def test_there_are_more_than_sixty_and_each_has_a_name_of_its_own() -> None:
    names = [removal.name for removal in from_source()]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_what_is_written_out_still_stands_there_once_and_stays_python(number: int) -> None:
    module, old, new, _ = TEXTS[number]
    source = source_of(importlib.import_module(module))
    assert source.count(old) == 1, f"{module}: {old}"
    ast.parse(source.replace(old, new))


def test_every_test_file_that_is_named_exists() -> None:
    assert [path for path in every_file() if not (REPOSITORY / path).is_file()] == []


def toy(tmp_path: Path) -> ModuleType:
    path = tmp_path / "toy_of_removals.py"
    path.write_text("def gate(may):\n    if not may:\n        raise PermissionError\n    return 'in'\n")
    spec = importlib.util.spec_from_file_location("toy_of_removals", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_function_that_lives_already_runs_without_its_check(tmp_path: Path) -> None:
    module = toy(tmp_path)
    with pytest.raises(PermissionError):
        module.gate(False)
    swap(module, lambda tree: ast.parse(ast.unparse(tree).replace("raise PermissionError", "pass")))
    assert module.gate(False) == "in"


def test_a_removal_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotApplied):
        swap(toy(tmp_path), lambda tree: tree)
