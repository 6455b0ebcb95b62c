"""The README's two commands do what it says. (`make test` is what runs this.)"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.house.source import ROOT
from tests.stack import free_port

READMES = ("README.md", "README.ja.md")

# These tests run under `make test`: what that make was told is not for the makes started here.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
}


def first_commands(name: str) -> list[str]:
    """The commands of the README's first shell block, without their explanations."""
    text = (ROOT / name).read_text(encoding="utf-8")
    block = re.search(r"^```sh\n(.*?)^```", text, re.M | re.S)
    assert block is not None
    return [line.split("#")[0].strip() for line in block.group(1).splitlines() if line.strip()]


@pytest.mark.parametrize("name", READMES)
def test_first_screen_names_two_commands(name: str) -> None:
    assert first_commands(name) == ["make demo", "make test"]


def planned(*arguments: str) -> str:
    """What make would do, without doing it."""
    answer = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout


def test_demo_starts_the_scenario_of_the_day() -> None:
    assert ".venv/bin/moyai up type-2.1 --once" in planned("demo", "ARGS=--once")


def test_test_runs_linters_types_imports_and_tests() -> None:
    plan = planned("test")
    for program in ("ruff check", "ruff format --check", "pyright", "lint-imports", "pytest"):
        assert f".venv/bin/{program}" in plan


def test_continuous_integration_runs_the_same() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


@pytest.mark.stack
def test_demo_plays_its_story_and_stops(tmp_path: Path) -> None:
    """`make demo ARGS=--once`, as the README says."""
    directory = tmp_path / "platform"
    arguments = f"ARGS=--once --dir {directory} --port {free_port()}"
    answer = subprocess.run(
        ["make", "demo", arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    told = answer.stdout.splitlines()
    failed = [line for at, mark in enumerate(told) if mark.startswith("✕") for line in told[at : at + 3]]
    assert answer.returncode == 0, "\n".join([*failed, answer.stdout[-1000:], answer.stderr[-4000:]])
    assert not (directory / "run.json").exists()
