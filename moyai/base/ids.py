"""Identifiers without meaning.

An id says nothing about the person or thing it names; what a program may rely on is only its uniqueness.
"""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid

# Crockford's alphabet: no I, L, O, U, so that an id can be read out over a counter.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def resident_id() -> str:
    """A new resident ID: 16 random characters (80 bits) in four groups, e.g. `7Q2M-9XKD-4ZTA-B1WE`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def random_uuid() -> uuid.UUID:
    """A random (version 4) UUID, for names that must not be guessed or ordered."""
    return uuid.uuid4()


def entry_id(at_ms: int | None = None, fingerprint: bytes | None = None) -> uuid.UUID:
    """The 16 bytes of `entry_bytes` as a UUID."""
    return uuid.UUID(bytes=entry_bytes(at_ms, fingerprint))


def entry_bytes(at_ms: int | None = None, fingerprint: bytes | None = None) -> bytes:
    """A time-ordered UUID (RFC 9562, version 7 layout), as its 16 bytes.

    `at_ms` is Unix time in milliseconds (now, if left out). With a `fingerprint` the rest of the id is taken
    from its SHA-256: the same fingerprint at the same time always gives the same id, which is how the ledger's
    primary key refuses a proof that is used twice, at whatever process.
    """
    ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    tail = secrets.token_bytes(10) if fingerprint is None else hashlib.sha256(fingerprint).digest()[:10]
    raw = bytearray(ms.to_bytes(6, "big") + tail)
    raw[6] = (raw[6] & 0x0F) | 0x70
    raw[8] = (raw[8] & 0x3F) | 0x80
    return bytes(raw)


def uuid_text(raw: bytes) -> str:
    """16 bytes as a UUID is written."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
