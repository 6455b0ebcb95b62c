"""After a restore: secrets that were replaced since the backup are in force again, and somebody else may know them."""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.base.stops import SecretsReplaced
from moyai.identity import (
    credentials,
    login_acts,
    residents,
    staff_logins,
    store_logins,
    store_sessions,
    store_staff,
)


async def end_again(conn: Connection, box: SecretBox, stop: SecretsReplaced, at: datetime) -> bool:
    """Whether secrets from before `at` were in force: they open nothing any more, and the desk, or who administers
    the staff, hands over new ones. Raises Problem does_not_exist for a person whom the backup does not know.
    """
    if stop.staff_id:
        return await _of_staff(conn, stop.staff_id, at)
    key = (await residents.by_id(conn, stop.resident_id)).resident_key
    login = await store_logins.login_of_resident(conn, key)
    if login is None or await store_logins.changed_since(conn, login, at):
        return False
    await credentials.make_useless(conn, box, login)
    await store_sessions.end_all_of_resident(conn, key)
    await login_acts.closed_by_restore(conn, key)
    return True


async def _of_staff(conn: Connection, staff_id: str, at: datetime) -> bool:
    row = await store_staff.account(conn, staff_id)
    if row is not None and await store_logins.changed_since(conn, row["login"], at):
        return False
    return (await staff_logins.end_secrets(conn, staff_id, "system")).outcome == "changed"
