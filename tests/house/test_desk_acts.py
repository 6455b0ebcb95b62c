"""Every route that changes something at the desk is in the table of desk acts, and each line names a test that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from moyai.web.desk_acts import DESK_ACTS, DeskAct
from moyai.web.operation import Client, StaffSession
from moyai.web.routes import ROUTES

TESTS = Path(__file__).parents[1]
AT_THE_DESK = [
    one.path
    for one in ROUTES
    if one.method != "GET"
    and one.path.startswith(("/desk", "/identity/v1/"))
    and isinstance(one.auth, (Client, StaffSession))
]


def test_every_route_of_the_desk_has_its_rule() -> None:
    ends = tuple(end for act in DESK_ACTS for end in act.routes)
    assert [path for path in AT_THE_DESK if not path.endswith(ends)] == []


@pytest.mark.parametrize("act", DESK_ACTS, ids=lambda act: act.act)
def test_the_rule_is_held_by_a_test_that_exists(act: DeskAct) -> None:
    file, _, name = act.test.partition("::")
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")
    assert all(any(path.endswith(end) for path in AT_THE_DESK) for end in act.routes)
