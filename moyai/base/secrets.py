"""Secrets at rest: one key-encryption key, outside the database and its backups, seals everything else.

Sealing is AES-256-GCM with the secret's name as associated data, so that a sealed value cannot be moved to
another place and opened there. Nothing here is ever logged.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from moyai.base import files

_NONCE_BYTES = 12


class SecretBox:
    """Seals and opens with one 32-byte key-encryption key."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> SecretBox:
        """Open the key file, which must be readable by its owner alone.

        Raises PermissionError if others may read it, FileNotFoundError if it is missing.
        """
        if path.stat().st_mode & 0o077:
            raise PermissionError(f"{path} must not be readable by others (chmod 600)")
        return cls(base64.b64decode(path.read_text()))

    @staticmethod
    def create_file(path: Path) -> None:
        """Write a new random key to `path`, mode 0600. Raises FileExistsError if there is one."""
        files.make_directory(path.parent, 0o700)
        files.create(path, base64.b64encode(secrets.token_bytes(32)))

    def seal(self, name: str, secret: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, secret, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """Raises cryptography.exceptions.InvalidTag if the value was altered or sealed under another name."""
        return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())


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

    def _create(self, name: str) -> str:
        password = secrets.token_urlsafe(24)
        entries = self._read() | {name: base64.b64encode(self._box.seal(name, password.encode())).decode()}
        files.replace(self._path, msgspec.json.encode(entries))
        return password
