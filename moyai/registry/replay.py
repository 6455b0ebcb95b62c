"""Repeating emergency stops of the journal after a restore (moyai.recovery), by `system`.

A stop, or its end, that is on record at or after the line's time was restored with the database: then what the
database says is newer than the line, and stands.
"""

from __future__ import annotations

from datetime import datetime

from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.base.stops import ClientDisabled, LinkEnded, OrganizationSuspended, ServiceSuspended
from moyai.ledger import Kind, recorded_since
from moyai.registry import stops

REASON = "停止の記録から（控えからの復元） / from the journal of stops, after a restore"
SYSTEM = "system"

EmergencyStop = OrganizationSuspended | ServiceSuspended | ClientDisabled | LinkEnded

_ABOUT = {
    OrganizationSuspended: (Kind.ORGANIZATION_SUSPENDED, Kind.ORGANIZATION_REINSTATED),
    ServiceSuspended: (Kind.SERVICE_SUSPENDED, Kind.SERVICE_REINSTATED),
    ClientDisabled: (Kind.CLIENT_DISABLED, Kind.CLIENT_ENABLED),
    LinkEnded: (Kind.LINK_ENDED,),
}


async def stop_again(conn: Connection, stop: EmergencyStop, at: datetime, journal: Journal) -> bool:
    """Whether there was something left to stop.

    Raises Problem: does_not_exist for what the backup does not know, and organization_not_certified or
    service_not_certified for what was certified after it.
    """
    match stop:
        case OrganizationSuspended(organization_id=id_):
            begin = stops.suspend_organization
        case ServiceSuspended(service_id=id_):
            begin = stops.suspend_service
        case ClientDisabled(client_id=id_):
            begin = stops.disable_client
        case LinkEnded(link_id=id_):
            begin = stops.end_link
    if await recorded_since(conn, id_, _ABOUT[type(stop)], at):
        return False
    return (await begin(conn, id_, REASON, SYSTEM, journal)).outcome != "unchanged"
