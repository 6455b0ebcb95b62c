"""`make sabotage`: switch one safeguard off at a time, and show that a test fails for each.

Nothing in the product can be switched off: the source is copied, one place of the copy is patched
(`tools/sabotage.toml` says where), and the tests named there run against the copy. A failure counts only if the
test itself failed, and passed when exactly these tests ran against the untouched source: a copy that cannot be
imported or migrated proves nothing, and neither does a test that only passes in the company of others.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tools.running import run_bounded

ROOT = Path(__file__).resolve().parent.parent
DEFINITIONS = ROOT / "tools" / "sabotage.toml"
TIME_LIMIT_SECONDS = 6 * 60
COPIED = ("moyai", "tests", "tools", "examples", "scenarios", "bench", "docs", "pyproject.toml", "README.md")
LINKED = ("node_modules", "moyai/web/static/vendor")


class Safeguard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place in the source that protects something, how it is switched off, and the tests that hold it."""

    name: str
    what: str
    file: str
    find: str
    replace: str
    tests: list[str]


class Run(msgspec.Struct):
    """What the tests said: node ids by outcome. `broken` are tests that could not even begin."""

    passed: list[str]
    failed: list[str]
    broken: list[str]


class CannotPatch(Exception):
    """The definition does not fit the source."""


def safeguards() -> list[Safeguard]:
    entries: list[dict[str, Any]] = tomllib.loads(DEFINITIONS.read_text(encoding="utf-8")).get(
        "safeguard", []
    )
    return msgspec.convert(entries, list[Safeguard])


def copy_source(target: Path) -> None:
    """The source as a separate tree; what is large and never patched is linked."""
    ignore = shutil.ignore_patterns("__pycache__", "vendor", ".*_cache", ".moyai*")
    target.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copyfile(source, target / name)
    for name in LINKED:
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to(ROOT / name)


def patched(text: str, safeguard: Safeguard) -> str:
    """The text with the safeguard off. Raises CannotPatch unless `find` occurs exactly once."""
    times = text.count(safeguard.find)
    if times != 1:
        raise CannotPatch(f"{safeguard.name}: the text to find occurs {times} times in {safeguard.file}")
    changed = text.replace(safeguard.find, safeguard.replace)
    if changed == text:
        raise CannotPatch(f"{safeguard.name}: the replacement changes nothing")
    return changed


def switch_off(tree: Path, safeguard: Safeguard) -> None:
    path = tree / safeguard.file
    path.write_text(patched(path.read_text(encoding="utf-8"), safeguard), encoding="utf-8")
    if path.suffix == ".py":
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}


def assert_copy_is_used(tree: Path) -> None:
    """The installed package must give way to the copy, also in processes that the tests start."""
    command = [sys.executable, "-c", "import moyai; print(moyai.__file__)"]
    told = subprocess.run(
        command, cwd=tree, env=_environment(tree), capture_output=True, text=True, check=True
    )
    if not Path(told.stdout.strip()).is_relative_to(tree):
        raise CannotPatch(f"the tests would not run against the copy but against {told.stdout.strip()}")


def run_tests(tree: Path, tests: list[str]) -> Run:
    """Run pytest in the copy. Raises CannotPatch if it ran out of time or could not collect the tests."""
    descriptor, name = tempfile.mkstemp(".jsonl", "outcomes-", tree)
    os.close(descriptor)
    outcomes = Path(name)
    command = [sys.executable, "-m", "pytest", "-p", "tests.plugins.outcomes", f"--outcomes={outcomes}"]
    command += ["-q", "--tb=line", "-p", "no:cacheprovider", *tests]
    if run_bounded(command, tree, TIME_LIMIT_SECONDS, _environment(tree)) is None:
        raise CannotPatch("the tests ran out of time")
    run = Run([], [], [])
    for line in outcomes.read_text(encoding="utf-8").splitlines():
        outcome = json.loads(line)
        getattr(run, outcome["outcome"]).append(outcome["test"])
    return run


class Untouched:
    """What each set of tests says of the source as it is, in a run of its own; entries that share a set share the run."""

    def __init__(self, scratch: Path) -> None:
        self._tree = scratch / "untouched"
        copy_source(self._tree)
        assert_copy_is_used(self._tree)
        self._runs: dict[tuple[str, ...], Run] = {}
        self._turns: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def run(self, tests: list[str]) -> Run:
        """Raises CannotPatch as `run_tests`."""
        together = tuple(sorted(tests))
        with self._guard:
            turn = self._turns[together]
        with turn:
            if together not in self._runs:
                self._runs[together] = run_tests(self._tree, list(together))
            return self._runs[together]

    def wrong(self) -> list[str]:
        """What fails before anything is switched off; empty if all is well."""
        failed = {test for run in self._runs.values() for test in run.failed + run.broken}
        return [f"fails without sabotage: {test}" for test in sorted(failed)]


def with_sabotage(scratch: Path, untouched: Untouched, entry: Safeguard) -> dict[str, Any]:
    """`{"failed": [tests]}`: those that pass without the sabotage. With `error` where the sabotage did not work."""
    tree = scratch / entry.name.replace(" ", "-")
    try:
        before = untouched.run(entry.tests)
        if not before.passed or before.failed or before.broken:
            return {"failed": [], "error": "its tests, run alone, do not pass on the untouched source"}
        copy_source(tree)
        switch_off(tree, entry)
        run = run_tests(tree, entry.tests)
    except (CannotPatch, SyntaxError, OSError) as error:
        return {"failed": [], "error": str(error)}
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    failed = sorted(set(run.failed) & set(before.passed))
    if not failed and run.broken:
        return {"failed": [], "error": f"tests could not begin: {', '.join(run.broken)}"}
    return {"failed": failed}


def sabotage(entries: list[Safeguard], processes: int) -> tuple[dict[str, Any], list[str]]:
    """Results per safeguard, and what is wrong. Checks every definition before it runs a test."""
    for entry in entries:
        patched((ROOT / entry.file).read_text(encoding="utf-8"), entry)
    with tempfile.TemporaryDirectory(prefix="moyai-sabotage-") as directory:
        scratch = Path(directory)
        scratch.chmod(0o755)
        untouched = Untouched(scratch)
        with ThreadPoolExecutor(processes) as pool:
            results = pool.map(partial(with_sabotage, scratch, untouched), entries)
            found = dict(zip((entry.name for entry in entries), results, strict=True))
    return found, untouched.wrong() + [
        f"no test fails: {name}" for name, result in found.items() if not result["failed"]
    ]


def print_table(found: dict[str, Any], entries: list[Safeguard]) -> None:
    for entry in entries:
        result = found[entry.name]
        mark = "held" if result["failed"] else "NOT HELD"
        print(f"{mark:8}  {entry.name:28} {entry.what}")
        for line in result["failed"] or [result.get("error", "no test fails")]:
            print(f"{'':10}{line}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sabotage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("names", nargs="*", help="only these safeguards")
    arguments = parser.parse_args()
    entries = [entry for entry in safeguards() if not arguments.names or entry.name in arguments.names]
    if not entries:
        print("sabotage: no such safeguard", file=sys.stderr)
        return 1
    try:
        found, wrong = sabotage(entries, arguments.processes)
    except CannotPatch as error:
        print(f"sabotage: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"safeguards": found}, ensure_ascii=False, indent=1))
    else:
        print_table(found, entries)
    for line in wrong:
        print(f"sabotage: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
