"""Private keys of the clients that run beside a platform: they lie there in the clear, and in a backup sealed.

Without them a restored platform's own programs would come with other keys than the registry knows.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from moyai.base import files
from moyai.base.config import Home
from moyai.base.secrets import SecretBox

NAME = "clients.sealed"
_SEALED_AS = "backup:clients"


def save(home: Home, target: Path) -> None:
    """Put all of them into one file of a backup, sealed under the key-encryption key."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(_place(home).glob("*.jwk.json"))}
    files.replace(target / NAME, home.box().seal(_SEALED_AS, msgspec.json.encode(found)))


def put_back(home: Home, backup: Path, box: SecretBox) -> None:
    """The reverse; a backup of the release before has none."""
    if not (backup / NAME).exists():
        return
    found = msgspec.json.decode(box.open(_SEALED_AS, (backup / NAME).read_bytes()), type=dict[str, str])
    for name, text in found.items():
        files.make_directory(_place(home), 0o700)
        files.replace(_place(home) / Path(name).name, text.encode())


def _place(home: Home) -> Path:
    return home.directory / "clients"
