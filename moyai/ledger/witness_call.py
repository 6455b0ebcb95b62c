"""One call to one witness: bounded in time and bytes, following nothing, believing nothing.

A witness is somebody else's program. Whatever it answers, it costs us at most a few seconds and 64 KiB, and ends
in a value or in one exception, `Unanswered`, that says what was wrong.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Sequence

import aiohttp
import msgspec

from moyai.ledger.verifiers import Witness

SECONDS = 2.0
"""The deadline of one call, from connecting to the last byte: a witness that drips is cut off here."""

MOST_BYTES = 65_536
_SIZE = re.compile(r"(0|[1-9][0-9]{0,17})\n?")


class Unanswered(Exception):
    """The witness gave no usable answer; the message says why."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    text: str

    @property
    def size(self) -> int | None:
        """The tree size that a 409 names (C2SP tlog-witness), of at most 18 digits; None if it names none."""
        found = _SIZE.fullmatch(self.text) if self.status == 409 else None
        return int(found[1]) if found else None


async def submit(witness: Witness, old: int, proof: Sequence[bytes], note: str) -> Answer:
    """Ask for a cosignature of a checkpoint that extends the one of `old` entries. Raises Unanswered."""
    lines = [f"old {old}", *(base64.b64encode(hash_).decode() for hash_ in proof), "", note]
    return await _call(witness, "POST", "add-checkpoint", "\n".join(lines).encode())


async def newest(witness: Witness) -> str | None:
    """The newest checkpoint that the witness has cosigned, or None if it has cosigned none. Raises Unanswered."""
    answer = await _call(witness, "GET", "checkpoint")
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise Unanswered(f"answered {answer.status}")
    return answer.text


async def _call(witness: Witness, method: str, path: str, data: bytes | None = None) -> Answer:
    try:
        async with asyncio.timeout(SECONDS):
            return await _exchange(method, f"{witness.url.rstrip('/')}/{path}", data)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise Unanswered(f"{type(error).__name__}: {error}"[:200]) from error


async def _exchange(method: str, url: str, data: bytes | None) -> Answer:
    # not decompressed: 64 KiB on the wire could be gigabytes in memory
    async with (
        aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.request(
            method, url, data=data, allow_redirects=False, headers={"Accept-Encoding": "identity"}
        ) as response,
    ):
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                raise Unanswered(f"answered more than {MOST_BYTES} bytes")
        return Answer(response.status, body.decode())
