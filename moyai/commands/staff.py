"""`moyai issue`: first secrets of a member of staff, printed on the machine itself."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of
from moyai.commands.registry import Staff


def issue(
    login: Annotated[str, Parameter(help="The account, as `moyai apply` or the console named it.")],
    *,
    as_: Staff = None,
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """Print first secrets for a member of staff who has none of their own, to hand over. Shown once.

    After the owner's first log-in, two members of staff say whose account it is: see `moyai pending`. With --as, whoever
    hands over is the first of them. Where no operator is in force any more, it is in force at once.
    """
    from moyai.commands.issuing import issue as run
    from moyai.upkeep.tables import show

    issued = asyncio.run(run(home_of(directory), login, as_))
    show(
        issued if json else [issued],
        as_json=json,
        columns=("login", "password", "totp_secret", "totp_uri"),
    )
