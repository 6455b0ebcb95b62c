"""Erasure of one resident, through every room: items, locations, consents, the person, contents of the ledger.

Only commitments, a bare resident ID and the entry that says on what ground it was done remain. It takes two clerks, or
one and 24 hours in which it can be taken back; a program that asks is nobody. Whose word it rests on is judged again in the
transaction that closes the resident.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from moyai import ledger
from moyai.base.db import Connection, is_unavailable
from moyai.base.journal import Journal
from moyai.base.later import Later
from moyai.consent import gate
from moyai.consent.erase import erase as erase_consents
from moyai.identity import request_standing, residents, second_person, store_desk
from moyai.identity.model import Resident
from moyai.personal import actions as personal
from moyai.registry.replay import SYSTEM
from moyai.web.platform import Platform

GROUNDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("本人の申出", "本人の申出", "Asked for by the resident"),
    ("死亡", "死亡", "Death"),
    ("誤った登録", "誤った登録", "Enrolled by mistake"),
)
"""On what ground a desk erases somebody: recorded as the Japanese text, shown in both languages. A program may send other words."""

_AT_ONCE: Final = 20
_PAGE: Final = 200
_EVERY_SECONDS: Final = 20.0


async def begin(conn: Connection, platform: Platform, resident: Resident) -> None:
    """From the caller's commit on, nothing new is written about this resident, and the erasure is carried out to its end."""
    await residents.close_for_erasure(conn, resident, Journal.of(platform.home))


async def erase_resident(platform: Platform, resident: Resident, actor: str, ground: str) -> None:
    """Erase, or raise Problem("source_unavailable") if a store does not answer; asked again, it goes on.

    The resident is closed first, so that nothing new is written between the stores and the control database.
    """
    if resident.state == "active":
        async with platform.control.transaction() as conn:
            await begin(conn, platform, resident)
    await _carry_out(platform, resident.resident_key, actor, ground)


async def _carry_out(platform: Platform, key: int, actor: str, ground: str) -> None:
    async with platform.control.transaction() as conn:
        permit = await gate.permit_erasure(conn, key)
    await personal.erase(platform.control, platform.stores, permit)
    async with platform.control.transaction() as conn:
        await personal.forget_locations(conn, permit)
        await erase_consents(conn, key)
        await residents.erase(conn, key, actor, ground, Journal.of(platform.home))
        await ledger.erase_contents(conn, key)


def tried_later() -> Later[UUID]:
    """For `erase_due`: requests whose erasure failed, so that they keep no other person waiting."""
    return Later(first=20, longest=600)


async def erase_due(platform: Platform, later: Later[UUID] | None = None) -> int:
    """Erase those for whom two stand, where a store did not answer then, and those whose hours are over. How many.

    All that are due are tried once. One that fails waits on, is left out for a while, and ends nothing for the others.
    """
    later, tried, done = later or tried_later(), set[UUID](), 0
    while found := await _due(platform, {*later.waiting(), *tried}):
        for request_id in found:
            tried.add(request_id)
            with later.trying(request_id, "an erasure waits"):
                done += await _erase(platform, request_id)
    return done


async def _due(platform: Platform, but: set[UUID]) -> list[UUID]:
    async with platform.control.connection() as conn:
        return [row["request_id"] for row in await store_desk.due_erasures(conn, _AT_ONCE, list(but))]


async def _erase(platform: Platform, request_id: UUID) -> bool:
    """Carry out one that is due, if those who said it may still say it. What was begun goes on whatever became of them."""
    async with platform.control.transaction() as conn:
        row = await store_desk.held_by_id(conn, request_id)
        resident = None if row is None else await residents.find(conn, row["resident_key"])
        if row is None or resident is None:
            return False  # somebody was faster
        if resident.state == "active":
            await residents.hold(conn, resident)
            if not await request_standing.stands_to_the_end(conn, row, resident):
                await second_person.end(conn, row, "void", SYSTEM)
                return False
            await begin(conn, platform, resident)
    if resident.state != "erased":
        actor = row["confirmed_by"] or row["first"] or row["asked_by"]
        await _carry_out(platform, resident.resident_key, actor, row["content"]["ground"])
    await finished(platform, request_id)
    return True


async def finished(platform: Platform, request_id: UUID) -> None:
    async with platform.control.transaction() as conn:
        await store_desk.delete_request(conn, request_id)


async def end_what_fell(platform: Platform) -> int:
    """End requests of every desk that may not take effect any more, or that nobody confirmed in time; how many."""
    after, done = UUID(int=0), 0
    while True:
        async with platform.control.connection() as conn:
            rows = await store_desk.all_requests(conn, after, _PAGE)
        for row in rows:
            done += await _end_if_fallen(platform, row["request_id"])
        if len(rows) < _PAGE:
            return done
        after = rows[-1]["request_id"]


async def _end_if_fallen(platform: Platform, request_id: UUID) -> bool:
    async with platform.control.transaction() as conn:
        row = await store_desk.held_by_id(conn, request_id)
        resident = None if row is None else await residents.find(conn, row["resident_key"])
        if row is None or resident is None or resident.state != "active":
            return False
        if not await request_standing.stands(conn, row, resident):
            await second_person.end(conn, row, "void", SYSTEM)
        elif row["over"] and not (row["act"] == "erase" and row["staff_key"] is not None):
            await second_person.end(conn, row, "lapsed", SYSTEM)
        else:
            return False
        return True


async def keep_erasing(platform: Platform) -> None:
    """`erase_due` and `end_what_fell` over and over, for ever. A database that is away for a while is waited for."""
    later = tried_later()
    while True:
        try:
            await erase_due(platform, later)
            await end_what_fell(platform)
        except Exception as error:
            if not is_unavailable(error):
                raise
        await asyncio.sleep(_EVERY_SECONDS)
