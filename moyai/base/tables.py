"""Tables at a terminal: as wide as they are. An id that is cut off is none, so a narrow terminal wraps the line instead."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

_WIDEST: Final = 2000


def print_whole(table: Table, console: Console | None = None) -> None:
    """To the standard output, or where this console prints."""
    needed = Console(width=_WIDEST).measure(table).maximum
    file = None if console is None else console.file
    Console(file=file, highlight=False, soft_wrap=True, width=needed).print(table)
