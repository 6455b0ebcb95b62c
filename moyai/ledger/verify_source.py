"""Where a verifier reads a log from: a platform's URL, or a directory that holds a copy of its log."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from moyai.ledger import merkle, note
from moyai.ledger.note import Checkpoint

_MAX_ANSWER = 4 * 1024 * 1024
PREFIX = "/log/v1"


class Absent(Exception):
    """The source does not have what was asked for, or does not answer."""


class VerifyError(Exception):
    """Nothing could be examined; the message says why."""


class WitnessKey(msgspec.Struct, frozen=True):
    witness_id: str
    verifier_key: str


class Keys(msgspec.Struct, frozen=True):
    """`keys.json`: what the log says about itself."""

    origin: str
    verifier_keys: list[str]
    witnesses: list[WitnessKey] = []


class Page(msgspec.Struct, frozen=True):
    checkpoints: list[str]
    next: int | None = None


class Source(Protocol):
    """Raises Absent. Paths are those of C2SP tlog-tiles."""

    def read(self, path: str) -> bytes: ...
    def keys(self) -> Keys: ...
    def chain(self) -> list[str]: ...


_T = TypeVar("_T")


def _decode(data: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError as error:
        raise Absent(f"the log's answer is malformed: {error}") from error


class Url:
    """A platform (`http://host:port`) or any log under a prefix (`…/log/v1`). One kept connection."""

    def __init__(self, url: str, timeout: float = 10) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http(s) URL: {url}")
        self._prefix = parts.path if parts.path.endswith(PREFIX) else parts.path + PREFIX
        self._connection = _connection(url, timeout)

    def read(self, path: str) -> bytes:
        return _get(self._connection, f"{self._prefix}/{path}")

    def keys(self) -> Keys:
        return _decode(self.read("keys"), Keys)

    def chain(self) -> list[str]:
        notes: list[str] = []
        after: int | None = -1
        while after is not None:
            page = _decode(self.read(f"checkpoints?after={after}"), Page)
            notes += page.checkpoints
            after = page.next if page.next != after else None
        return notes


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


def _get(connection: http.client.HTTPConnection, path: str) -> bytes:
    for again in (True, False):  # a kept connection may have been closed meanwhile
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            data = answer.read(_MAX_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if not again:
                raise Absent(f"{path}: {type(error).__name__}") from error
            continue
        if answer.status != 200:
            raise Absent(f"{path}: {answer.status}")
        return data
    raise AssertionError


def witness_checkpoint(url: str, timeout: float = 10) -> str:
    """The newest checkpoint that a witness has cosigned, as text. Raises Absent."""
    parts = urlsplit(url.rstrip("/"))
    return _get(_connection(url, timeout), f"{parts.path}/checkpoint").decode(errors="replace")


class Directory:
    """A copy made by `export`: `checkpoint`, `checkpoints.json`, `keys.json`, `tile/…`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, path: str) -> bytes:
        try:
            return (self._path / path).read_bytes()
        except OSError as error:
            raise Absent(f"{path}: {error.strerror}") from error

    def keys(self) -> Keys:
        return _decode(self.read("keys.json"), Keys)

    def chain(self) -> list[str]:
        """Empty where a copy holds only its newest checkpoint."""
        try:
            data = self.read("checkpoints.json")
        except Absent:
            return []
        return _decode(data, Page).checkpoints


def open_source(place: str) -> Source:
    """A URL or a directory. Raises ValueError if it is neither."""
    if place.startswith(("http://", "https://")):
        return Url(place)
    if not Path(place).is_dir():
        raise ValueError(f"neither a URL nor a directory: {place}")
    return Directory(Path(place))


def paths(checkpoint: Checkpoint) -> list[str]:
    """Every bundle and tile of a tree."""
    found = [merkle.tile_path("entries", *place) for place in merkle.widths(checkpoint.size, 0)]
    level = 0
    while places := merkle.widths(checkpoint.size, level):
        found += [merkle.tile_path(level, *place) for place in places]
        level += 1
    return found


def export(source: Source, directory: Path, progress: Callable[[int, int], None] | None = None) -> int:
    """Copy a log into a directory that `Directory` reads; returns its size. Nothing is verified here.

    Raises Absent, and note.NoteError if the newest checkpoint is no checkpoint.
    """
    text = source.read("checkpoint")
    checkpoint = note.parse_checkpoint(note.parse_note(text.decode()).text)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "checkpoint").write_bytes(text)
    (directory / "keys.json").write_bytes(msgspec.json.encode(source.keys()))
    (directory / "checkpoints.json").write_bytes(msgspec.json.encode(Page(source.chain())))
    wanted = paths(checkpoint)
    for done, path in enumerate(wanted, 1):
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.read(path))
        if progress is not None:
            progress(done, len(wanted))
    return checkpoint.size


def copy_log(place: str, directory: Path, progress: Callable[[int, int], None] | None = None) -> str:
    """Copy the log at a URL (or in a directory) for later; returns the copy's place. Raises VerifyError."""
    try:
        export(open_source(place), directory, progress)
    except (Absent, ValueError, OSError) as error:
        raise VerifyError(str(error)) from error
    return str(directory)
