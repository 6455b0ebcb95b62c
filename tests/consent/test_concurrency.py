"""Several processes act for one resident at once: acts take turns, and history agrees with the state."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from moyai.base.db import Pool
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import sharing, withdrawal
from tests.conftest import Platform
from tests.consent.conftest import HERE, Walk, calls
from tests.factories import make_resident, make_town


@pytest.fixture
def box_of(fresh_platform: Platform) -> SecretBox:
    return fresh_platform.home.box()


async def test_the_last_act_in_the_history_is_the_state(fresh_database: Pool, box_of: SecretBox) -> None:
    async with fresh_database.transaction() as conn:
        town = await make_town(conn)
        caller = calls(town.hanako)
        await Walk(conn, box_of, caller, town.kenko.id).join()
        sha256 = (await Walk(conn, box_of, caller, town.kenko.id).present()).sha256

    links = ("kenko-steps", "kenko-vitals", "kenko-presence")

    async def decide(choice: str) -> None:
        # where the other came first, nothing may be left to change
        with suppress(Problem):
            async with fresh_database.transaction() as conn:
                chosen = dict.fromkeys(links, choice)
                await Walk(conn, box_of, caller, town.kenko.id).decide(sha256, chosen)  # type: ignore[arg-type]

    async def stop() -> None:
        # where a refusal came first, nothing is left to stop
        with suppress(Problem):
            await _stop()

    async def _stop() -> None:
        async with fresh_database.transaction() as conn:
            await withdrawal.withdraw(
                conn, caller, HERE, box_of, town.kenko.id, ["kenko-steps", "kenko-vitals"]
            )

    await asyncio.gather(*(act for _ in range(4) for act in (decide("given"), stop(), decide("refused"))))
    async with fresh_database.connection() as conn:
        rows = await conn.fetch(
            "select s.state, s.since, s.act_id, h.state as last_state, h.since as last_since, h.act_id as last_act"
            " from consent.state s join lateral (select * from consent.history h where"
            " (h.resident_key, h.link_key) = (s.resident_key, s.link_key) order by since desc limit 1) h on true"
        )
        assert len(rows) == 3
        for row in rows:
            assert (row["state"], row["since"], row["act_id"]) == (
                row["last_state"],
                row["last_since"],
                row["last_act"],
            )
        assert await conn.fetchval("select count(*) from consent.act") == await conn.fetchval(
            "select count(*) from ledger.content where kind in (10, 11, 12)"
        )


async def test_one_code_taken_by_two_at_once_is_taken_once(fresh_database: Pool, box_of: SecretBox) -> None:
    async with fresh_database.transaction() as conn:
        town = await make_town(conn)
        await Walk(conn, box_of, calls(town.hanako), town.kenko.id).join()
        offer = await sharing.share(
            conn,
            calls(town.hanako),
            town.kenko.id,
            ["kenko-steps"],
            relation="娘",
            viewer_name="恵",
            days=7,
        )
        viewers = [calls(await make_resident(conn, name=None)) for _ in range(5)]

    async def take(n: int) -> bool:
        async with fresh_database.transaction() as conn:
            return await sharing.accept(conn, viewers[n], offer.code) is not None

    assert sum(await asyncio.gather(*(take(n) for n in range(5)))) == 1
