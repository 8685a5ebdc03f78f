"""Removals found in the source: a new check, recorder call, filter or policy is a new removal by itself."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sim_casework.devstack.paths import REPOSITORY
from tests.mutations.places import CATCHING
from tests.mutations.removals import Removal, of_code

APPS = ("core", "audit", "accounts", "cases", "crisis_plans", "reminders", "sim_casework/pages")
NOT_AT_WORK = {"migrations", "management", "stories"}
REFUSALS = {
    "NotAllowed",
    "NotVisible",
    "PermissionDenied",
    "Http404",
    "UnrecordedAccess",
    "UnexplainedAccess",
}
RECORDING = {"saw", "noted_query", "noted_write", "noted_change", "concerns", "lists", "open", "note"}
REQUIRING = ("require", "_require", "refuse", "_refuse")
EVERYBODY = ast.parse('visible_patients.__globals__["Patient"].objects.all()', mode="eval").body

Found = Callable[[ast.AST], bool]
Replace = Callable[[ast.AST], ast.AST]


def from_source() -> list[Removal]:
    return [removal for module in modules() for removal in of_module(module)]


def modules() -> Iterator[str]:
    for app in APPS:
        for path in sorted((REPOSITORY / app).rglob("*.py")):
            inside = path.relative_to(REPOSITORY)
            if not NOT_AT_WORK & set(inside.parts) and path.name != "__init__.py":
                yield ".".join(inside.with_suffix("").parts)


def of_module(module: str) -> Iterator[Removal]:
    path = Path(REPOSITORY, *module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text())
    names: Counter[str] = Counter()
    for what, is_found, replace in KINDS:
        for number, node in enumerate(_all(tree, is_found)):
            where = f"{module}:{_function_around(tree, node)}"
            name = f"{where}: {what} {' '.join(ast.unparse(node).split())[:90]}"
            names[name] += 1
            name += f" (no. {names[name]})" if names[name] > 1 else ""
            yield of_code(name, module, _replacing(is_found, number, replace), CATCHING.of(module))


def _replacing(is_found: Found, number: int, replace: Replace) -> Callable[[ast.Module], ast.Module]:
    """An edit that puts something else in place of the node of that number."""

    def edit(tree: ast.Module) -> ast.Module:
        node = _all(tree, is_found)[number]
        replacement = replace(node)
        for parent in ast.walk(tree):
            for name, value in ast.iter_fields(parent):
                if value is node:
                    setattr(parent, name, ast.copy_location(replacement, node))
                elif isinstance(value, list) and node in value:
                    value[value.index(node)] = ast.copy_location(replacement, node)
        return tree

    return edit


def _all(tree: ast.AST, is_found: Found) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if is_found(node)]


def _function_around(tree: ast.AST, wanted: ast.AST) -> str:
    around = ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(inner is wanted for inner in ast.walk(node)):
            around = node.name  # walked from outside inwards
    return around


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def is_requirement(node: ast.AST) -> bool:
    """A statement that calls something which raises."""
    return isinstance(node, ast.Expr) and _called(node.value).startswith(REQUIRING)


def is_refusal(node: ast.AST) -> bool:
    """``if …: raise NotAllowed(…)``, and nothing else in it."""
    if not (isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Raise)):
        return False
    raised = node.body[0].exc
    name = _called(raised) if isinstance(raised, ast.Call) else getattr(raised, "id", "")
    return name in REFUSALS and not node.orelse


def is_recording(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and _called(node.value) in RECORDING
        and isinstance(node.value.func, ast.Attribute)  # type: ignore[attr-defined]
        and "context"
        in ast.unparse(node.value.func.value) + "recorder" * ("recorder" in ast.unparse(node.value))  # type: ignore[attr-defined]
    )


def is_filter(node: ast.AST) -> bool:
    return _called(node) == "visible_patients"


def _never(node: ast.AST) -> ast.AST:
    """Asked no more, and named still: a function inside of another keeps what it has of it."""
    condition: ast.expr = node.test  # type: ignore[attr-defined]
    test = ast.copy_location(ast.BoolOp(ast.And(), [ast.Constant(False), condition]), condition)
    return ast.If(test=test, body=node.body, orelse=[])  # type: ignore[attr-defined]


KINDS: list[tuple[str, Found, Replace]] = [
    ("without", is_requirement, lambda node: ast.Pass()),
    ("never", is_refusal, _never),
    ("not recorded", is_recording, lambda node: ast.Pass()),
    ("everybody for", is_filter, lambda node: EVERYBODY),
]
