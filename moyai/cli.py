"""The command `moyai`: one subcommand is one function. Heavy imports wait inside them, so that help is quick."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of
from moyai.commands.keys import app as keys

app = App(name="moyai", help="もやい: the data-linkage platform that prefectures and municipalities share.")
app.command(keys)

Port = Annotated[int | None, Parameter(help="The platform's port (8400, or the one it had).")]
Once = Annotated[bool, Parameter(negative="", help="Play the whole story over HTTP, then stop.")]
Standby = Annotated[bool, Parameter(negative="", help="Load all, then wait for a line to begin.")]
IsHeld = Annotated[
    bool,
    Parameter(
        name="--held", negative="", help="What it may open is a line of standard input, not the key file."
    ),
]


@app.command
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
app.command(demo)


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


Several = Annotated[list[str] | None, Parameter(negative="")]


@app.command
def call(
    method: str,
    url: str,
    *,
    client: Annotated[str | None, Parameter(help="A client's id whose key lies here, or a key file.")] = None,
    resident: Annotated[
        str | None,
        Parameter(help="Login of run.json, using:SERVICE or new-to:SERVICE (somebody who does, does not)."),
    ] = None,
    data: Annotated[str | None, Parameter(help="The body, as JSON.")] = None,
    form: Annotated[Several, Parameter(help="NAME=VALUE: a field of a form (repeatable).")] = None,
    take: Annotated[
        Several, Parameter(help="NAME=URL#/POINTER: GET this first, and put a member for {NAME}; - is stdin.")
    ] = None,
    header: Annotated[Several, Parameter(help="NAME: VALUE (repeatable).")] = None,
    directory: Directory = DEFAULT_DIRECTORY,
) -> None:
    """Send one API call, and print the answer: signed as a client, as a resident's touch point, or as anybody.

    With --client and --resident the client calls, and {subject} stands for what it knows the resident as,
    {resident} for the resident's ID. Whom it is about comes from run.json, so that no line names anybody.

    Parameters
    ----------
    method
        GET, POST, PUT, PATCH or DELETE.
    url
        A whole URL, or a path on the platform.
    """
    from moyai.commands.call import Asked, run

    asked = Asked(method, url, client, resident, data, form or [], take or [], header or [])
    sys.exit(run(asked, directory))


@app.command
def serve(
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    fd: Annotated[int | None, Parameter(help="A listening socket inherited from the supervisor.")] = None,
    name: Annotated[str, Parameter(help="Names this process in its logs.")] = "serve",
    standby: Standby = False,
    held: IsHeld = False,
) -> None:
    """Answer HTTP for one platform, until told to stop."""
    from moyai.base import metric_files
    from moyai.base.logging import set_up

    home = home_of(directory, held=held)
    set_up(home, name)
    metric_files.share(home.metrics, name)
    from moyai.app import serve as run

    if standby and not sys.stdin.readline():
        return
    run(home, fd, name)


@app.command
def worker(
    *,
    directory: Directory = DEFAULT_DIRECTORY,
    name: Annotated[str, Parameter(help="Names this process in its logs.")] = "worker",
    standby: Standby = False,
    held: IsHeld = False,
) -> None:
    """Do what a platform does on its own: order and sign the ledger, settle, forget. Until told to stop."""
    from moyai.base import metric_files
    from moyai.base.logging import set_up

    home = home_of(directory, held=held)
    set_up(home, name)
    metric_files.share(home.metrics, name)
    from moyai.worker import work

    if standby and not sys.stdin.readline():
        return
    asyncio.run(work(home))


@app.command
def migrate(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Bring a platform's databases to this release's version. May be interrupted and run again."""
    from moyai.commands.migrating import migrate as run
    from moyai.commands.tables import show

    results = run(home_of(directory))
    show(results, as_json=json, columns=("database", "version", "problem"))
    sys.exit(any(result.problem for result in results))


@app.command
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


@app.command
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
        sys.exit(restore_one(home_of(directory), source, store, as_json=json))
    asked = Asked(source, key, journal, journal_lost, checkpoint or ())
    sys.exit(run(directory, asked, as_json=json))


