"""What is hashed is what is rendered: canonical JSON of published texts."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """JSON with sorted members, no spaces, UTF-8: the bytes that are hashed."""
    return _encoder.encode(value)


def digest(content: Any) -> bytes:
    """SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(content)).digest()
