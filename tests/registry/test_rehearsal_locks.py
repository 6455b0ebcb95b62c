"""What is only rehearsed holds up no release: its lock goes with the savepoint."""

from __future__ import annotations

from moyai.base.db import Connection
from tests.factories import make_town

HELD = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and mode = 'ExclusiveLock'"


class Rehearsed(Exception):
    pass


async def test_a_rehearsal_lets_go_of_the_lock_of_releases(control: Connection) -> None:
    async with control.transaction():
        before = await control.fetchval(HELD)
        try:
            async with control.transaction():
                await make_town(control)
                await control.execute("update registry.service set name_ja = 'x'")
                during = await control.fetchval(HELD)
                raise Rehearsed
        except Rehearsed:
            pass
        assert during > before
        assert await control.fetchval(HELD) == before