@app.command
def check(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Look whether a platform is set up so that it can be trusted to run; say what to do where it is not."""
    from moyai.base.config import Home
    from moyai.commands.check import check as run
    from moyai.commands.tables import show

    findings = run(Home(directory))
    show(findings, as_json=json, columns=("name", "level", "ja", "en"))
    sys.exit(any(finding.level == "error" for finding in findings))


Staff = Annotated[
    str | None,
    Parameter(
        name="--as",
        help="Login of the member of staff who does it: password and code are asked for, or read from standard input.",
    ),
]


@app.command
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
    report = asyncio.run(apply_file(home, file, person=person))
    print_report(report, as_json=json, directory=None if directory == DEFAULT_DIRECTORY else directory)


@app.command
def pending(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Show what waits for a second person, and when it takes effect."""
    from moyai.commands.pending import print_waiting

    asyncio.run(print_waiting(home_of(directory), as_json=json))


@app.command
def confirm(
    pending_id: str,
    *,
    as_: Annotated[str, Parameter(name="--as", help="Login of the member of staff who confirms.")],
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Stand for what waits; it takes effect once two people with different staff numbers do.

    Parameters
    ----------
    pending_id
        As `moyai pending` shows it.
    """
    from moyai.commands.pending import confirm as run
    from moyai.commands.tables import show

    done = asyncio.run(run(home_of(directory), pending_id, as_))
    show([done], as_json=json, columns=("pending_id", "act", "id", "state"))
    sys.exit(1 if done.state == "void" else 0)


@app.command
def revoke(
    pending_id: str,
    *,
    as_: Annotated[str, Parameter(name="--as", help="Login of the member of staff who revokes.")],
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """End what waits; nothing of it takes effect.

    Parameters
    ----------
    pending_id
        As `moyai pending` shows it.
    """
    from moyai.commands.pending import revoke as run
    from moyai.commands.tables import show

    ended = asyncio.run(run(home_of(directory), pending_id, as_))
    show([ended], as_json=json, columns=("pending_id", "act", "id", "state"))


@app.command(name="import")
def import_(
    file: Path,
    *,
    dataset: Annotated[
        str, Parameter(help="Kind of dataset, e.g. evacuation-site, aed, hospital, public-toilet.")
    ],
    source: Annotated[str | None, Parameter(help="The credit that every entity carries.")] = None,
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Put open data into the city data that all may read. Importing a file again changes nothing.

    Rows that cannot be imported are listed with the reason; the others are imported.

    Parameters
    ----------
    file
        A CSV in the columns of 自治体標準オープンデータセット (UTF-8 or Shift_JIS), or outlines of municipalities.
    """
    from moyai.context.command import run

    asyncio.run(run(home_of(directory), file, dataset, source=source, as_json=json))


@app.command
def introspect(
    *,
    directory: Annotated[
        tuple[Path, ...],
        Parameter(name="--dir", negative="", help="A platform's directory; several are merged."),
    ] = (DEFAULT_DIRECTORY,),
    json: Json = False,
) -> None:
    """Show the attributes of running platforms as the guidebook names them, computed from registry and settings."""
    from moyai.commands.introspection import introspect as run
    from moyai.commands.introspection import print_table

    print_table(asyncio.run(run([home_of(one) for one in directory])), as_json=json)


@app.command
def verify(
    place: Annotated[str, Parameter(help="The platform's URL, or a directory that holds a copy of its log.")],
    *,
    trust: Annotated[
        Path | None,
        Parameter(help="Your trust policy (C2SP tlog-policy): log and witness keys, and the quorum."),
    ] = None,
    trust_on_first_use: Annotated[
        Path | None,
        Parameter(
            help="The same; where the file is missing, it is written with the keys that the log names."
        ),
    ] = None,
    log_key: Annotated[
        Several, Parameter(help="The log's verifier key, as you know it (repeatable), in place of a policy.")
    ] = None,
    witness_key: Annotated[
        Several,
        Parameter(help="A witness's verifier key, as you know it (repeatable), in place of a policy."),
    ] = None,
    witnesses: Annotated[
        int | None, Parameter(help="How many of these witnesses must have signed [default: more than half].")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        Parameter(
            name=("--since", "--checkpoint"),
            help="A checkpoint that you saved earlier (repeatable).",
            negative="",
        ),
    ] = None,
    witness: Annotated[
        Several, Parameter(help="A witness's URL; ask it what it has seen (repeatable).")
    ] = None,
    copy_to: Annotated[Path | None, Parameter(help="First copy the log here, then examine the copy.")] = None,
    most_entries: Annotated[int, Parameter(help="Give up on a log that says it is larger.")] = 100_000_000,
    json: Json = False,
) -> None:
    """Examine a log from outside: was any entry changed, removed or moved?

    What that is worth rests on the keys that you bring along. Exit code 0: nothing was changed, and somebody you trust
    vouches for it; 1: something was found; 3: the log is consistent with itself, and nothing vouches for it.
    """
    from moyai.commands.tables import progress, show
    from moyai.commands.verifying import Trust, run

    wanted = Trust(trust, trust_on_first_use, log_key or [], witness_key or [], witnesses)
    report = run(
        place,
        wanted,
        checkpoints=checkpoint or (),
        witnesses=witness or (),
        copy_to=copy_to,
        most_entries=most_entries,
        progress=progress,
    )
    if json:
        show(report, as_json=True)
    else:
        print("\n".join(report.lines()))
    sys.exit(report.exit_code)


bench = App(name="bench", help="Measure, as ratios against a floor in the same run.")
app.command(bench)


@bench.command
def exchange(
    *,
    residents: Annotated[int, Parameter(help="Residents to make; each has three consents.")] = 10_000,
    concurrency: int = 32,
    sources: Annotated[tuple[int, ...], Parameter(help="Sources of one exchange, 1 or 3.")] = (1, 3),
    rounds: int = 3,
    seconds: Annotated[int, Parameter(help="Length of one round.")] = 6,
    processes: int = 2,
    json: Json = False,
) -> None:
    """The main job against pgbench and a bare echo. Needs no running platform, and wrk."""
    from moyai.bench.exchange import Settings
    from moyai.bench.exchange import main as run
    from moyai.commands.tables import progress, say, show

    settings = Settings(residents, tuple(sources), concurrency, rounds, seconds, processes)
    report = run(settings, progress, say)
    show(report, as_json=json)


def main() -> None:
    """Run a command; what the user can put right is said in one line, without a traceback."""
    try:
        app()
    except Exception as error:
        from moyai.commands.failures import explain

        text = explain(error)
        if text is None:
            raise
        print(f"moyai: {text}", file=sys.stderr)
        sys.exit(1)
