"""`moyai backup`, `restore`: a whole platform, or one store of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of


def backup(
    target: Path,
    *,
    continuous: Annotated[
        bool,
        Parameter(
            negative="", help="Then keep writing the database's log there, so that nothing after is lost."
        ),
    ] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Back up a whole platform, running or not, without its key and its journal: keep those elsewhere.

    Parameters
    ----------
    target
        An empty directory; with --continuous also one in which such a backup was begun.
    """
    from moyai.recovery.command import back_up

    sys.exit(back_up(home_of(directory), target, continuous=continuous, as_json=json))


def restore(
    source: Path,
    *,
    key: Annotated[
        Path | None, Parameter(help="The key-encryption key, where it is not in its place.")
    ] = None,
    journal: Annotated[
        Path | None, Parameter(help="The journal that was kept since, where it is not in its place.")
    ] = None,
    journal_lost: Annotated[
        bool, Parameter(negative="", help="The journal is lost: stops after the backup come back.")
    ] = False,
    checkpoint: Annotated[
        list[Path] | None,
        Parameter(help="A checkpoint of the log that somebody saved (repeatable).", negative=""),
    ] = None,
    store: Annotated[
        str | None,
        Parameter(help="Only the store of this organisation, into a platform that is there."),
    ] = None,
    anew: Annotated[
        bool,
        Parameter(
            negative="",
            help="With --store: drop what is left of the store, where it is damaged; all comes from the backup.",
        ),
    ] = False,
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Make a platform from a backup, in an empty directory. Nothing is served until all later stops are repeated.

    Interrupted, it is simply given again. With --store one organisation's lost items come back into a platform that goes
    on; nothing of people erased since, and nothing from which something was deleted since.

    Parameters
    ----------
    source
        The directory of a backup.
    """
    from moyai.recovery.command import restore as run
    from moyai.recovery.command import restore_one
    from moyai.recovery.restoring import Asked

    if store is not None:
        sys.exit(restore_one(home_of(directory), source, store, anew=anew, as_json=json))
    asked = Asked(source, key, journal, journal_lost, checkpoint or ())
    sys.exit(run(directory, asked, as_json=json))
