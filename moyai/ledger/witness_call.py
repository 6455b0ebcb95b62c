"""One call to one witness. It is somebody else's program: what it answers is a value, or `Unanswered` (`base.fetch`)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from moyai.base.fetch import Unanswered, fetch, session
from moyai.ledger.verifiers import Witness

SECONDS = 2.0
_SIZE = re.compile(r"(0|[1-9][0-9]{0,17})\n?")


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
    url = f"{witness.url.rstrip('/')}/{path}"
    async with session() as client:
        fetched = await fetch(client, method, url, seconds=SECONDS, data=data)
    try:
        return Answer(fetched.status, fetched.body.decode())
    except UnicodeDecodeError as error:
        raise Unanswered("the answer is not UTF-8") from error
