"""What several commands take: the platform's directory, and JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

if TYPE_CHECKING:
    from moyai.base.config import Home

Directory = Annotated[Path, Parameter(name="--dir", help="The platform's directory.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, and nothing else.")]
Several = Annotated[list[str] | None, Parameter(negative="")]

DEFAULT_DIRECTORY = Path(".moyai")


def home_of(directory: Path, *, held: bool = False) -> Home:
    """The platform in a directory. With `held`, what may be opened there comes as a line of standard input.

    Raises ConfigError where there is none, PlatformClosed while it is restored.
    """
    from moyai.base.closed import refuse_while_restoring
    from moyai.base.config import Held, Home

    home = Home(directory, msgspec.json.decode(sys.stdin.readline(), type=Held) if held else None)
    refuse_while_restoring(home)
    home.config()
    return home
