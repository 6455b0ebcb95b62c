"""What is hashed is what is rendered: canonical JSON of published texts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """JSON with sorted members, no spaces, UTF-8: the bytes that are hashed."""
    return _encoder.encode(value)


def shape_of(schemas: Mapping[str, Any]) -> bytes:
    """What items that follow these closed schemas look like: the SHA-256 of the schema of each item by its name.

    What was stored with a digest of another form may have been checked by an open schema: it matches nothing.
    """
    return digest({"closed": dict(schemas)})


def digest(content: Any) -> bytes:
    """SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(content)).digest()
