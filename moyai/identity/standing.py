"""What every call with a token asks of the database beside its caller: was this proof used before?"""

from __future__ import annotations

import hashlib

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_oauth
from moyai.identity.dpop import PROOF_WINDOW_SECONDS


async def use_once(conn: Connection, fingerprint: bytes) -> None:
    """Use a DPoP proof up, for all processes. `fingerprint` is `Proof.fingerprint`.

    Raises Problem("proof_replayed") the second time (RFC 9449, section 11.1).
    """
    if not await store_oauth.remember(conn, hashlib.sha256(fingerprint).digest(), 2 * PROOF_WINDOW_SECONDS):
        raise Problem("proof_replayed")
