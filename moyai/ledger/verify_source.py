"""Where a verifier reads a log from: a platform's URL, or a directory that holds a copy of its log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from moyai.base.fetch import MOST_BYTES, Unanswered, fetch, session
from moyai.ledger import merkle, note
from moyai.ledger.findings import GaveUp
from moyai.ledger.note import Checkpoint

PREFIX = "/log/v1"
MOST_ENTRIES = 100_000_000
"""The largest log that is read, unless one is asked for: the size is the log's own word, and may be anything."""

_PAGE_BYTES = 4 * 1024 * 1024
_CALL_SECONDS = 30
_WHOLE_SECONDS = 24 * 3600


class Absent(Exception):
    """The source does not have what was asked for, or does not answer."""


class VerifyError(Exception):
    """Nothing could be examined; the message says why."""


class WitnessKey(msgspec.Struct, frozen=True):
    witness_id: str
    verifier_key: str


class Former(msgspec.Struct, frozen=True):
    """A log that a restore cut back to `size` entries, which the log of now continues under another origin."""

    origin: str
    size: int


class Keys(msgspec.Struct, frozen=True):
    """`keys.json`: what the log says about itself."""

    origin: str
    verifier_keys: list[str]
    witnesses: list[WitnessKey] = []
    former: list[Former] = []


class Page(msgspec.Struct, frozen=True):
    checkpoints: list[str]
    next: int | None = None


class Source(Protocol):
    """Raises Absent, or GaveUp. Paths are those of C2SP tlog-tiles."""

    def read(self, path: str, most_bytes: int = MOST_BYTES) -> bytes: ...
    def keys(self) -> Keys: ...
    def chain(self) -> Iterator[str]: ...
    def close(self) -> None: ...


_T = TypeVar("_T")


def _decode(data: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError as error:
        raise Absent(f"the log's answer is malformed: {error}") from error


class Url:
    """A platform (`http://host:port`) or any log under a prefix (`…/log/v1`).

    Each call, and all of them together, end in bounded time and bytes, whatever the log does.
    """

    def __init__(
        self, url: str, call_seconds: float = _CALL_SECONDS, seconds: float = _WHOLE_SECONDS
    ) -> None:
        self._base = _checked(url)
        if not self._base.endswith(PREFIX):
            self._base += PREFIX
        self._call_seconds = call_seconds
        self._until = time.monotonic() + seconds
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(_opened())

    def read(self, path: str, most_bytes: int = MOST_BYTES) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise GaveUp("reading it took too long")
        url = f"{self._base}/{path}"
        call = fetch(self._client, "GET", url, seconds=min(left, self._call_seconds), most_bytes=most_bytes)
        try:
            found = self._loop.run_until_complete(call)
        except Unanswered as error:
            raise Absent(f"{path}: {error}") from error
        if found.status != 200:
            raise Absent(f"{path}: {found.status}")
        return found.body

    def keys(self) -> Keys:
        return _decode(self.read("keys"), Keys)

    def chain(self) -> Iterator[str]:
        after: int | None = -1
        while after is not None:
            page = _decode(self.read(f"checkpoints?after={after}", _PAGE_BYTES), Page)
            yield from page.checkpoints
            after = page.next if page.next is not None and page.next > after else None

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


async def _opened() -> aiohttp.ClientSession:
    return session()  # a session belongs to the loop that runs when it is made


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http(s) URL: {url}")
    return url.rstrip("/")


def witness_checkpoint(url: str, seconds: float = _CALL_SECONDS) -> str:
    """The newest checkpoint that a witness has cosigned, as text. Raises Absent."""

    async def ask() -> bytes:
        async with session() as client:
            found = await fetch(client, "GET", f"{_checked(url)}/checkpoint", seconds=seconds)
        if found.status != 200:
            raise Absent(f"checkpoint: {found.status}")
        return found.body

    try:
        return asyncio.run(ask()).decode(errors="replace")
    except Unanswered as error:
        raise Absent(f"checkpoint: {error}") from error


class Directory:
    """A copy made by `export`: `checkpoint`, `checkpoints.json`, `keys.json`, `tile/…`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, path: str, most_bytes: int = MOST_BYTES) -> bytes:
        try:
            with (self._path / path).open("rb") as file:
                data = file.read(most_bytes + 1)
        except OSError as error:
            raise Absent(f"{path}: {error.strerror}") from error
        if len(data) > most_bytes:
            raise Absent(f"{path}: more than {most_bytes} bytes")
        return data

    def keys(self) -> Keys:
        return _decode(self.read("keys.json"), Keys)

    def chain(self) -> Iterator[str]:
        """Nothing where a copy holds only its newest checkpoint."""
        try:
            file = (self._path / "checkpoints.jsonl").open("rb")
        except OSError:
            return
        with file:
            while line := file.readline(2 * MOST_BYTES):
                yield _decode(line, str)

    def close(self) -> None:
        pass


def open_source(place: str) -> Source:
    """A URL or a directory. Raises ValueError if it is neither."""
    if place.startswith(("http://", "https://")):
        return Url(place)
    if not Path(place).is_dir():
        raise ValueError(f"neither a URL nor a directory: {place}")
    return Directory(Path(place))


def paths(size: int) -> Iterator[str]:
    """Every bundle and tile of a tree."""
    for place in merkle.widths(size, 0):
        yield merkle.tile_path("entries", *place)
    level = 0
    while size >> 8 * level:
        for place in merkle.widths(size, level):
            yield merkle.tile_path(level, *place)
        level += 1


def check_size(checkpoint: Checkpoint, most_entries: int) -> None:
    """Raises GaveUp for a log that says it is larger than that."""
    if checkpoint.size > most_entries:
        raise GaveUp(
            f"it says that it has {checkpoint.size:,} entries, more than {most_entries:,} (--most-entries)"
        )


def export(
    source: Source,
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
    most_entries: int = MOST_ENTRIES,
) -> int:
    """Copy a log into a directory that `Directory` reads; returns its size. Nothing is verified here.

    Raises Absent, GaveUp, and note.NoteError if the newest checkpoint is no checkpoint.
    """
    text = source.read("checkpoint")
    checkpoint = note.parse_checkpoint(note.parse_note(text.decode()).text)
    check_size(checkpoint, most_entries)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "checkpoint").write_bytes(text)
    (directory / "keys.json").write_bytes(msgspec.json.encode(source.keys()))
    with (directory / "checkpoints.jsonl").open("wb") as chain:
        for number, each in enumerate(source.chain()):
            if number > checkpoint.size + 1:  # sizes only grow, so an honest chain is no longer
                raise GaveUp("it has more checkpoints than entries")
            chain.write(msgspec.json.encode(each) + b"\n")
    total = sum(1 for _ in paths(checkpoint.size)) if progress else 0
    for done, path in enumerate(paths(checkpoint.size), 1):
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.read(path))
        if progress is not None:
            progress(done, total)
    return checkpoint.size


def copy_log(
    place: str,
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
    most_entries: int = MOST_ENTRIES,
) -> str:
    """Copy the log at a URL (or in a directory) for later; returns the copy's place. Raises VerifyError."""
    try:
        with closing(open_source(place)) as source:
            export(source, directory, progress, most_entries)
    except (Absent, GaveUp, ValueError, OSError) as error:
        raise VerifyError(str(error)) from error
    return str(directory)
