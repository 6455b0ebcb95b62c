"""What a transaction stops is in the journal before it commits, by whatever road it is stopped (B3)."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from moyai.base.db import Connection, Pool, connect
from moyai.base.journal import Journal
from moyai.base.roles import OWNER
from moyai.base.stops import ConsentWithdrawn, Line
from tests.conftest import Platform
from tests.factories import Town, make_consent, make_town

STOP = "update consent.state set state = 2, since = clock_timestamp()"


@pytest.fixture
async def town(fresh_platform: Platform) -> Town:
    owner = await fresh_platform.connect(OWNER)
    made = await make_town(owner)
    await make_consent(owner, made.hanako, made.links["steps"])
    return made


@pytest.fixture
def kept(fresh_platform: Platform) -> Journal:
    return Journal.of(fresh_platform.home)


def lines(kept: Journal) -> list[object]:
    return [line.stop for line in kept.lines() if isinstance(line, Line)]


def refused(town: Town) -> ConsentWithdrawn:
    return ConsentWithdrawn(resident_id=town.hanako.id, service_id=town.kenko.id, links=["kenko-steps"])


async def given(conn: Connection) -> bool:
    return await conn.fetchval("select state = 1 from consent.state")


async def test_b3_any_statement_of_the_program_that_stops_is_in_the_journal(
    fresh_platform: Platform, town: Town, kept: Journal
) -> None:
    pool = await fresh_platform.pool()
    async with pool.transaction() as conn:
        await conn.execute(STOP)
        assert lines(kept) == []
    assert lines(kept) == [refused(town)]
    async with pool.connection() as conn:
        assert await conn.fetchval("select count(*) from platform.stop_due") == 0
        assert not await given(conn)


async def test_b3_a_road_that_forgets_the_journal_does_not_commit(
    fresh_platform: Platform, town: Town, kept: Journal
) -> None:
    forgetful = await connect(fresh_platform.dsn())
    try:
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not in the journal"):
            async with forgetful.transaction():
                await forgetful.execute(STOP)
        with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError, match="not in the journal"):
            await forgetful.execute(STOP)
        assert await given(forgetful)
    finally:
        await forgetful.close()
    assert lines(kept) == []


async def test_b3_a_journal_that_cannot_be_written_refuses_the_stop(
    fresh_platform: Platform, town: Town, tmp_path: Path
) -> None:
    nowhere = Journal(tmp_path / "missing" / "journal.jsonl")
    pool = await Pool.open(fresh_platform.dsn(), max_size=1, before_commit=nowhere.write_due)
    try:
        with pytest.raises(FileNotFoundError):
            async with pool.transaction() as conn:
                await conn.execute(STOP)
        async with pool.connection() as conn:
            assert await given(conn)
    finally:
        pool.terminate()


class Enough(Exception):
    pass


async def rehearse(conn: Connection) -> None:
    async with conn.transaction():
        await conn.execute(STOP)
        raise Enough


async def test_b4_what_was_only_rehearsed_is_not_in_the_journal(
    fresh_platform: Platform, town: Town, kept: Journal
) -> None:
    pool = await fresh_platform.pool()
    async with pool.transaction() as conn:
        with pytest.raises(Enough):
            await rehearse(conn)
    assert lines(kept) == []


async def test_what_somebody_else_stopped_by_hand_goes_with_the_next_stop(
    fresh_platform: Platform, town: Town, kept: Journal
) -> None:
    by_hand = await connect(fresh_platform.dsn(), **{"moyai.journal": ""})
    await by_hand.execute(STOP)
    await by_hand.close()
    assert lines(kept) == []
    async with (await fresh_platform.pool()).transaction():
        pass
    assert lines(kept) == [refused(town)]
