"""Repeating the journal's stops on a restored platform, each by the room that it belongs to, each on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from moyai.base import keys
from moyai.base.db import connect
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.roles import OWNER
from moyai.base.stops import (
    ConsentWithdrawn,
    KeyRevoked,
    Line,
    ProtectionBegun,
    ResidentClosed,
    ResidentErased,
    RightTaken,
    SecretsReplaced,
    SharingEnded,
    StaffDisabled,
)
from moyai.consent import replay as consents
from moyai.identity import lost_roles, protection, replaced_secrets, residents, staff
from moyai.identity.model import Resident
from moyai.ledger import Kind, recorded_since
from moyai.registry import rights
from moyai.registry.replay import REASON, SYSTEM, stop_again
from moyai.upkeep.key_acts import revoke_recorded
from moyai.web.erasure import erase_resident
from moyai.web.platform import Platform

Outcome = Literal["stopped", "already", "unknown"]
"""What became of a line: repeated; in force or overtaken already; about something that the backup does not know."""

_UNKNOWN = ("does_not_exist", "organization_not_certified", "service_not_certified")

_STAFF = (Kind.STAFF_DISABLED, Kind.STAFF_ENABLED)

GROUND = (
    "控えからの復元の後に、停止の記録により再び消去 / erased again after a restore, by the journal of stops"
)


async def replay(platform: Platform, line: Line) -> Outcome:
    """Repeat one stop. Repeating it again changes nothing."""
    try:
        return "stopped" if await _stop(platform, line) else "already"
    except Problem as problem:
        if problem.code not in _UNKNOWN:
            raise
        return "unknown"


async def _stop(platform: Platform, line: Line) -> bool:
    match line.stop:
        case ConsentWithdrawn() as stop:
            async with platform.control.transaction() as conn:
                resident = await residents.by_id(conn, stop.resident_id)
                return await consents.withdraw(conn, resident.resident_key, stop, line.at)
        case SharingEnded(sharing_id=sharing_id):
            async with platform.control.transaction() as conn:
                return await consents.end_sharing(conn, UUID(sharing_id), line.at)
        case ResidentClosed(resident_id=resident_id):
            return await _close(platform, resident_id)
        case ResidentErased(resident_id=resident_id):
            return await _erase(platform, resident_id)
        case ProtectionBegun() as stop:
            async with platform.control.transaction() as conn:
                resident = await residents.by_id(conn, stop.resident_id)
                return await protection.protect_again(conn, resident, stop, line.at, SYSTEM)
        case SecretsReplaced() as stop:
            async with platform.control.transaction() as conn:
                return await replaced_secrets.end_again(conn, platform.box, stop, line.at)
        case KeyRevoked(key_id=key_id):
            return await _revoke(platform, key_id)
        case RightTaken() as stop:
            async with platform.control.transaction() as conn:
                if stop.noun == "staff":
                    return await lost_roles.take_again(conn, stop, line.at, SYSTEM)
                return await rights.take_again(conn, stop, line.at, Journal.of(platform.home))
        case StaffDisabled(staff_id=staff_id):
            async with platform.control.transaction() as conn:
                if await recorded_since(conn, staff_id, _STAFF, line.at):
                    return False
                journal = Journal.of(platform.home)
                return (await staff.disable(conn, staff_id, REASON, SYSTEM, journal)).outcome == "created"
        case stop:
            async with platform.control.transaction() as conn:
                return await stop_again(conn, stop, line.at, Journal.of(platform.home))


async def _revoke(platform: Platform, key_id: str) -> bool:
    """Raises Problem does_not_exist where the key was made after the backup: then nothing of it is left."""
    conn = await connect(platform.home.dsn(OWNER))
    try:
        async with conn.transaction():
            await keys.alone(conn)
            known = [one for one in await keys.known(conn) if one.key_id == key_id]
            if not known:
                raise Problem("does_not_exist", "key")
            try:
                await revoke_recorded(conn, platform.box, key_id, REASON)
            except LookupError:
                return False
        return True
    finally:
        await conn.close()


async def _resident(platform: Platform, resident_id: str) -> Resident:
    async with platform.control.connection() as conn:
        return await residents.by_id(conn, resident_id)


async def _close(platform: Platform, resident_id: str) -> bool:
    resident = await _resident(platform, resident_id)
    if resident.state != "active":
        return False
    async with platform.control.transaction() as conn:
        await residents.close_for_erasure(conn, resident, Journal.of(platform.home))
    return True


async def _erase(platform: Platform, resident_id: str) -> bool:
    """In every store, too: they were restored together with the control database."""
    resident = await _resident(platform, resident_id)
    if resident.state == "erased":
        return False
    await erase_resident(platform, resident, SYSTEM, GROUND)
    return True


def last_stop(repeated: Sequence[tuple[Line, Outcome]], after: datetime) -> datetime | None:
    """The newest stop that the restored databases did not know although it is younger than what they hold."""
    return max(
        (line.at for line, outcome in repeated if outcome != "already" and line.at > after), default=None
    )
