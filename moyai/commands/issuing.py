"""What `moyai issue` does: whoever may read the platform's directory hands over first secrets of staff."""

from __future__ import annotations

from moyai.base.config import Home
from moyai.base.db import Connection, Pool
from moyai.base.journal import Journal
from moyai.base.roles import SERVE
from moyai.commands.pending import log_in
from moyai.identity import staff_logins
from moyai.identity.model import IssuedLogin
from moyai.registry import find_operating_organization
from moyai.registry.pending import Asker


async def issue(home: Home, login: str, as_: str | None) -> IssuedLogin:
    """Raises Problem as `staff_logins.issue_at_machine`, and as a log-in does."""
    journal = Journal.of(home)
    pool = await Pool.open(home.dsn(SERVE), max_size=2, before_commit=journal.write_due)
    try:
        person = None if as_ is None else await log_in(home, pool, as_)
        name = home.config().platform.name_ja
        async with pool.transaction() as conn:
            asker = (
                await _machine(conn)
                if person is None
                else Asker(person.actor, person.organization_id, person)
            )
            return await staff_logins.issue_at_machine(conn, home.box(), asker, login, name, journal)
    finally:
        await pool.close()


async def _machine(conn: Connection) -> Asker:
    operator = await find_operating_organization(conn)
    return Asker("system", "" if operator is None else operator.organization_id)
