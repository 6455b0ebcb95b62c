"""What lies beside the databases in a platform's directory, in a backup: some files as they are, clients' keys sealed.

Private keys of the clients that run beside a platform lie there in the clear. Without them a restored platform's own
programs would come with other keys than the registry knows.

These files change after a backup. A continuous one keeps them as they are now in a directory of its own, each whole or
not there; a restore takes those first.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from moyai.base import files
from moyai.base.config import Home
from moyai.base.secrets import SecretBox

FILES = ("moyai.toml", "secrets.sealed", "people.sealed", "ports.json")
CLIENTS = "clients.sealed"
NEWER = "newer"
_SEALED_AS = "backup:clients"


def save(home: Home, target: Path) -> None:
    """Put all of it into a backup."""
    _write(home, target, _now(home))


class Kept:
    """The files as a continuous backup holds them; looked at again and again."""

    def __init__(self, home: Home, backup: Path) -> None:
        self._home, self._place = home, backup / NEWER
        self._known: dict[str, bytes] = {}

    def look(self) -> None:
        """Write what has changed since the last look. Raises OSError, and then the next look writes it."""
        now = _now(self._home)
        changed = {name: content for name, content in now.items() if self._known.get(name) != content}
        if changed:
            files.make_directory(self._place, 0o700)
            _write(self._home, self._place, changed)
            self._known |= changed


def find(backup: Path, name: str) -> Path:
    """The newest of this file in a backup, whether there is one or not."""
    newer = backup / NEWER / name
    return newer if newer.exists() else backup / name


def put_back(home: Home, backup: Path, box: SecretBox) -> None:
    """Lay everything where it belongs; a backup of the release before has no clients' keys."""
    for name in FILES:
        if (found := find(backup, name)).exists():
            files.replace(home.directory / name, found.read_bytes(), found.stat().st_mode & 0o777)
    sealed = find(backup, CLIENTS)
    if not sealed.exists():
        return
    keys = msgspec.json.decode(box.open(_SEALED_AS, sealed.read_bytes()), type=dict[str, str])
    for name, text in keys.items():
        files.make_directory(_clients(home), 0o700)
        files.replace(_clients(home) / Path(name).name, text.encode())


def _now(home: Home) -> dict[str, bytes]:
    """The content of each file; of clients' keys, that of all of them, not sealed yet."""
    found = {name: (home.directory / name).read_bytes() for name in FILES if (home.directory / name).exists()}
    keys = {path.name: path.read_text(encoding="utf-8") for path in sorted(_clients(home).glob("*.jwk.json"))}
    return {**found, CLIENTS: msgspec.json.encode(keys)}


def _write(home: Home, target: Path, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        sealed = home.box().seal(_SEALED_AS, content) if name == CLIENTS else content
        files.replace(target / name, sealed, 0o600 if name == CLIENTS else _mode(home.directory / name))


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _clients(home: Home) -> Path:
    return home.directory / "clients"
