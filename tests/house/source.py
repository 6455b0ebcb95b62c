"""The source as the house tests see it: modules, their string constants, their functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "moyai"

SQL = re.compile(
    r"""^\s*(--[^\n]*\n\s*)*(
        select\s | insert\s+into\s | update\s+[\w.]+\s+(as\s+)?(\w+\s+)?set\s | delete\s+from\s | merge\s+into\s | truncate\s
      | with\s+(recursive\s+)?\w+(\s*\([\w\s,]*\))?\s+as\s | values\s*\(
      | (create|alter|drop)\s+(or\s+replace\s+)?(temp\w*\s+|unlogged\s+|unique\s+)?
        (table|index|schema|role|user|database|view|function|trigger|sequence|extension)\s
      | (grant|revoke)\s.*\s(to|from)\s | copy\s+[\w.]+ | lock\s+table | listen\s+\w | notify\s+\w
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""How a statement of SQL begins."""


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def product_modules() -> list[Path]:
    """Without `moyai bench`: it fills tables of every room and measures the same work as bare statements."""
    return [path for path in modules() if not path.is_relative_to(PACKAGE / "bench")]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _docstrings(module: ast.Module) -> set[int]:
    """Strings that stand alone are documentation, wherever they stand."""
    return {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}


def strings(path: Path, within: ast.AST | None = None) -> Iterator[tuple[int, str]]:
    """(line, text) of each string constant that is not documentation; of f-strings, the fixed parts."""
    documentation = _docstrings(tree(path))
    for node in ast.walk(within or tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
