"""Erasure of one resident, through every room: items, locations, consents, the person, contents of the ledger.

Only commitments, a bare resident ID and the entry that says on what ground it was done remain. It takes two clerks, or
waits 24 hours and can be taken back until then.
"""

from __future__ import annotations

import asyncio
from typing import Final
from uuid import UUID

from moyai import ledger
from moyai.base.db import Record, is_unavailable
from moyai.base.journal import Journal
from moyai.base.later import Later
from moyai.consent import gate
from moyai.consent.erase import erase as erase_consents
from moyai.identity import residents, store_desk
from moyai.identity.model import Resident
from moyai.personal import actions as personal
from moyai.web.platform import Platform

_AT_ONCE: Final = 20
_EVERY_SECONDS: Final = 20.0


async def erase_resident(platform: Platform, resident: Resident, actor: str, ground: str) -> None:
    """Erase, or raise Problem("source_unavailable") if a store does not answer; asked again, it goes on.

    The resident is closed first, so that nothing new is written between the stores and the control database.
    """
    key, journal = resident.resident_key, Journal.of(platform.home)
    async with platform.control.transaction() as conn:
        await residents.close_for_erasure(conn, resident, journal)
    async with platform.control.transaction() as conn:
        permit = await gate.permit_erasure(conn, key)
    await personal.erase(platform.control, platform.stores, permit)
    async with platform.control.transaction() as conn:
        await personal.forget_locations(conn, permit)
        await erase_consents(conn, key)
        await residents.erase(conn, key, actor, ground, journal)
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
        for row in found:
            tried.add(row["request_id"])
            with later.trying(row["request_id"], "an erasure waits"):
                await _erase(platform, row)
                done += 1
    return done


async def _due(platform: Platform, but: set[UUID]) -> list[Record]:
    async with platform.control.connection() as conn:
        return await store_desk.due_erasures(conn, _AT_ONCE, list(but))


async def _erase(platform: Platform, row: Record) -> None:
    async with platform.control.connection() as conn:
        resident = await residents.by_id(conn, row["resident_id"])
    if resident.state != "erased":
        await erase_resident(platform, resident, row["actor"], row["content"]["ground"])
    await finished(platform, row["request_id"])


async def finished(platform: Platform, request_id: UUID) -> None:
    async with platform.control.transaction() as conn:
        await store_desk.delete_request(conn, request_id)


async def keep_erasing(platform: Platform) -> None:
    """`erase_due` over and over, for ever. A database that is away for a while is waited for."""
    later = tried_later()
    while True:
        try:
            await erase_due(platform, later)
        except Exception as error:
            if not is_unavailable(error):
                raise
        await asyncio.sleep(_EVERY_SECONDS)
