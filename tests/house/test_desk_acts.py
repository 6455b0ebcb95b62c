"""Every route by which staff and programs change something is in the table, and each line names a test that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from moyai.web.desk_acts import DESK_ACTS, DeskAct
from moyai.web.operation import AnyOf, Client, StaffSession
from moyai.web.registry_acts import REGISTRY_ACTS
from moyai.web.routes import ROUTES

TESTS = Path(__file__).parents[1]
ACTS = (*DESK_ACTS, *REGISTRY_ACTS)
CHANGES = [
    f"{one.method} {one.path}"
    for one in ROUTES
    if one.method != "GET"
    and one.path.startswith(("/desk", "/console", "/identity/v1/", "/registry/v1/"))
    and isinstance(one.auth, (Client, StaffSession, AnyOf))
]


def test_every_route_has_its_rule() -> None:
    ends = tuple(end for act in ACTS for end in act.routes)
    assert [path for path in CHANGES if not path.endswith(ends)] == []


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.act)
def test_the_rule_is_held_by_a_test_that_exists(act: DeskAct) -> None:
    file, _, name = act.test.partition("::")
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")
    assert [end for end in act.routes if not any(path.endswith(end) for path in CHANGES)] == []
