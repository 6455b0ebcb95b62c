"""`make requirements`: run the tests that carry a requirement's number, and say which requirements are shown.

shown    every part is covered and every test passed
partial  nothing failed, but a part has no passing test (or tests were skipped)
failing  a test failed
missing  no test carries the number
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from tools.running import run_bounded

ROOT = Path(__file__).resolve().parent.parent
TITLES = ROOT / "tests" / "requirements.toml"
TIME_LIMIT_SECONDS = 24 * 60

Mark = dict[str, Any]


def titles() -> dict[str, str]:
    """Requirement number → title, for all of them."""
    return tomllib.loads(TITLES.read_text(encoding="utf-8"))


def status(marks: list[Mark]) -> str:
    """The state of one requirement from the outcomes of the tests that carry its number."""
    if not marks:
        return "missing"
    if any(mark["outcome"] == "failed" for mark in marks):
        return "failing"
    wanted = {part for mark in marks for part in mark["of"] or ()} or {None}
    passed = {mark["part"] for mark in marks if mark["outcome"] == "passed"}
    skipped = any(mark["outcome"] == "skipped" for mark in marks)
    return "shown" if wanted <= passed and not skipped else "partial"


def report(marks: list[Mark], numbers: list[str]) -> dict[str, dict[str, Any]]:
    """`{"R-001": {"status", "tests"}}` for every number, in order. An unknown number is an error in a test."""
    unknown = {mark["number"] for mark in marks} - set(numbers)
    if unknown:
        raise SystemExit(f"tests carry numbers that do not exist: {', '.join(sorted(unknown))}")
    by_number: dict[str, list[Mark]] = {number: [] for number in numbers}
    for mark in marks:
        by_number[mark["number"]].append(mark)
    return {
        number: {"status": status(found), "tests": sorted({mark["test"] for mark in found})}
        for number, found in by_number.items()
    }


def run_marked_tests(pytest_args: list[str]) -> list[Mark]:
    """Run the marked tests; their output goes to stderr."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "marks.jsonl"
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
        command += ["-p", "tests.plugins.requirements"]
        # `--option=path`, in one: pytest takes a path that stands alone for a place to look for its configuration.
        command += [f"--requirements-report={path}", "-m", "requirement", "-q", "--tb=short"]
        command += ["--continue-on-collection-errors", *pytest_args]
        if run_bounded(command, ROOT, TIME_LIMIT_SECONDS) is None:
            print("requirements: out of time; what did not finish counts as missing", file=sys.stderr)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]


def print_table(results: dict[str, dict[str, Any]]) -> None:
    names = titles()
    for number, result in results.items():
        print(f"{number}  {result['status']:8} {len(result['tests']):3}  {names[number]}")
    counts = Counter(result["status"] for result in results.values())
    print("  ".join(f"{state} {counts[state]}" for state in ("shown", "partial", "failing", "missing")))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make requirements", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("pytest_args", nargs="*", default=["-n", "2", "--dist", "loadfile"])
    arguments = parser.parse_args()
    results = report(run_marked_tests(arguments.pytest_args), list(titles()))
    if arguments.json:
        print(json.dumps(results, ensure_ascii=False, indent=1))
    else:
        print_table(results)


if __name__ == "__main__":
    main()
