"""One HTTP call to a stranger: bounded in time and bytes, following nothing, ending in an answer or in `Unanswered`.

For programs that read what somebody else serves, who may be slow, broken or hostile: a witness, a log that is examined.
"""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec

MOST_BYTES = 65_536


class Unanswered(Exception):
    """There is no usable answer; the message says why."""


class Fetched(msgspec.Struct, frozen=True):
    status: int
    body: bytes


def session() -> aiohttp.ClientSession:
    """Connections that keep no cookies, and do not decompress: 64 KiB on the wire could be gigabytes in memory."""
    return aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
    )


async def fetch(
    client: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    seconds: float,
    most_bytes: int = MOST_BYTES,
    data: bytes | None = None,
) -> Fetched:
    """`seconds` is from connecting to the last byte: who drips is cut off there. Raises Unanswered."""
    try:
        async with (
            asyncio.timeout(seconds),
            client.request(method, url, data=data, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > most_bytes:
                    raise Unanswered(f"answered more than {most_bytes} bytes")
            return Fetched(response.status, bytes(body))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Unanswered(f"{type(error).__name__}: {error}"[:200]) from error
