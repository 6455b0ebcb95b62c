"""A pytest plugin for `make sabotage`: each test's outcome, one JSON line each, written as it happens.

`failed`: the test itself failed. `broken`: set-up, tear-down or collection failed, which proves nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, required=True, help="write the outcomes here")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Outcomes(config.getoption("--outcomes")))


class _Outcomes:
    def __init__(self, path: Path) -> None:
        self._path = path

    def _write(self, test: str, outcome: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, "outcome": outcome}, ensure_ascii=False) + "\n")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write(report.nodeid, "broken")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped:
            self._write(report.nodeid, report.outcome)
        elif report.failed:
            self._write(report.nodeid, "broken")
