"""What can be taken away, and how: code of a running process, a setting, or a lock of the database.

A removal is made in a forked process alone: the code objects of its functions are exchanged there, and its copy of the
database changed. The source on disk stays as it is.
"""

from __future__ import annotations

import ast
import gc
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

# What a test could not tell from the product itself, and why. A line that is no removal any more is refused.
Edit = Callable[[ast.Module], ast.Module]


class NotApplied(RuntimeError):
    """The removal changed nothing that runs: the catalogue is stale."""


@dataclass(frozen=True)
class Removal:
    """``name`` is where and what; ``tests`` are the files, or parts of files, in which one has to fail."""

    name: str
    tests: tuple[str, ...]
    apply: Callable[[], None] = field(repr=False, default=lambda: None)
    sql: str = field(repr=False, default="")


def of_code(name: str, module: str, edit: Edit, tests: tuple[str, ...]) -> Removal:
    return Removal(name, tests, apply=lambda: swap(importlib.import_module(module), edit))


def of_text(module: str, old: str, new: str, tests: tuple[str, ...], name: str = "") -> Removal:
    """Written out: ``old`` stands once in the module and becomes ``new``."""

    def apply() -> None:
        loaded = importlib.import_module(module)
        source = source_of(loaded)
        if source.count(old) != 1:
            raise NotApplied(f"{module} has {old!r} {source.count(old)} times")
        swap(loaded, lambda _: ast.parse(source.replace(old, new)))

    return Removal(name or f"{module}: {' '.join(old.split())}", tests, apply=apply)


def of_lock(name: str, sql: str, tests: tuple[str, ...]) -> Removal:
    return Removal(name, tests, sql=sql)


def source_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text()


def swap(module: ModuleType, edit: Edit) -> None:
    """Let every living function of the module run the edited code.

    Raises: NotApplied when no function differs.
    """
    path, source = str(module.__file__), source_of(module)
    before = functions_of(compile(source, path, "exec"))
    after = functions_of(compile(ast.fix_missing_locations(edit(ast.parse(source))), path, "exec"))
    living = living_functions(path)
    changed = 0
    for name, old in before.items():
        new = after.get(name)
        if new is None or new == old:
            continue
        for function in living.get((name[0], old.co_firstlineno), []):
            function.__code__ = new
            changed += 1
    if not changed:
        raise NotApplied(f"nothing that runs in {module.__name__} changed")


def functions_of(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """Every function's code by qualified name and, where a name returns, its number."""
    found: dict[tuple[str, int], CodeType] = {}
    for inner in _inside(code):
        number = 0
        while (inner.co_qualname, number) in found:
            number += 1
        found[inner.co_qualname, number] = inner
    return found


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def living_functions(path: str) -> dict[tuple[str, int], list[FunctionType]]:
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        # By its own type: a lazy object of another test would be woken by isinstance.
        if type(thing) is FunctionType and thing.__code__.co_filename == path:
            key = (thing.__code__.co_qualname, thing.__code__.co_firstlineno)
            found.setdefault(key, []).append(thing)
    return found
