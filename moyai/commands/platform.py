"""`moyai up`, `demo`, `serve`, `worker`, `migrate`, `check`, `introspect`: the platform as a whole."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of

if TYPE_CHECKING:
    from moyai.base.config import Home

Port = Annotated[int | None, Parameter(help="The platform's port (8400, or the one it had).")]
Once = Annotated[bool, Parameter(negative="", help="Play the whole story over HTTP, then stop.")]
Standby = Annotated[bool, Parameter(negative="", help="Load all, then wait for a line to begin.")]
IsHeld = Annotated[
    bool,
    Parameter(
        name="--held", negative="", help="What it may open is a line of standard input, not the key file."
    ),
]


def up(
    scenario: str,
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    port: Port = None,
    once: Once = False,
    json: Json = False,
) -> None:
    """Start a platform with services, residents and city data from one file, and keep it running.

    Parameters
    ----------
    scenario
        A scenario's name (type-2.1) or file.
    """
    from moyai.up.command import run

    sys.exit(run(scenario, directory, port, once=once, as_json=json))


demo = App(name="demo", help="The scenario of the day.")


@demo.default
def start(
    *, directory: Directory = DEFAULT_DIRECTORY, port: Port = None, once: Once = False, json: Json = False
) -> None:
    """Start the demonstration: `moyai up type-2.1`."""
    up("type-2.1", directory=directory, port=port, once=once, json=json)


@demo.command
def code(login: str, *, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """The code that a login's authenticator app shows now, so that nobody needs a phone to try it."""
    from moyai.up.code import current

    print(asyncio.run(current(home_of(directory), login)))


def _home_of_process(directory: Path, name: str, *, held: bool) -> Home:
    """The platform; what this process logs and counts goes to its place there."""
    from moyai.base import metric_files
    from moyai.base.logging import set_up

    home = home_of(directory, held=held)
    set_up(home, name)
    metric_files.share(home.metrics, name)
    return home


def serve(
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    fd: Annotated[int | None, Parameter(help="A listening socket inherited from the supervisor.")] = None,
    name: Annotated[str, Parameter(help="Names this process in its logs.")] = "serve",
    standby: Standby = False,
    held: IsHeld = False,
) -> None:
    """Answer HTTP for one platform, until told to stop."""
    home = _home_of_process(directory, name, held=held)
    from moyai.app import serve as run

    if standby and not sys.stdin.readline():
        return
    run(home, fd, name)


def worker(
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    name: Annotated[str, Parameter(help="Names this process in its logs.")] = "worker",
    standby: Standby = False,
    held: IsHeld = False,
) -> None:
    """Do what a platform does on its own: order and sign the ledger, settle, forget. Until told to stop."""
    home = _home_of_process(directory, name, held=held)
    from moyai.worker import work

    if standby and not sys.stdin.readline():
        return
    asyncio.run(work(home))


def migrate(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Bring a platform's databases to this release's version. May be interrupted and run again."""
    from moyai.upkeep.migrating import migrate as run
    from moyai.upkeep.tables import show

    results = run(home_of(directory))
    show(results, as_json=json, columns=("database", "version", "problem"))
    sys.exit(any(result.problem for result in results))


def check(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Look whether a platform is set up so that it can be trusted to run; say what to do where it is not."""
    from moyai.base.config import Home
    from moyai.commands.check import check as run
    from moyai.upkeep.tables import show

    findings = run(Home(directory))
    show(findings, as_json=json, columns=("name", "level", "ja", "en"))
    sys.exit(any(finding.level == "error" for finding in findings))


def introspect(
    *,
    directory: Annotated[
        tuple[Path, ...],
        Parameter(name="--dir", negative="", help="A platform's directory; several are merged."),
    ] = (DEFAULT_DIRECTORY,),
    json: Json = False,
) -> None:
    """Show the attributes of running platforms as the guidebook names them, computed from registry and settings."""
    from moyai.upkeep.introspection import introspect as run
    from moyai.upkeep.introspection import print_table

    print_table(asyncio.run(run([home_of(one) for one in directory])), as_json=json)
