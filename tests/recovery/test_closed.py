"""A restored platform is closed until the journal's stops have been repeated (security H5)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from uuid import UUID

import pytest

from moyai.base import store_restores
from moyai.base.closed import PlatformClosed, refuse_while_closed
from moyai.base.config import Home
from moyai.base.roles import OWNER, SERVE
from tests.conftest import Platform


async def moyai(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "moyai", *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_h5_nothing_is_served_before_the_stops_are_repeated(
    fresh_platform: Platform, command: str
) -> None:
    owner = await fresh_platform.connect(OWNER)
    await store_restores.begin(owner, UUID(int=1), await owner.fetchval("select now()"), journal=True)
    with pytest.raises(PlatformClosed):
        await refuse_while_closed(fresh_platform.home, await fresh_platform.connect(SERVE))
    done = await moyai(command, "--dir", str(fresh_platform.home.directory))
    assert (done.returncode, "run `moyai restore` again" in done.stderr) == (1, True), done.stderr
    await store_restores.finish(owner, UUID(int=1), None)
    await refuse_while_closed(fresh_platform.home, await fresh_platform.connect(SERVE))


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "apply registry.toml", "up type-2.1"])
async def test_h5_a_restore_under_way_keeps_every_command_from_its_directory(
    own_home: Home, command: str
) -> None:
    own_home.restoring_file.touch()
    done = await moyai(*command.split(), "--dir", str(own_home.directory))
    assert (done.returncode, "run `moyai restore` again" in done.stderr) == (1, True), done.stderr
