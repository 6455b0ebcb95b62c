"""How an organisation or a service stands is said in one place (`registry.standing`); nobody else compares its words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import moyai

ROOT = Path(moyai.__file__).parent

WHO_MAY = {
    "registry/standing.py": "the place itself",
    "registry/stops.py": "what a stop turns back to",
    "registry/services.py": "certifying",
    "registry/organizations.py": "certifying",
    "consent/gate.py": "one comparison for each fact, in the hottest place; the code is `standing`'s",
    "web/console.py": "a list of those that are suspended",
    "web/public_registry.py": "lists of both",
    "web/docs_facts.py": "an example to show",
    "bench/data.py": "a platform made at once",
}
"""Files that name `certified` or `suspended`, and why."""


def named(file: Path) -> bool:
    tree = ast.parse(file.read_text())
    words = {"certified", "suspended"}
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    return any(
        isinstance(part, ast.Constant) and part.value in words
        for node in compared
        for side in (node.left, *node.comparators)
        for part in ast.walk(side)
    )


FILES = sorted(str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py"))


@pytest.mark.parametrize("file", [file for file in FILES if named(ROOT / file)])
def test_nobody_else_decides_how_something_stands(file: str) -> None:
    assert file in WHO_MAY, f"{file} compares with certified or suspended: ask registry.standing"
