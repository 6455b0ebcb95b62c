"""The requirement marks of all tests: numbers that exist, and one list of parts per number."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.house.source import ROOT, relative

TITLES = tomllib.loads((ROOT / "tests" / "requirements.toml").read_text(encoding="utf-8"))


def constants(module: ast.Module) -> dict[str, Any]:
    """Module-level lists and strings that marks may name."""
    found: dict[str, Any] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def value(node: ast.expr, known: dict[str, Any]) -> Any:
    return known[node.id] if isinstance(node, ast.Name) else ast.literal_eval(node)


def marks() -> list[tuple[str, str, str | None, tuple[str, ...]]]:
    """(where, number, part, parts) of each mark."""
    found: list[tuple[str, str, str | None, tuple[str, ...]]] = []
    for path in sorted(Path(ROOT, "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        known = constants(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement":
                named = {each.arg: value(each.value, known) for each in node.keywords}
                where = f"{relative(path)}:{node.lineno}"
                found.append(
                    (where, value(node.args[0], known), named.get("part"), tuple(named.get("of", ())))
                )
    return found


def test_every_number_exists() -> None:
    assert [mark for mark in marks() if mark[1] not in TITLES] == []


def test_a_part_is_one_of_the_parts() -> None:
    assert [mark for mark in marks() if mark[2] is not None and mark[2] not in mark[3]] == []


def test_the_parts_of_a_requirement_are_the_same_everywhere() -> None:
    lists: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for _, number, part, parts in marks():
        if part is not None:
            lists[number].add(tuple(sorted(parts)))
    assert {number: found for number, found in lists.items() if len(found) > 1} == {}
