"""The consent room's part of an erasure: every row about a resident goes. Commitments in the ledger stay."""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.consent import store, store_sharing


async def erase(conn: Connection, resident_key: int) -> dict[str, int]:
    """Delete texts, acts, states, history, memberships and sharings; gives the number of rows per table.

    What others shared with this resident ends. Called beside `personal`'s, `identity`'s and `ledger`'s parts.
    """
    await store.lock_resident(conn, resident_key)
    await store_sharing.end_as_viewer(conn, resident_key)
    return await store.erase_resident(conn, resident_key)
