"""`moyai apply`, `pending`, `confirm`, `revoke`: the registry as a file, and what of it waits for a second person."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of

if TYPE_CHECKING:
    from moyai.registry.pending import Pending

Staff = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Login of the member of staff who does it: password and code are asked for, or read from standard input.",
    ),
]


def apply(
    file: Path, *, as_: Staff = None, directory: Directory = DEFAULT_DIRECTORY, json: Json = False
) -> None:
    """Bring the registry to what a file says, whole or not at all. Applying it again changes nothing.

    What takes two persons waits, and is named: see `moyai pending`. Without --as the file itself is nobody, and it takes
    two others.

    Parameters
    ----------
    file
        A registry file (TOML): organisations, certification, services, links, terms, clients, staff, suspensions.
    """
    from moyai.applying import apply_file, print_report
    from moyai.commands.pending import logged_in

    home = home_of(directory)
    person = None if as_ is None else asyncio.run(logged_in(home, as_))
    report = asyncio.run(apply_file(home, file.resolve(), person=person))
    print_report(report, as_json=json, directory=None if directory == DEFAULT_DIRECTORY else directory)


def pending(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Show what waits for a second person, and when it takes effect."""
    from moyai.commands.pending import print_waiting

    asyncio.run(print_waiting(home_of(directory), as_json=json))


PendingId = Annotated[str, Parameter(help="As `moyai pending` shows it.")]
Speaker = Annotated[str, Parameter(name="--as", help="Login of the member of staff who says it.")]


def confirm(
    pending_id: PendingId, *, as_: Speaker, directory: Directory = DEFAULT_DIRECTORY, json: Json = False
) -> None:
    """Stand for what waits; it takes effect once two people with different staff numbers do."""
    from moyai.commands.pending import confirm as word

    _show(asyncio.run(word(home_of(directory), pending_id, as_)), as_json=json)


def revoke(
    pending_id: PendingId, *, as_: Speaker, directory: Directory = DEFAULT_DIRECTORY, json: Json = False
) -> None:
    """End what waits; nothing of it takes effect."""
    from moyai.commands.pending import revoke as word

    _show(asyncio.run(word(home_of(directory), pending_id, as_)), as_json=json)


def _show(spoken_on: Pending, *, as_json: bool) -> None:
    """What became of it. The exit code tells of one that is void: what it refers to has changed."""
    from moyai.upkeep.tables import show

    show([spoken_on], as_json=as_json, columns=("pending_id", "act", "id", "state"))
    sys.exit(spoken_on.state == "void")
