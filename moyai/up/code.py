"""`moyai demo code LOGIN`"""

from __future__ import annotations

from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.roles import SERVE
from moyai.identity import current_code


async def current(home: Home, login: str) -> str:
    """The current code of a login. Raises Problem("does_not_exist")."""
    conn = await connect(home.dsn(SERVE))
    try:
        return await current_code(conn, home.box(), login)
    finally:
        await conn.close()
