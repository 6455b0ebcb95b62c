"""Whose signatures count: the log's own keys, and its witnesses. Here without the means to call anybody."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from moyai.base import keys
from moyai.base.db import Connection
from moyai.ledger.note import LOG_KEY, Verifier


class Witness(msgspec.Struct, frozen=True):
    """A registered witness: its id, its verifier key (C2SP vkey of kind 0x04), its submission prefix."""

    witness_id: str
    verifier_key: str
    url: str


def quorum(registered: int) -> int:
    """How many of the registered witnesses make a checkpoint a cosigned one: more than half, none of none.

    Any two such groups share a witness, so two logs that part cannot both have one.
    """
    return registered // 2 + 1 if registered else 0


async def log_keys(conn: Connection, origin: str) -> list[Verifier]:
    """The log's keys, newest first, also the retired ones: what they signed stays signed."""
    return _verifiers(origin, await keys.public_set(conn, "log"))


async def revoked_log_keys(conn: Connection, origin: str) -> list[Verifier]:
    """Keys that somebody else may have, too."""
    return _verifiers(origin, await keys.revoked_set(conn, "log"))


def _verifiers(origin: str, jwks: dict[str, list[dict[str, Any]]]) -> list[Verifier]:
    return [Verifier(origin, LOG_KEY, base64.urlsafe_b64decode(jwk["x"] + "==")) for jwk in jwks["keys"]]
