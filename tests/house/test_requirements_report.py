"""The report on requirements: how outcomes of marked tests become a status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import requirements

pytest_plugins = ["pytester"]


def mark(
    number: str = "R-001", part: str | None = None, of: list[str] | None = None, outcome: str = "passed"
):
    return {"number": number, "part": part, "of": of, "test": f"t::{part}", "outcome": outcome}


LOCAL = mark(part="local", of=["local", "peers"])
PEERS = mark(part="peers", of=["local", "peers"])


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], "missing"),
        ([mark()], "shown"),
        ([mark(outcome="failed")], "failing"),
        ([mark(outcome="skipped")], "partial"),
        ([mark(), mark(outcome="skipped")], "partial"),
        ([LOCAL], "partial"),
        ([LOCAL, PEERS], "shown"),
        ([LOCAL, {**PEERS, "outcome": "failed"}], "failing"),
        ([LOCAL, {**PEERS, "outcome": "skipped"}], "partial"),
        ([LOCAL, mark()], "partial"),
    ],
)
def test_status(marks: list[requirements.Mark], expected: str) -> None:
    assert requirements.status(marks) == expected


def test_all_146_are_reported_in_order() -> None:
    results = requirements.report([mark("R-142")], list(requirements.titles()))
    assert list(results) == [f"R-{number:03}" for number in range(1, 147)]
    assert results["R-142"] == {"status": "shown", "tests": ["t::None"]}


def test_unknown_number_is_refused() -> None:
    with pytest.raises(SystemExit, match="R-999"):
        requirements.report([mark("R-999")], list(requirements.titles()))


def test_plugin_writes_marks_with_outcomes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise OSError

        @pytest.mark.requirement("R-001")
        def test_good(): pass

        @pytest.mark.requirement("R-002", part="a", of=["a", "b"])
        def test_bad(): assert False

        @pytest.mark.requirement("R-003")
        def test_set_up_fails(broken): pass

        def test_other(): pass
        """
    )
    pytester.runpytest_subprocess(
        "-p", "tests.plugins.requirements", "--requirements-report=out.jsonl", "-m", "requirement"
    )
    lines = [json.loads(line) for line in Path(pytester.path / "out.jsonl").read_text().splitlines()]
    assert {(line["number"], line["part"], line["outcome"]) for line in lines} == {
        ("R-001", None, "passed"),
        ("R-002", "a", "failed"),
        ("R-003", None, "failed"),
    }
