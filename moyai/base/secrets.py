"""Secrets at rest: one key-encryption key, outside the database and its backups, seals everything else.

Every area of secrets has a key of its own, derived from that one: a process holds the keys of the areas that its role
needs, and none that opens another's. Sealing is AES-256-GCM with the secret's name as associated data, so that a sealed
value cannot be moved to another place and opened there. Nothing here is ever logged.

| names | area |
|---|---|
| `role:ROLE` | one for each role of the database |
| `signing-key:PURPOSE:ID` | one for each purpose |
| `store:…`, `totp:…`, and any other | what stands before the first colon |
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from moyai.base import files

_NONCE_BYTES = 12
SEALED = b"moyai1:"
"""How a value begins that is sealed under its area's key. Others were sealed, by an earlier release, under the one key."""

_BY_TWO = frozenset({"role", "signing-key"})


class KeyNotHeld(Exception):
    """This process was not given the key that opens such a secret; the message names the area."""


def area_of(name: str) -> str:
    """The area that a secret of this name belongs to."""
    parts = name.split(":")
    return ":".join(parts[: 2 if parts[0] in _BY_TWO else 1])


class SecretBox:
    """Seals and opens: everything with the key-encryption key, or only some areas with the keys of these."""

    def __init__(self, key: bytes | None, areas: Mapping[str, bytes] | None = None) -> None:
        self._key = key
        self._areas = dict(areas or {})

    @classmethod
    def from_file(cls, path: Path) -> SecretBox:
        """Open the key file, which must be readable by its owner alone.

        Raises PermissionError if others may read it, FileNotFoundError if it is missing.
        """
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} must not be readable by others (chmod 600)")
        return cls(base64.b64decode(path.read_text()))

    def keys_of(self, areas: Iterable[str]) -> dict[str, bytes]:
        """The keys of these areas, for a process that needs them and no others."""
        return {area: self._key_of(area) for area in areas}

    def _key_of(self, area: str) -> bytes:
        known = self._areas.get(area)
        if known is None:
            if self._key is None:
                raise KeyNotHeld(f"this process has no key for {area}")
            derived = HKDFExpand(SHA256(), 32, f"moyai area {area}".encode())
            known = self._areas[area] = derived.derive(self._key)
        return known

    @staticmethod
    def create_file(path: Path) -> None:
        """Write a new random key to `path`, mode 0600. Raises FileExistsError if there is one."""
        files.make_directory(path.parent, 0o700)
        files.create(path, base64.b64encode(secrets.token_bytes(32)))

    def seal(self, name: str, secret: bytes) -> bytes:
        """Raises KeyNotHeld where the area is another process's."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return SEALED + nonce + AESGCM(self._key_of(area_of(name))).encrypt(nonce, secret, name.encode())

    def open(self, name: str, sealed: bytes, *, was: str | None = None) -> bytes:
        """What was sealed under this name; by an earlier release perhaps under the name that it `was`.

        Raises KeyNotHeld where the area is another process's, cryptography.exceptions.InvalidTag if the value was
        altered or sealed under another name.
        """
        if sealed.startswith(SEALED):
            key, rest = self._key_of(area_of(name)), sealed[len(SEALED) :]
        elif self._key is None:
            raise KeyNotHeld(f"{area_of(name)} is still sealed as by an earlier release: run `moyai migrate`")
        else:
            key, rest, name = self._key, sealed, was or name
        return AESGCM(key).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], name.encode())

    def seal_anew(self, name: str, sealed: bytes, *, was: str | None = None) -> bytes:
        """The same secret, sealed under its area's key."""
        return self.seal(name, self.open(name, sealed, was=was))


class SecretFile:
    """Named passwords of the processes (database roles), sealed in one file of the platform's directory."""

    def __init__(self, path: Path, box: SecretBox) -> None:
        self._path = path
        self._box = box

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])

    def get(self, name: str) -> str | None:
        sealed = self._read().get(name)
        return None if sealed is None else self._box.open(name, base64.b64decode(sealed)).decode()

    def get_or_create(self, name: str) -> str:
        """The password of that name; a new random one is stored, durably, at first use.

        Processes that ask at the same moment get the same one: who comes second reads what the first has stored.
        """
        known = self.get(name)
        if known is not None:
            return known
        with files.alone_in(self._path.parent):
            known = self.get(name)
            return self._create(name) if known is None else known

    def seal_anew(self) -> None:
        """Seal what an earlier release has sealed under its area's key."""
        with files.alone_in(self._path.parent):
            entries = {name: base64.b64decode(sealed) for name, sealed in self._read().items()}
            if all(sealed.startswith(SEALED) for sealed in entries.values()):
                return
            anew = {name: self._box.seal_anew(name, sealed) for name, sealed in entries.items()}
            content = {name: base64.b64encode(sealed).decode() for name, sealed in anew.items()}
            files.replace(self._path, msgspec.json.encode(content))

    def _create(self, name: str) -> str:
        password = secrets.token_urlsafe(24)
        entries = self._read() | {name: base64.b64encode(self._box.seal(name, password.encode())).decode()}
        files.replace(self._path, msgspec.json.encode(entries))
        return password
