"""A pytest plugin that writes down which requirement each marked test shows, and how it went.

Used by `make requirements`: `pytest -p tests.plugins.requirements --requirements-report FILE -m requirement`.
The file is JSON Lines: {"number", "part", "of", "test", "outcome"}, one line per mark and test.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

_PROPERTY = "requirement"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--requirements-report", type=Path, default=None, help="write the marked tests' outcomes here"
    )


def pytest_configure(config: pytest.Config) -> None:
    path: Path | None = config.getoption("--requirements-report")
    # Under xdist the workers run the tests and the controller hears of all of them.
    if path is not None and not hasattr(config, "workerinput"):
        path.write_text("", encoding="utf-8")
        config.pluginmanager.register(_Report(path))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("requirement"):
            item.user_properties.append((_PROPERTY, _facts(*mark.args, **mark.kwargs)))


def _facts(number: str, part: str | None = None, of: list[str] | None = None) -> str:
    if part is not None and part not in (of or ()):
        raise pytest.UsageError(f"{number}: part {part!r} must be one of its `of`")
    return json.dumps({"number": number, "part": part, "of": of})


class _Report:
    """Writes each outcome at once, so that a run that is cut short still says what it saw.

    A test that fails in set-up or tear-down has failed; only the call itself can pass.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        with self._path.open("a", encoding="utf-8") as file:
            for name, facts in report.user_properties:
                if name == _PROPERTY:
                    line = {**json.loads(str(facts)), "test": report.nodeid, "outcome": report.outcome}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
