"""The platform's signing keys: one set per purpose, made at first use, sealed at rest, rotated with overlap.

| purpose | algorithm | signs |
|---|---|---|
| `oidc` | ES256 | ID tokens and access tokens |
| `receipt` | ES256 | consent receipts and receipts of exchanges |
| `grant` | ES256 | grants of the authorise-only mode |
| `log` | Ed25519 | checkpoints of the ledger |
"""

from __future__ import annotations

import time
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OKPKey

from moyai.base import store_keys
from moyai.base.db import Connection
from moyai.base.secrets import SEALED, SecretBox

Purpose = Literal["oidc", "receipt", "grant", "log"]
ALGORITHMS: dict[Purpose, str] = {"oidc": "ES256", "receipt": "ES256", "grant": "ES256", "log": "Ed25519"}

# How long a retired key still verifies. What `log` and `receipt` keys signed is kept for good.
OVERLAP_SECONDS: dict[Purpose, float | None] = {"oidc": 86_400, "receipt": None, "grant": 86_400, "log": None}


class SigningKey(msgspec.Struct, frozen=True):
    """A private key, opened. `key_id` is the RFC 7638 thumbprint and the `kid` of what it signs."""

    key_id: str
    algorithm: str
    jwk: ECKey | OKPKey

    @property
    def public_jwk(self) -> dict[str, Any]:
        members = cast("dict[str, Any]", self.jwk.as_dict(private=False))
        return {**members, "kid": self.key_id, "alg": self.algorithm, "use": "sig"}

    def ed25519(self) -> Ed25519PrivateKey:
        """The key as the ledger's notes take it. Raises TypeError for an ES256 key."""
        key = self.jwk.private_key
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{self.algorithm} is not Ed25519")
        return key


class Known(msgspec.Struct, frozen=True):
    """A key without its private half. After `retired_at` it signs nothing, after `forgotten_at` it verifies nothing."""

    purpose: Purpose
    key_id: str
    created_at: datetime
    retired_at: datetime | None
    forgotten_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str | None


def _generate(algorithm: str) -> SigningKey:
    jwk = (
        OKPKey.generate_key("Ed25519")
        if algorithm == "Ed25519"
        else ECKey.generate_key("P-256", private=True)
    )
    return SigningKey(jwk.thumbprint(), algorithm, jwk)


def _sealed_name(purpose: str, key_id: str) -> str:
    return f"signing-key:{purpose}:{key_id}"


def _seal(box: SecretBox, purpose: Purpose, key: SigningKey) -> bytes:
    return box.seal(_sealed_name(purpose, key.key_id), msgspec.json.encode(key.jwk.as_dict(private=True)))


@lru_cache(maxsize=64)
def _open(box: SecretBox, purpose: Purpose, key_id: str, algorithm: str, sealed: bytes) -> SigningKey:
    opened = box.open(_sealed_name(purpose, key_id), sealed, was=f"signing-key:{key_id}")
    members = msgspec.json.decode(opened, type=dict[str, str | list[str]])
    kind = OKPKey if algorithm == "Ed25519" else ECKey
    return SigningKey(key_id, algorithm, kind.import_key(members))


async def current(conn: Connection, box: SecretBox, purpose: Purpose) -> SigningKey:
    """The key that signs now; made at first use. Opened keys stay in memory."""
    return (await _find(conn, box, purpose))[0]


async def _find(conn: Connection, box: SecretBox, purpose: Purpose) -> tuple[SigningKey, bool]:
    """The key that signs now, and whether it is there for good (committed before this transaction)."""
    row = await store_keys.current(conn, purpose)
    if row is None:
        await _make(conn, box, purpose)
        row = await store_keys.current(conn, purpose)
    if row is None:
        raise RuntimeError(f"no signing key for {purpose} could be stored")
    return _open(box, purpose, row["key_id"], row["algorithm"], row["sealed"]), row["settled"]


async def _make(conn: Connection, box: SecretBox, purpose: Purpose) -> None:
    key = _generate(ALGORITHMS[purpose])
    await store_keys.add(conn, key.key_id, purpose, key.algorithm, key.public_jwk, _seal(box, purpose, key))


async def seal_anew(conn: Connection, box: SecretBox) -> None:
    """Seal the keys that an earlier release has sealed, each under its purpose's key; the caller may change them."""
    for row in await store_keys.sealed_otherwise(conn, SEALED):
        name, was = _sealed_name(row["purpose"], row["key_id"]), f"signing-key:{row['key_id']}"
        await store_keys.seal(conn, row["key_id"], box.seal_anew(name, row["sealed"], was=was))


async def rotate(conn: Connection, box: SecretBox, purpose: Purpose) -> SigningKey:
    """Retire the current key and make the next one, in the caller's transaction. The old one still verifies."""
    await store_keys.retire(conn, purpose, OVERLAP_SECONDS[purpose])
    return await current(conn, box, purpose)


async def revoke(conn: Connection, box: SecretBox, key_id: str, reason: str) -> SigningKey | None:
    """End a key for good, in the caller's transaction: nothing that it signed verifies any more.

    Returns the next key where it was the one that signs. Raises LookupError if there is no such key, or not any more.
    """
    found = await store_keys.revoke(conn, key_id, reason)
    if found is None:
        raise LookupError(f"there is no key {key_id} that still verifies")
    return await current(conn, box, found["purpose"]) if found["signed"] else None


async def known(conn: Connection) -> list[Known]:
    """All keys that there ever were, by purpose, newest first."""
    return msgspec.convert([dict(row) for row in await store_keys.known(conn)], list[Known])


async def alone(conn: Connection) -> None:
    """Until the end of the transaction, nobody else rotates or revokes."""
    await store_keys.alone(conn)


async def public_set(conn: Connection, purpose: Purpose) -> dict[str, list[dict[str, Any]]]:
    """A JWK set (RFC 7517, section 5), newest key first, with the retired ones that still verify."""
    return {"keys": await store_keys.public(conn, purpose)}


async def revoked_set(conn: Connection, purpose: Purpose) -> dict[str, list[dict[str, Any]]]:
    """The keys that were revoked. What they signed proves nothing: a thief may have signed it."""
    return {"keys": await store_keys.revoked(conn, purpose)}


class KeyRing:
    """The current keys of one platform for one process, asked for anew every second.

    A process may therefore sign with a key up to a second after a command rotated it (the overlap covers that) or
    revoked it (then what it signed verifies nowhere).
    """

    def __init__(self, box: SecretBox, seconds: float = 1) -> None:
        self._box = box
        self._seconds = seconds
        self._known: dict[Purpose, tuple[float, SigningKey]] = {}

    async def current(self, conn: Connection, purpose: Purpose) -> SigningKey:
        until, key = self._known.get(purpose, (0.0, None))
        if key is None or until < time.monotonic():
            key, settled = await _find(conn, self._box, purpose)
            if settled:
                self._known[purpose] = (time.monotonic() + self._seconds, key)
        return key
