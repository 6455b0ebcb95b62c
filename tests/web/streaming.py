"""A proxy that passes another server's pages on in pieces, as real networks do: what breaks while a page arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.serving import served

PIECE_BYTES = 1500
PIECE_BYTES_OF_LONG_PAGES = 12_000
PAUSE_SECONDS = 0.04
_OWN = {"host", "accept-encoding", "connection"}
_KEPT = {"content-type", "content-security-policy", "set-cookie", "location", "cache-control"}


async def _in_pieces(body: bytes, html: bool) -> AsyncIterator[bytes]:
    """A page in pieces, each drawn before the next one comes; a style sheet or font whole, and then its end."""
    of_a_page = PIECE_BYTES if len(body) < 100_000 else PIECE_BYTES_OF_LONG_PAGES
    size = of_a_page if html else len(body) + 1
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def streamed(upstream: str) -> AsyncIterator[str]:
    """The URL of a proxy of `upstream`; HTML comes in pieces, everything else whole but not at once."""
    async with httpx.AsyncClient(base_url=upstream, timeout=60) as client:

        async def pass_on(request: Request) -> Response:
            asked = [(name, value) for name, value in request.headers.items() if name not in _OWN]
            path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            got = await client.request(request.method, path, headers=asked, content=await request.body())
            html = "text/html" in got.headers.get("content-type", "")
            made = StreamingResponse(_in_pieces(got.content, html), got.status_code)
            for name, value in got.headers.multi_items():
                if name.lower() in _KEPT:
                    made.headers.append(name, value)
            return made

        proxy = Starlette(routes=[Route("/{path:path}", pass_on, methods=["GET", "POST"])])
        async with served(proxy) as url:
            yield url
