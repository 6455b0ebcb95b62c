"""The transfers of a desk, as it reads them: what lapses soonest first, page by page.

Transfers of a protected resident are read by whoever is named for them, and by nobody else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.identity import listing, store_transfers
from moyai.identity.model import Desk


class Listed(msgspec.Struct, frozen=True):
    """A transfer in a desk's list. `resident_id` is known to the desk that looks after the resident."""

    transfer_id: UUID
    state: str
    confirmed_by: str | None
    asked_at: datetime
    expires_at: datetime
    certificate: bool
    entered_name: str
    organization_key: int
    own: bool
    resident_id: str | None


class TransferPage(msgspec.Struct, frozen=True):
    """`next` is the cursor of the next page, and None on the last."""

    transfers: list[Listed]
    next: str | None


async def coming(conn: Connection, desk: Desk, limit: int, cursor: str | None = None) -> TransferPage:
    """What this desk asked for: what is pending, then what ended within a month, newest first. Raises Problem
    invalid_request for a cursor that is none."""
    after, staff_key = listing.place_of(cursor), desk.staff_key or 0
    rows = await store_transfers.coming(conn, staff_key, desk.organization_key, after, limit + 1)
    return _page(desk, rows, limit, "completed")


async def leaving(conn: Connection, desk: Desk, limit: int, cursor: str | None = None) -> TransferPage:
    """What other desks ask for of this desk's residents. Raises Problem as `coming`."""
    after, staff_key, codes = listing.place_of(cursor), desk.staff_key or 0, sorted(desk.municipality_codes)
    rows = await store_transfers.leaving(conn, staff_key, codes, desk.organization_key, after, limit + 1)
    return _page(desk, rows, limit, "pending")


def _page(desk: Desk, rows: list[Any], limit: int, known_when: str) -> TransferPage:
    shown, following = listing.page(rows, limit, "transfer_id")
    return TransferPage([_listed(desk, row, known_when) for row in shown], following)


def _listed(desk: Desk, row: Any, known_when: str) -> Listed:
    return Listed(
        row["transfer_id"],
        row["state"],
        row["confirmed_by"],
        row["asked_at"],
        row["expires_at"],
        bool(row["certificate"]),
        row["entered_name"],
        row["organization_key"],
        desk.staff_key is not None and row["asked_staff_key"] == desk.staff_key,
        row["resident_id"] if row["state"] == known_when else None,
    )
