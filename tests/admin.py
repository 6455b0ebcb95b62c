"""Reaching past the rights of `moyai_serve` inside a rolled-back session: to let time pass, or to tamper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from moyai.base.db import Connection


@asynccontextmanager
async def as_admin(control: Connection) -> AsyncIterator[None]:
    """Within it, the session of the fixture `control` acts with a superuser's rights."""
    await control.execute("reset session authorization")
    yield
    await control.execute("set session authorization moyai_serve")
