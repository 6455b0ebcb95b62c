"""A request is answered by its deadline, whatever it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from tests.conftest import RolledBack


def allow(app: Any, seconds: float) -> None:
    """Requests to the application may take this long."""
    platform = app.state.platform
    config = platform.config
    platform.config = replace(config, limits=replace(config.limits, request_seconds=seconds))


@asynccontextmanager
async def no_session_free(control_db: RolledBack) -> AsyncIterator[None]:
    """Another task holds the only session."""
    held, done = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with control_db.connection():
            held.set()
            await done.wait()

    holding = asyncio.create_task(hold())
    await held.wait()
    try:
        yield
    finally:
        done.set()
        await holding


@pytest.mark.parametrize("path", ["/consent/v1/keys", "/organizations", "/oauth2/authorize"])
async def test_h6_request_that_waits_in_vain_is_told_so_in_the_form_of_its_family(
    app: Any, web: httpx.AsyncClient, control_db: RolledBack, path: str
) -> None:
    allow(app, 0.2)
    async with no_session_free(control_db):
        answer = await asyncio.wait_for(web.get(path), 10)
    assert answer.status_code == 503
    assert "deadline_exceeded" in answer.text
    assert answer.headers["retry-after"].isdecimal()


async def test_h6_the_next_request_is_answered(
    app: Any, web: httpx.AsyncClient, control_db: RolledBack
) -> None:
    allow(app, 0.2)
    async with no_session_free(control_db):
        answer = await asyncio.wait_for(web.get("/consent/v1/keys"), 10)
    assert answer.status_code == 503
    allow(app, 15)
    assert (await web.get("/consent/v1/keys")).status_code == 200
