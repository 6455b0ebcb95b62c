"""Each rule of the gate is taken out by `make sabotage`, and the property test of texts must see it."""

from __future__ import annotations

import ast
import inspect

import pytest

from moyai.consent import gate
from tools import sabotage

ELSEWHERE = {
    "row['organization_state'] != 'certified'": "a client's organisation is its component's, whose `consumer_state` closes the same link",
    "row['resident_key'] is None": "of nobody there is nothing to read",
    "row['link_key'] is None": "where there is no link, there is no source to read from",
}
"""What the property test cannot see, and why nothing comes out all the same."""


def rules() -> list[tuple[str, str]]:
    """Each condition of the gate's judgement with the line that it stands in."""
    found: list[tuple[str, str]] = []
    for judging in (gate.judge, gate._judge_link):
        source = inspect.getsource(judging)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.If):
                line = source.splitlines()[node.lineno - 1].strip()
                parts = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
                found += [(ast.unparse(part), line) for part in parts]
    return found


def taken_out(part: str, line: str) -> list[str]:
    """The entries that take this condition out of its line."""
    entries = [
        one
        for one in sabotage.safeguards()
        if one.name.startswith("model-") and one.file == "moyai/consent/gate.py" and line in one.find
    ]
    return [one.name for one in entries if part not in one.replace.replace('"', "'")]


def test_the_gate_has_the_rules_that_are_counted_here() -> None:
    assert len(rules()) >= 15


@pytest.mark.parametrize(("part", "line"), rules())
def test_a_rule_that_is_taken_out_is_missed(part: str, line: str) -> None:
    if part in ELSEWHERE:
        return
    assert taken_out(part, line), f"no entry model-… of tools/sabotage.toml takes out {part}"
    for name in taken_out(part, line):
        (entry,) = [one for one in sabotage.safeguards() if one.name == name]
        assert entry.tests[0].startswith("tests/consent/test_model_property.py")
