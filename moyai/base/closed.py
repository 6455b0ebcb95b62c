"""A platform that is being restored is closed: nothing is served before the journal of stops was replayed.

Two things say so. A file in the directory, written before anything else and removed last, also where the database does
not answer yet; and a row in the control database, for processes that have another directory.
"""

from __future__ import annotations

from moyai.base import store_restores
from moyai.base.config import Home
from moyai.base.db import Connection

_TEXT = (
    "this platform was restored from a backup and is closed until the journal of stops has been replayed: "
    "run `moyai restore` again"
)


class PlatformClosed(Exception):
    """Nothing may be served; the message says what to do."""


def refuse_while_restoring(home: Home) -> None:
    """Raises PlatformClosed."""
    if home.restoring_file.exists():
        raise PlatformClosed(_TEXT)


async def refuse_while_closed(home: Home, conn: Connection) -> None:
    """Raises PlatformClosed."""
    refuse_while_restoring(home)
    if await store_restores.unfinished(conn) is not None:
        raise PlatformClosed(_TEXT)
