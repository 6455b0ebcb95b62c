"""Stopping for a resident who stands at the desk: what they could stop themselves, and nothing else.

The desk shows consents and sharings without any data, and stops them on request. It never gives one: the type of
whoever acts here is not the type that decisions take.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.secrets import SecretBox
from moyai.consent import overview, sharing, withdrawal
from moyai.consent.model import ThisPlatform
from moyai.consent.overview import STOPPABLE, ServiceStanding
from moyai.consent.withdrawal import Withdrawn
from moyai.identity.model import ForResident


class Stopped(msgspec.Struct, frozen=True):
    """What was stopped, to be handed over: a receipt per service, and how many sharings ended."""

    withdrawals: dict[str, Withdrawn]
    sharings: int


async def stop_everything(
    conn: Connection, caller: ForResident, platform: ThisPlatform, box: SecretBox
) -> Stopped:
    """Every service that is in use or has a consent in force, and every sharing that the resident gave."""
    withdrawals = {
        one.service_id: await withdrawal.withdraw(conn, caller, platform, box, one.service_id)
        for one in await overview.consents(conn, caller)
        if _stoppable(one)
    }
    given = [one for one in await sharing.sharings(conn, caller) if one.resident_key == caller.resident_key]
    ended = [one.sharing_id for one in given if one.ended_at is None]
    for sharing_id in ended:
        await sharing.end(conn, caller, sharing_id)
    return Stopped(withdrawals, len(ended))


def _stoppable(service: ServiceStanding) -> bool:
    return service.in_use or any(link.standing in STOPPABLE for link in service.links)


async def stop_service(
    conn: Connection,
    caller: ForResident,
    platform: ThisPlatform,
    box: SecretBox,
    service_id: str,
    link_ids: Sequence[str] | None,
) -> Stopped:
    """One service, or some of its links. Raises Problem: does_not_exist, service_not_in_use."""
    made = await withdrawal.withdraw(conn, caller, platform, box, service_id, link_ids)
    return Stopped({service_id: made}, 0)


async def stop_sharing(conn: Connection, caller: ForResident, sharing_id: UUID) -> Stopped:
    """One sharing that the resident gave. Raises Problem does_not_exist."""
    given = await sharing.sharings(conn, caller)
    if not any(one.sharing_id == sharing_id and one.resident_key == caller.resident_key for one in given):
        raise Problem("does_not_exist", f"sharing {sharing_id}")
    await sharing.end(conn, caller, sharing_id)
    return Stopped({}, 1)
