"""A small file system of a test's own, where this machine lets us mount one, and ways to fill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

SETTINGS = """
[platform]
id = "test"
name_ja = "試験"
name_en = "Test"
[server]
base_url = "http://localhost:8400"
[database]
host = "db.example.jp"
embedded = false
"""
"""Settings of a platform without an engine of its own."""


@contextmanager
def small_disk(place: Path, megabytes: int) -> Generator[Path]:
    """A file system of so many megabytes, mounted at `place`."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "moyai-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("file systems can be mounted by root alone")
    try:
        yield place
    finally:
        # lazily: what still holds a file there lets go of it when it ends
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, leave: int = 0) -> Path:
    """Take all the space but `leave` bytes; the file that holds it (removing it frees the space)."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while free(place) > leave:
                    file.write(bytes(min(size, free(place) - leave)))
            except OSError:
                continue
    return ballast


def free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
