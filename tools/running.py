"""Running a command of the tools, with its output on stderr and a limit on its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


def run_bounded(
    command: list[str], directory: Path, seconds: float, environment: dict[str, str] | None = None
) -> int | None:
    """The exit status, or None if the time ran out: then the command and all its children are ended."""
    process = subprocess.Popen(
        command, cwd=directory, stdout=sys.stderr, env=environment, start_new_session=True
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the command's own process group, politely first: fixtures stop their engines."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
