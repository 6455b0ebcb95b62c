"""What the documents say can be done: links lead somewhere, and commands exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.house.source import ROOT, relative

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
BLOCK = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```", re.M | re.S)
MAKE = re.compile(r"(?<![\w/-])make ([a-z][a-z-]*)")
MOYAI = re.compile(r"(?<![\w/.-])(?:\.venv/bin/)?moyai ([a-z][a-z-]*)")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def commands(path: Path) -> list[str]:
    """The lines of the document's shell blocks, without prompts and comments."""
    lines = [line for block in BLOCK.findall(text(path)) for line in block.splitlines()]
    return [line.removeprefix("$ ").strip() for line in lines if line.strip() and not line.startswith("#")]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):.*## ", text(ROOT / "Makefile"), re.M))


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    broken = [
        target
        for target in LINK.findall(text(path))
        if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_make_targets_exist(path: Path) -> None:
    named = {name for line in commands(path) for name in MAKE.findall(line)}
    assert named <= make_targets()


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_moyai_commands_exist(path: Path) -> None:
    named = {name for line in commands(path) for name in MOYAI.findall(line)}
    app: Any = importlib.import_module("moyai.cli").app
    assert named <= set(app)


def test_every_make_target_is_explained_by_help() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", text(ROOT / "Makefile"), re.M)
    assert phony is not None
    assert set(phony.group(1).split()) - {"test-setup"} == make_targets()
