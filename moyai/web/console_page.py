"""Pages of the console: all of them say in their navigation how much waits for a second person."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from moyai.identity.model import StaffCaller
from moyai.registry import waiting
from moyai.web.oauth import platform_of
from moyai.web.pages import render


async def render_console(request: Request, name: str, caller: StaffCaller, **context: Any) -> HTMLResponse:
    """As `pages.render`, with `waiting_count`."""
    async with platform_of(request).control.connection() as conn:
        counted = await waiting.counts(conn)
    return render(request, name, caller, waiting_count=counted.waiting, **context)
