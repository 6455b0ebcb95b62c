"""`moyai verify`: the log, examined from outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from moyai.commands.arguments import Json, Several


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
    from moyai.commands.verifying import Trust, run
    from moyai.upkeep.tables import progress, show

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
