"""A whole platform as separate processes, as a newcomer starts it, for tests marked `stack` and for `make screens`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moyai.up import scenario as scenarios
from tests.browser import ROOT
from tests.serving import listening_socket

START_SECONDS = 180
STOP_SECONDS = 30


class NotStarted(Exception):
    """The platform did not come up; the message ends with what it printed."""


@dataclass(frozen=True)
class Stack:
    """A running platform: its directory, and `run.json` as it stood when everything was ready."""

    directory: Path
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        return self.facts["base_url"]

    def account(self, who: str) -> dict[str, Any] | None:
        """A login of run.json: the first resident for `resident`, else the first staff member with that role."""
        if who == "resident":
            return next(iter(self.facts.get("residents", [])), None)
        return next((each for each in self.facts.get("staff", []) if who in each["roles"]), None)


def moyai(*arguments: str) -> list[str]:
    """The command line of `moyai`, in this interpreter's environment."""
    return [sys.executable, "-m", "moyai", *arguments]


def free_port() -> int:
    with listening_socket() as listener:
        return listener.getsockname()[1]


def _facts(directory: Path) -> dict[str, Any]:
    try:
        return json.loads((directory / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _await_ready(process: subprocess.Popen[bytes], directory: Path, output: Path) -> dict[str, Any]:
    """`run.json` once it names residents: it is published when everything else is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        facts = _facts(directory)
        if facts.get("base_url") and facts.get("residents"):
            return facts
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise NotStarted(output.read_text(encoding="utf-8", errors="replace")[-4000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def small_scenario(directory: Path) -> Path:
    """Type 2.1 with few residents, and a town counter that asks for nothing by itself: so its exchanges count."""
    found = scenarios.find("type-2.1").resolve()
    text = found.read_text(encoding="utf-8").replace("live_seconds = 15", "live_seconds = 0")
    text = text.replace('file = "data/', f'file = "{found.parent}/data/').replace("active = 24", "active = 4")
    rows = (found.parent / "residents.csv").read_text(encoding="utf-8").splitlines()[:25]
    (directory / "residents.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    path = directory / "type-2.1.toml"
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def platform_up(directory: Path, *arguments: str, scenario: str = "type-2.1") -> Iterator[Stack]:
    """`moyai up SCENARIO` in a directory of its own, on a free port, until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    output = directory.with_name(directory.name + ".output")
    command = moyai("up", scenario, "--dir", str(directory), "--port", str(free_port()), *arguments)
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield Stack(directory, _await_ready(process, directory, output))
    finally:
        _stop(process)
