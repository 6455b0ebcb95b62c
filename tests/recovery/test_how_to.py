"""The how-to of backing up and restoring, line by line, on a platform of its own."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from pathlib import Path

from moyai.base.config import Home
from moyai.base.roles import OWNER
from tests.house.source import ROOT
from tests.house.test_docs import commands
from tests.recovery.test_restore import Running, slot_is_read, store_session

HOW_TO = ROOT / "docs" / "how-to" / "backup-and-restore.md"


def lines(elsewhere: Path, directory: Path) -> list[list[str]]:
    """The how-to's commands, with a directory of ours for `/mnt` and for the platform's."""
    made: list[list[str]] = []
    for line in commands(HOW_TO):
        words = shlex.split(line.replace("/mnt/", f"{elsewhere}/").replace(".moyai", str(directory)))
        made.append([*words[1:], *(() if "--dir" in words else ("--dir", str(directory)))])
    return made


async def moyai(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moyai", *arguments, stderr=asyncio.subprocess.PIPE
    )


async def succeeds(arguments: list[str]) -> None:
    process = await moyai(*arguments)
    _, said = await process.communicate()
    assert process.returncode == 0, (arguments, said.decode())


async def test_h5_every_line_of_the_how_to_works(running: Running, scratch: Path) -> None:
    root = scratch / "how-to"
    elsewhere, directory = root / "mnt", root / "platform"
    for place in ("backup", "keys", "journal"):
        (elsewhere / place).mkdir(parents=True)
    own = running.home.directory
    once, continuous, _, _ = lines(elsewhere, own)
    *_, whole, one = lines(elsewhere, directory)
    assert [words[0] for words in (once, continuous)] == ["backup", "backup"]
    assert [words[0] for words in (whole, one)] == ["restore", "restore"]
    await succeeds(once)
    following = await moyai(*continuous)
    await slot_is_read(await running.platform.connect(OWNER))
    await running.withdraw(running.town.hanako)
    following.terminate()
    await following.wait()
    shutil.copy(running.home.kek_file, elsewhere / "keys" / "moyai.kek")
    shutil.copy(running.home.journal_file, elsewhere / "journal" / "moyai.jsonl")
    await succeeds([*one[:-1], str(own)])  # one store, into the platform that runs
    async with store_session(running.home, running.town) as store:
        assert await store.fetchval("select count(*) from store.item") == 2
    await running.lose()
    await succeeds(whole)
    assert Home(directory).config().platform.id == "test"
    shutil.rmtree(Home(directory).engine.resolve(), ignore_errors=True)
    shutil.rmtree(root)
