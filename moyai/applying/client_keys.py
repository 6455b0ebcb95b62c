"""Keys of the clients that run beside a platform, in `DIR/clients/ID.jwk.json`: made at first use, mode 0600.

A client elsewhere makes its own key and has only the public part registered; the platform needs neither file.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from moyai.base import files
from moyai.base.config import Home

PUBLIC_MEMBERS = ("kty", "crv", "x", "y", "kid")


def key_file(home: Home, client_id: str) -> Path:
    return home.directory / "clients" / f"{client_id}.jwk.json"


def public_keys(home: Home, client_id: str) -> dict[str, Any]:
    """The client's JWK set with its public key; the private one is made at first use."""
    path = key_file(home, client_id)
    if not path.exists():
        _create(path, client_id)
    private: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return {"keys": [{name: private[name] for name in PUBLIC_MEMBERS} | {"use": "sig", "alg": "ES256"}]}


def _create(path: Path, client_id: str) -> None:
    key = ECKey.generate_key("P-256", {"kid": f"{client_id}-1"}, private=True)
    files.make_directory(path.parent, 0o700)
    with contextlib.suppress(FileExistsError):  # somebody else made it this moment: the caller reads that one
        files.create(path, msgspec.json.encode(key.as_dict(private=True)))
