"""What commands print: a table for people, or JSON alone on the standard output for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import cast

import msgspec
from rich.table import Table

from moyai.base.tables import print_whole


def show(value: object, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print a list of structs by these of their fields, which also head the columns; anything else as JSON."""
    if as_json or not columns:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
        return
    table = Table(*columns)
    for row in cast("Sequence[object]", value):
        table.add_row(*(_text(getattr(row, column)) for column in columns))
    print_whole(table)


def say(text: str) -> None:
    """Tell people how far the work is, beside what programs read."""
    print(text, file=sys.stderr, flush=True)


def progress(what: str, done: int, total: int) -> None:
    """One line that is written over until the work is done; without a terminal, only its end."""
    if sys.stderr.isatty():
        print(
            f"\r{what}  {done:,} / {total:,}", end="\n" if done >= total else "", file=sys.stderr, flush=True
        )
    elif done >= total:
        say(f"{what}  {total:,}")


def _text(value: object) -> str:
    return "" if value is None else str(value)
