"""Stops: a fact of its own, made with a reason and ended by its own act with a reason, by nothing else.

Suspended organisations and services, disabled clients, ended links. The database makes the state follow the stop
and lets nothing take it out of one (0011_stops.sql). Ended links never open again. Every stop is in the journal
before it is committed.
"""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.stops import AnyStop, ClientDisabled, LinkEnded, OrganizationSuspended, ServiceSuspended
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import StopBegun, StopEnded
from moyai.registry import ending, lookups
from moyai.registry import store_stops as store
from moyai.registry.model import Change
from moyai.registry.store import lock_for_writing
from moyai.registry.store_stops import StopNoun


async def suspend_organization(
    conn: Connection, organization_id: str, reason: str, actor: str, journal: Journal, *, once: bool = False
) -> Change:
    """Close every link at both ends of which the organisation stands, from the next request on, and end what its
    clients and its staff have asked for.

    `once` is for files: one that is applied again does not renew a stop that was ended meanwhile.
    Raises Problem: does_not_exist, organization_not_certified, invalid_request (no reason).
    """
    await lock_for_writing(conn)
    stored = await lookups.organization(conn, organization_id)
    if stored.state == "registered":
        raise Problem("organization_not_certified", "only a certified organisation can be suspended")
    thing = _Thing("organization", stored.organization_key, organization_id, "certified")
    begun = await _begin(conn, thing, reason, actor, journal, once=once)
    await ending.end_of_stopped(conn)
    return begun


async def reinstate_organization(conn: Connection, organization_id: str, reason: str, actor: str) -> Change:
    """End a suspension; the certification it interrupted holds again. Raises Problem: does_not_exist,
    invalid_request (no reason)."""
    await lock_for_writing(conn)
    stored = await lookups.organization(conn, organization_id)
    return await _end(conn, _Thing("organization", stored.organization_key, organization_id), reason, actor)


async def suspend_service(
    conn: Connection, service_id: str, reason: str, actor: str, journal: Journal
) -> Change:
    """Take a service off offer; its links close at once. Raises Problem: does_not_exist, service_not_certified,
    invalid_request (no reason)."""
    await lock_for_writing(conn)
    stored = await lookups.service(conn, service_id)
    if stored.state == "registered":
        raise Problem("service_not_certified", "only a certified service can be suspended")
    thing = _Thing("service", stored.service_key, service_id, "certified")
    return await _begin(conn, thing, reason, actor, journal)


async def reinstate_service(conn: Connection, service_id: str, reason: str, actor: str) -> Change:
    """Raises Problem: does_not_exist, invalid_request (no reason)."""
    await lock_for_writing(conn)
    stored = await lookups.service(conn, service_id)
    return await _end(conn, _Thing("service", stored.service_key, service_id), reason, actor)


async def disable_client(
    conn: Connection, client_id: str, reason: str, actor: str, journal: Journal
) -> Change:
    """Whatever the client sends is refused from the next request on, and what it asked for ends. Raises Problem: does_not_exist,
    invalid_request (no reason)."""
    await lock_for_writing(conn)
    stored = await lookups.client(conn, client_id)
    thing = _Thing("client", stored.client_key, client_id, "active")
    await ending.revoke_of(conn, f"client:{client_id}")
    return await _begin(conn, thing, reason, actor, journal)


async def enable_client(conn: Connection, client_id: str, reason: str, actor: str) -> Change:
    """Raises Problem: does_not_exist, invalid_request (no reason)."""
    await lock_for_writing(conn)
    stored = await lookups.client(conn, client_id)
    return await _end(conn, _Thing("client", stored.client_key, client_id), reason, actor)


async def end_link(conn: Connection, link_id: str, reason: str, actor: str, journal: Journal) -> Change:
    """Close a link for everybody, for good: who wants it again registers another, and asks residents anew.

    Raises Problem: does_not_exist, invalid_request (no reason).
    """
    await lock_for_writing(conn)
    stored = await lookups.link(conn, link_id)
    return await _begin(conn, _Thing("link", stored.link_key, link_id, "registered"), reason, actor, journal)


class _Thing:
    """What is stopped; `before` is the state that it has again when the stop ends."""

    def __init__(self, noun: StopNoun, key: int, id_: str, before: str = "") -> None:
        self.noun: StopNoun = noun
        self.key, self.id, self.before = key, id_, before

    def change(self, begun: bool) -> Change:
        return Change(f"{self.noun}_stop", self.id, "created" if begun else "changed", ("state",))

    def unchanged(self) -> Change:
        return Change(f"{self.noun}_stop", self.id, "unchanged")


_BEGUN = {
    "organization": Kind.ORGANIZATION_SUSPENDED,
    "service": Kind.SERVICE_SUSPENDED,
    "client": Kind.CLIENT_DISABLED,
    "link": Kind.LINK_ENDED,
}
_ENDED = {
    "organization": Kind.ORGANIZATION_REINSTATED,
    "service": Kind.SERVICE_REINSTATED,
    "client": Kind.CLIENT_ENABLED,
}


async def _begin(
    conn: Connection, thing: _Thing, reason: str, actor: str, journal: Journal, *, once: bool = False
) -> Change:
    _check_reason(reason)
    if await store.is_stopped(conn, thing.noun, thing.key):
        return thing.unchanged()
    if once and await store.ever_stopped(conn, thing.noun, thing.key, reason):
        return thing.unchanged()
    await store.begin(conn, thing.noun, thing.key, thing.before, reason, actor)
    await journal.append(conn, _line(thing))
    await record(
        conn,
        Act(
            kind=_BEGUN[thing.noun],
            actor=actor,
            detail=StopBegun(noun=thing.noun, id=thing.id, reason=reason),
        ),
    )
    return thing.change(begun=True)


async def _end(conn: Connection, thing: _Thing, reason: str, actor: str) -> Change:
    _check_reason(reason)
    if not await store.is_stopped(conn, thing.noun, thing.key):
        return thing.unchanged()
    await store.end(conn, thing.noun, thing.key, reason, actor)
    content = StopEnded(noun=thing.noun, id=thing.id, reason=reason)
    await record(conn, Act(kind=_ENDED[thing.noun], actor=actor, detail=content))
    return thing.change(begun=False)


def _line(thing: _Thing) -> AnyStop:
    match thing.noun:
        case "organization":
            return OrganizationSuspended(organization_id=thing.id)
        case "service":
            return ServiceSuspended(service_id=thing.id)
        case "client":
            return ClientDisabled(client_id=thing.id)
        case "link":
            return LinkEnded(link_id=thing.id)


def _check_reason(reason: str) -> None:
    if not reason.strip() or "\x00" in reason:
        raise Problem("invalid_request", "a stop, and its end, need a reason")
