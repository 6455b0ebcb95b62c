"""`moyai keys`: the platform's signing keys, listed, rotated and revoked. Only here: no running process can."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from moyai.commands.arguments import DEFAULT_DIRECTORY, Directory, Json, home_of

app = App(name="keys", help="The platform's signing keys: of tokens (oidc), receipts, grants and the log.")

Name = Annotated[str, Parameter(help="oidc, receipt, grant or log.")]


@app.command(name="list")
def list_(*, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """All keys that there ever were, and what each still does."""
    from moyai.upkeep.key_acts import list_keys
    from moyai.upkeep.tables import show

    columns = ("purpose", "key_id", "state", "created_at", "verifies_until")
    show(list_keys(home_of(directory)), as_json=json, columns=columns)


@app.command
def rotate(purpose: Name, *, directory: Directory = DEFAULT_DIRECTORY, json: Json = False) -> None:
    """Have another key sign from now on. What the old one signed verifies until it has run out, or for good.

    Parameters
    ----------
    purpose
        oidc, receipt, grant or log.
    """
    from moyai.upkeep.key_acts import rotate_key

    asyncio.run(rotate_key(home_of(directory), purpose, as_json=json))


@app.command
def revoke(
    key: str,
    *,
    reason: Annotated[str, Parameter(help="Why; it stands in the ledger.")],
    directory: Directory = DEFAULT_DIRECTORY,
    json: Json = False,
) -> None:
    """End a key that somebody else may have: within a second, nothing that it signed verifies any more.

    Parameters
    ----------
    key
        A key's id (moyai keys list), or a purpose: the key that signs for it now. Then another one signs from now on.
    """
    from moyai.upkeep.key_acts import revoke_key

    asyncio.run(revoke_key(home_of(directory), key, reason, as_json=json))
