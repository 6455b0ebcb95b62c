"""Load from compiled generators: wrk for HTTP, pgbench for PostgreSQL. What they print, as numbers."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from importlib import resources
from pathlib import Path

import msgspec

from moyai.base.config import Home
from moyai.base.engine import ADMIN
from moyai.base.engine_place import account, binaries

NO_WRK = (
    "wrk is not installed: the load must come from a compiled generator.\n"
    "  Debian, Ubuntu: apt-get install wrk   macOS: brew install wrk   (https://github.com/wg/wrk)"
)


class LoadError(Exception):
    """A generator is missing or failed; the message says what to do."""


class Load(msgspec.Struct, frozen=True):
    """One round. `throughput` in requests (transactions) per second; latencies in milliseconds."""

    throughput: float
    p50_ms: float
    p99_ms: float
    errors: int


class _WrkResult(msgspec.Struct, frozen=True):
    requests: int
    duration_us: int
    p50_us: float
    p99_us: float
    errors: int
    exhausted: bool = False


async def _run(command: list[str], environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        raise LoadError(f"{command[0]} failed:\n{text[-2000:]}")
    return text


def wrk_program() -> str:
    """Where wrk is. Raises LoadError with how to get it."""
    program = shutil.which("wrk")
    if program is None:
        raise LoadError(NO_WRK)
    return program


async def wrk(url: str, requests: Path, concurrency: int, seconds: float) -> Load:
    """Send prepared requests, each once, over `concurrency` connections. Raises LoadError without wrk."""
    script = resources.files("moyai.bench").joinpath("send_once.lua")
    with resources.as_file(script) as path:
        text = await _run(
            [
                wrk_program(),
                "-t1",
                f"-c{concurrency}",
                f"-d{seconds:g}s",
                "--timeout",
                "5s",
                "-s",
                str(path),
                url,
            ],
            {"MOYAI_REQUESTS": str(requests)},
        )
    line = next((line for line in text.splitlines() if line.startswith("{")), None)
    if line is None:
        raise LoadError(f"wrk printed no result:\n{text[-2000:]}")
    found = msgspec.json.decode(line, type=_WrkResult)
    if found.exhausted:
        raise LoadError("the prepared requests ran out within the round: this round measures nothing")
    return Load(
        found.requests / (found.duration_us / 1e6), found.p50_us / 1e3, found.p99_us / 1e3, found.errors
    )


async def pgbench(home: Home, script: Path, concurrency: int, seconds: int) -> Load:
    """Run a script with prepared statements, as the bootstrap superuser over the same socket."""
    settings = home.config().database
    program = binaries(account(home.directory)) / "pgbench"
    text = await _run(
        [str(program), "-n", "-M", "prepared", "-c", str(concurrency), "-j", "2", "-T", str(seconds),
         "-f", str(script), "-h", settings.host, "-p", str(settings.port), "-U", ADMIN, settings.name],
        {
            "PGPASSWORD": home.secrets().get_or_create(f"role:{ADMIN}"),
            # otherwise every transaction plans the gate's join anew, which takes longer than running it
            "PGOPTIONS": "-c plan_cache_mode=force_generic_plan",
        },
    )  # fmt: skip
    return Load(
        _number(text, r"^tps = ([\d.]+)"),
        _number(text, r"^latency average = ([\d.]+) ms"),
        0.0,
        int(_number(text, r"^number of failed transactions: (\d+)")),
    )


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise LoadError(f"pgbench printed no {pattern}:\n{text[-2000:]}")
    return float(found[1])
