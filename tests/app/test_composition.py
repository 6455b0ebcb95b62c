"""What a process needs to know before it acts is said where it is composed, and never by what it happens to import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from moyai.app import open_platform
from moyai.applying import Surroundings, apply
from moyai.applying.registry_file import parse
from moyai.base.config import Home
from moyai.base.errors import Problem
from moyai.commands import pending
from moyai.identity import staff_in_force
from moyai.registry import persons
from tests.app.test_pending_commands import REGISTRY
from tests.conftest import Platform


async def _serves(home: Home) -> None:
    async with open_platform(home):
        pass


async def _applies(home: Home) -> None:
    async with open_platform(home) as platform:
        persons._find = None  # type: ignore[attr-defined]
        await apply(home, platform.control, parse(REGISTRY), Surroundings(), file="registry.toml")


async def _confirms(home: Home) -> None:
    with pytest.raises(Problem, match="login_failed"):
        await pending.confirm(home, "7b6d4f36-0000-4000-8000-000000000000", "nobody")


@pytest.mark.parametrize("way_in", [_serves, _applies, _confirms], ids=["serve", "apply", "confirm"])
async def test_i2_every_way_in_says_who_knows_members_of_staff(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch, way_in: Callable[[Home], Awaitable[None]]
):
    monkeypatch.setattr(persons, "_find", None)
    monkeypatch.setattr(pending, "_ask", lambda _text, hidden=False: "none")
    await way_in(fresh_platform.home)
    assert persons._find is staff_in_force.person  # pyright: ignore[reportPrivateUsage]
