"""After a restore: roles that were taken from a member of staff since the backup are taken away again."""

from __future__ import annotations

from datetime import datetime

from moyai import ledger
from moyai.base.db import Connection
from moyai.base.stops import RightTaken
from moyai.identity import store_staff
from moyai.identity.staff_found import held_account
from moyai.ledger import Act, Kind, contents


async def take_again(conn: Connection, stop: RightTaken, at: datetime, actor: str) -> bool:
    """Whether the account had one of them. Raises Problem does_not_exist for one that the backup does not know."""
    row = await held_account(conn, None, stop.id)
    left = sorted(set(row["roles"]) - set(stop.values))
    if len(left) == len(row["roles"]) or await ledger.recorded_since(
        conn, stop.id, (Kind.STAFF_REGISTERED,), at
    ):
        return False
    await store_staff.set_roles(conn, row["staff_key"], left)
    content = contents.StaffRegistered(
        staff_id=stop.id,
        organization_id=row["organization_id"],
        fields={"roles": contents.Replaced(sorted(row["roles"]), left)},
    )
    await ledger.record(conn, Act(Kind.STAFF_REGISTERED, actor, detail=content))
    return True
