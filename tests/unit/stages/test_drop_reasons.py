"""`drop_reasons`: whatever reason a stage counts drops under, the report has a sentence for it."""

import ast
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import repoloom_stages
from repoloom_stages.origins import eligibility
from repoloom_stages.report.drop_reasons import MEANINGS

DROPS = frozenset({"drop", "_drop"})
"""Functions whose first argument is a reason, or whose second is, after the counters."""

OF_MODELS = frozenset({"train", "evaluate"})
"""Stages that no dataset's report counts."""

Parsed = dict[str, ast.Module]


def parsed() -> Parsed:
    """Every module but those, by its name inside the package."""
    (folder,) = map(Path, repoloom_stages.__path__)
    paths = {path: ".".join(path.relative_to(folder).with_suffix("").parts) for path in sorted(folder.rglob("*.py"))}
    return {
        name: ast.parse(path.read_text(encoding="utf-8"))
        for path, name in paths.items()
        if path.stem not in OF_MODELS | {"__init__", "__main__"}
    }


def tellers(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of the functions that something named `reason` is the answer of."""
    return frozenset(
        name_of(call.func)
        for tree in trees
        for value in reasons_set(tree)
        for call in ast.walk(value)
        if isinstance(call, ast.Call)
    )


def reasons_set(tree: ast.Module) -> Iterator[ast.expr]:
    """What is given the name `reason`, alone or in a tuple."""
    for node in ast.walk(tree):
        if isinstance(node, ast.NamedExpr) and name_of(node.target) == "reason":
            yield node.value
        if isinstance(node, ast.Assign) and any(name_of(one) == "reason" for one in ast.walk(node.targets[0])):
            yield node.value


def reasons_of(module: ModuleType, tree: ast.Module, told_by: frozenset[str]) -> Iterator[str]:
    """Every string that a module gives a drop, or returns from a function that tells reasons."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in DROPS:
            yield from (one for argument in node.args[:2] for one in strings(module, argument))
        if isinstance(node, ast.FunctionDef) and node.name in told_by:
            returned = (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
            yield from (one for value in returned for one in strings(module, value))
    yield from (one for value in reasons_set(tree) for one in strings(module, value))


def name_of(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def strings(module: ModuleType, node: ast.AST) -> Iterator[str]:
    """The strings that an expression may be, as far as they are written out or constants of a module."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (one for part in (node.body, node.orelse) for one in strings(module, part))
    elif isinstance(node, ast.BoolOp):
        yield from (one for part in node.values for one in strings(module, part))
    elif isinstance(node, ast.Tuple):
        yield from (one for part in node.elts for one in strings(module, part))
    elif isinstance(node, ast.Name | ast.Attribute):
        owner = getattr(module, name_of(node.value), None) if isinstance(node, ast.Attribute) else module
        value = getattr(owner, name_of(node), None)
        if type(value) is str:  # members of enumerations, such as why a stage failed, are none
            yield value


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """Reasons, each with a module that counts under it."""
    trees = parsed()
    told_by = tellers(trees.values())
    return {
        reason: name
        for name, tree in trees.items()
        if any(True for _ in candidates(tree, told_by))
        for reason in reasons_of(importlib.import_module(f"repoloom_stages.{name}"), tree, told_by)
        if reason
    }


def candidates(tree: ast.Module, told_by: frozenset[str]) -> Iterator[ast.AST]:
    """Where a module may have reasons: only such modules are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in DROPS:
            yield node
        if isinstance(node, ast.FunctionDef) and node.name in told_by:
            yield node


def test_every_reason_has_a_sentence(found: dict[str, str]) -> None:
    assert {reason: module for reason, module in found.items() if reason not in MEANINGS} == {}


def test_every_sentence_has_a_reason(found: dict[str, str]) -> None:
    assert set(MEANINGS) - set(found) == set()


def test_the_search_finds_reasons_however_they_are_given() -> None:
    tree = ast.parse(
        "def why(x):\n    return None, GAP if x else 'b'\n"
        "def f(outputs, x):\n"
        "    outputs.drop('c')\n    _drop(outputs, x or eligibility.EMPTY)\n"
        "    record, reason = why(x)\n    reason = 'd' or None\n"
    )
    module = ModuleType("made")
    module.GAP, module.eligibility = "a", eligibility  # type: ignore[attr-defined]
    assert sorted(reasons_of(module, tree, tellers([tree]))) == ["a", "b", "c", "d", "empty"]
