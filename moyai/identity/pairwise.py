"""Pairwise subjects: what one component knows one resident as (guidebook 1.1.1; design, section 4).

Random and stored, one per resident and component, never derived: two components cannot find out by comparing that
they serve the same person, and erasure leaves nothing to compute it from.

A subject is never exchanged for another one: what a provider has stored lies under it, in the provider's own store.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from moyai import ledger
from moyai.base import ids
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_pairwise
from moyai.identity.residents import find
from moyai.ledger import Act, Kind
from moyai.ledger.contents import SubjectTied
from moyai.registry import standing, store_parties
from moyai.registry.store_parties import ClientParty, ServedScope


class Subject(msgspec.Struct, frozen=True):
    """A resident as one component knows them, resolved."""

    resident_key: int
    municipality_code: str
    ial: int


async def tie(conn: Connection, client: ClientParty, resident_key: int) -> UUID:
    """The subject of this resident at the client's component; made at the first authorisation, on record.

    Raises Problem: organization_not_certified, organization_suspended, service_not_certified, outside_user_scope,
    resident_inactive. They hold for an existing tie, too: a resident who moved away is not authorised any more.
    """
    if client.component_key is None:
        raise Problem("invalid_request", "the client belongs to no component", oauth="unauthorized_client")
    await check_may_serve(conn, client, resident_key)
    known = await store_pairwise.current(conn, resident_key, client.component_key)
    if known is not None:
        return known
    subject = ids.random_uuid()
    if await store_pairwise.insert(conn, resident_key, client.component_key, subject):
        await ledger.record(
            conn,
            Act(
                kind=Kind.SUBJECT_TIED,
                actor=f"client:{client.client_id}",
                resident_key=resident_key,
                detail=SubjectTied(component_id=client.component_id or "", client_id=client.client_id),
            ),
        )
        return subject
    known = await store_pairwise.current(conn, resident_key, client.component_key)
    if known is None:
        raise Problem("unavailable")
    return known


async def check_may_serve(conn: Connection, client: ClientParty, resident_key: int) -> None:
    """As `check_may_act`, for this resident. Raises its Problems, and resident_inactive."""
    resident = await find(conn, resident_key)
    if resident is None or resident.state != "active":
        raise Problem("resident_inactive")
    await check_may_act(conn, client, resident.municipality_code)


async def check_may_act(conn: Connection, client: ClientParty, municipality_code: str) -> None:
    """Whether a client may act for a resident of this municipality, as it stands now: asked at every authorisation,
    token and call, because what was suspended since has no authority left.

    Raises Problem: organization_suspended, organization_not_certified, service_not_certified, outside_user_scope.
    """
    touch_point = client.kind == "touch_point"
    judged = standing.of_office if touch_point else standing.of_organization
    if code := judged(client.organization_state):
        raise Problem(code)
    if touch_point:
        return  # it serves every resident of the platform; it is no service of its own
    services = await store_parties.services_of_component(conn, client.component_key or 0)
    check_scope(services, municipality_code)


_LEAST_FIRST = (
    "service_suspended",
    "organization_suspended",
    "service_not_certified",
    "organization_not_certified",
)
"""What keeps a service from being in force, by what its end takes."""


def check_scope(services: list[ServedScope], municipality_code: str) -> None:
    """Whether one of a component's certified services is for residents of this municipality.

    Raises Problem, if none is in force, with the code of the one that misses least; outside_user_scope if none of
    those is for them.
    """
    codes = [standing.of_service(one.state, one.organization_state) for one in services]
    certified = [one for one, code in zip(services, codes, strict=True) if code is None]
    if not certified:
        told = [code for code in _LEAST_FIRST if code in codes]
        raise Problem(told[0] if told else "service_not_certified")
    if not any(municipality_code in service.municipality_codes for service in certified):
        raise Problem("outside_user_scope")


async def resolve(conn: Connection, component_key: int, subject: UUID) -> Subject:
    """Who this is. Raises Problem subject_unknown (also for another component's subject), resident_inactive."""
    row = await store_pairwise.resolve(conn, component_key, subject)
    if row is None:
        raise Problem("subject_unknown")
    if row["resident_state"] != "active":
        raise Problem("resident_inactive")
    return Subject(row["resident_key"], row["municipality_code"], row["ial"])


async def ties_of(conn: Connection, resident_key: int) -> list[tuple[int, UUID]]:
    """(component_key, subject) of every component that knows this resident, also under a rotated subject."""
    return [
        (row["component_key"], row["subject"]) for row in await store_pairwise.ties_of(conn, resident_key)
    ]


async def subject_of(conn: Connection, resident_key: int, component_key: int) -> UUID | None:
    return await store_pairwise.current(conn, resident_key, component_key)
