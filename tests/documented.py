"""The requests that `/docs` shows, read from the page as a vendor's engineer would, and sent."""

from __future__ import annotations

import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from moyai.calling import CallError
from moyai.cli import app


@dataclass
class Documented:
    """An operation of the page: its method and path, its command line if it shows one, and which operations
    (anchors) it wants to be sent before."""

    anchor: str
    method: str = ""
    path: str = ""
    command: str | None = None
    before: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class _Page(HTMLParser):
    """Operations in the order of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.operations: list[Documented] = []
        self._into: str | None = None
        self._line = False
        self._before = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        if tag == "details" and "operation" in classes:
            self.operations.append(Documented(given.get("id") or ""))
        self._line = self._line or (tag == "div" and "line" in classes)
        self._before = self._before or (tag == "p" and "before" in classes)
        if self._before and tag == "a":
            self.operations[-1].before.append((given.get("href") or "").removeprefix("#"))
        if self.operations and tag == "span" and classes[:1] in (["method"], ["path"]):
            self._into = classes[0]
        elif self.operations and tag == "pre" and self._line:
            self._into = "command"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("span", "pre"):
            self._into = None
        self._line = self._line and tag != "div"
        self._before = self._before and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            one = self.operations[-1]
            setattr(one, self._into, (getattr(one, self._into) or "") + data)


def documented(page: str) -> list[Documented]:
    """What the page shows, in its order."""
    return _Page(page).operations


@dataclass(frozen=True)
class Outcome:
    """What a line's last call printed; `status` is 0 where none was sent."""

    status: int
    printed: str
    complained: str


def send(line: str, directory: Path) -> Outcome:
    """The line as a shell takes it, for the platform in a directory; in this process, which knows `moyai` already.

    Takes the standard streams of the whole process, and a thread without a running loop.
    """
    outcome = Outcome(0, "", "")
    for words in _piped(shlex.split(line)):
        assert words[:2] == ["moyai", "call"]
        outcome = _call([*words[1:], "--dir", str(directory)], outcome.printed)
    return outcome


def _piped(words: list[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _call(words: list[str], piped: str) -> Outcome:
    printed, complained = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(piped)
    try:
        with redirect_stdout(printed), redirect_stderr(complained), suppress(SystemExit):
            app(words)
    except CallError as error:
        complained.write(str(error))
    finally:
        sys.stdin = before
    printed.flush()
    out = printed.buffer.getvalue().decode(errors="replace")  # type: ignore[attr-defined]
    status = re.search(r"^HTTP (\d+)$", complained.getvalue(), re.MULTILINE)
    return Outcome(int(status[1]) if status else 0, out, complained.getvalue())
