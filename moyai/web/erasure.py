"""Erasure of one resident, through every room: items, locations, consents, the person, contents of the ledger.

Only commitments, a bare resident ID and the entry that says on what ground it was done remain.
"""

from __future__ import annotations

from moyai import ledger
from moyai.base.journal import Journal
from moyai.consent import gate
from moyai.consent.erase import erase as erase_consents
from moyai.identity import residents
from moyai.identity.model import Resident
from moyai.personal import actions as personal
from moyai.web.platform import Platform


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
