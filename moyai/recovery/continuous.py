"""`moyai backup DIR --continuous`: after the copy, the engine's log as it is written, so that nothing later is lost."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from moyai.base import store_copies
from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.engine import ADMIN, Engine
from moyai.base.processes import AlreadyRunning
from moyai.base.tasks import say
from moyai.recovery import manifest
from moyai.recovery.beside import Kept
from moyai.recovery.cluster import BackupError, receive_wal
from moyai.supervisor import refuse_if_running

_LOOK_SECONDS = 2.0
"""How often files beside the databases are compared."""


def require_running(home: Home) -> None:
    """Raises BackupError if no platform runs here: there would be no log to follow."""
    try:
        refuse_if_running(home)
    except AlreadyRunning:
        return
    raise BackupError("a continuous backup follows a running platform: start it first (moyai up)")


def follow(home: Home, target: Path) -> int:
    """Write the log into the backup until told to stop. What was missed meanwhile is caught up with.

    Raises BackupError if the backup was not begun so, or the engine has not kept what was missed.
    """
    slot = manifest.read(target).slot
    if slot is None:
        raise BackupError(
            f"{target} was not begun with --continuous: begin another one in an empty directory"
        )
    asyncio.run(_check_slot(home, target, slot))
    receiving, kept = receive_wal(home, Engine(home), target / manifest.WAL, slot), Kept(home, target)
    while True:
        try:
            kept.look()
        except OSError as error:
            say("files beside the databases could not be kept", "backup", error)
        try:
            return receiving.wait(_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue


async def _check_slot(home: Home, target: Path, slot: str) -> None:
    conn = await connect(home.dsn(ADMIN, home.config().database.name))
    try:
        known = (await store_copies.slots(conn)).get(slot)
    finally:
        await conn.close()
    if known is None or not known["kept"]:
        raise BackupError(
            f"what was written since is not kept for {target} any more: begin another backup in an empty directory"
        )
    if known["active"]:
        raise BackupError(f"another process writes into {target} already")
