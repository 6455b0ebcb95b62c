"""The engine for a command that needs the database for a moment (`migrate`, `check`, `apply`)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

from moyai.base.config import Home
from moyai.base.engine import Engine
from moyai.base.processes import AlreadyRunning, hold


def lock(home: Home) -> IO[str]:
    """Take the directory for this process. Raises AlreadyRunning if a platform runs in it."""
    return hold(home.directory / "lock", f"a platform is already running in {home.directory}")


def refuse_if_running(home: Home) -> None:
    """Before files of a platform are changed that a running one reads. Raises AlreadyRunning."""
    lock(home).close()


@contextmanager
def engine_running(home: Home, *, durable: bool = True) -> Generator[None]:
    """Use the running platform's engine, or start it and stop it again. Does nothing for an external server."""
    if not home.config().database.embedded:
        yield
        return
    try:
        held = lock(home)
    except AlreadyRunning:
        yield
        return
    engine = Engine(home, durable=durable)
    with held:
        engine.start()
        try:
            yield
        finally:
            engine.stop()
