"""The frame: sizes, locks, templates that load nothing from outside, no traces of the place where it was written."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, ROOT, modules, relative

LOCKS = sorted((ROOT / "lock").glob("*.txt"))
TEMPLATES = sorted(PACKAGE.rglob("*.html"))
LOADED = re.compile(
    r"<(?:script|link|img|iframe|source|form)\b[^>]*?\b(?:src|href|action)=[\"']\s*(?:https?:)?//", re.I
)
INLINE = re.compile(r"<[a-z][^>]*\son[a-z]+=|<script(?![^>]*\bsrc=)[^>]*>\s*[^\s<]|javascript:", re.I)

# Absolute paths of a home or of a checkout have no place in a repository that others clone.
TRACES = re.compile(r"(?<![\w.}/-])/(?:root|home/\w+|Users/\w+|work|workspace)/")


def repository_files() -> list[Path]:
    """Text files that git knows; all of the package where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name] or modules()
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096]]


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_file_is_small_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 500


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {
        re.split(r"[^\w-]", each)[0]
        for each in [*project["project"]["dependencies"], *project["dependency-groups"]["assets"]]
    }
    locked = set(
        re.findall(r"^([\w-]+)==", (ROOT / "lock" / "runtime.txt").read_text(encoding="utf-8"), re.M)
    )
    assert wanted <= locked


@pytest.mark.parametrize("path", LOCKS, ids=relative)
def test_lock_holds_hashes_and_no_addresses(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text


def test_npm_lock_holds_hashes_and_no_addresses() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for entry in packages.values():
        assert entry["integrity"]
        assert "resolved" not in entry


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_template_loads_nothing_from_outside(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not LOADED.findall(text)
    assert not INLINE.findall(text), "scripts lie in files: the content security policy forbids inline ones"


def test_no_traces_of_a_home_or_checkout() -> None:
    found = [
        f"{relative(path)}: {match.group()}"
        for path in repository_files()
        for match in TRACES.finditer(path.read_text(encoding="utf-8", errors="replace"))
        if path != Path(__file__)
    ]
    assert not found
