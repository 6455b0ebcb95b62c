"""`/consent/v1`: seeing. Who may use my data, where is it, what happened with it, and what proves that."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.clock import rfc3339
from moyai.base.errors import Problem
from moyai.consent import history, overview, receipts, store
from moyai.identity.model import Anonymous, ResidentCaller
from moyai.personal.locations import locations_of
from moyai.personal.model import Location
from moyai.web.consent import Services, uuid_of
from moyai.web.operation import answer, describes, read_query
from moyai.web.platform import Platform


class Who(msgspec.Struct, frozen=True):
    """One link in force: who may use what for which purpose, and the call that stops it."""

    service_id: str
    service_ja: str
    service_en: str
    link: overview.LinkStanding
    stop: str


class Overview(msgspec.Struct, frozen=True):
    """The three questions of the portal's first page: who may use my data, where is it, how do I stop it."""

    who: list[Who]
    where: list[Location]
    services: list[overview.ServiceStanding]


class Places(msgspec.Struct, frozen=True):
    locations: list[Location]


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`before` is the `next` of the page before."""

    before: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=history.MOST_ROWS)] = 50


class ReceiptAnswer(msgspec.Struct, frozen=True):
    """`payload` is what the receipt says, with the field names of ISO/IEC TS 27560."""

    act_id: UUID
    kind: str
    acted_at: str
    links: dict[str, str]
    receipt: str
    payload: dict[str, Any]


class KeySet(msgspec.Struct, frozen=True):
    """A JWK set (RFC 7517)."""

    keys: list[dict[str, Any]]


def _platform(request: Request) -> Platform:
    return request.app.state.platform


@describes(response=Overview)
async def see_overview(request: Request, caller: ResidentCaller) -> Response:
    """Who may use my data, where is it, how do I stop it."""
    async with _platform(request).control.connection() as conn:
        services = await overview.consents(conn, caller)
        where = await locations_of(conn, caller.resident_key)
    return answer(Overview([who for service in services for who in _who(service)], where, services))


def _who(service: overview.ServiceStanding) -> list[Who]:
    stop = f"/consent/v1/services/{service.service_id}/withdrawal"
    return [
        Who(service.service_id, service.name_ja, service.name_en, link, stop)
        for link in service.links
        if link.standing == "given"
    ]


@describes(response=Services)
async def list_consents(request: Request, caller: ResidentCaller) -> Response:
    """Every service that the resident uses or was asked about, with how each link stands."""
    async with _platform(request).control.connection() as conn:
        return answer(Services(await overview.consents(conn, caller)))


@describes(response=Places)
async def see_locations(request: Request, caller: ResidentCaller) -> Response:
    """Where the resident's data lies: organisation, component, dataset, number of items, last change."""
    async with _platform(request).control.connection() as conn:
        return answer(Places(await locations_of(conn, caller.resident_key)))


@describes(
    response=history.Page, query=HistoryQuery, codes=("invalid_request",), example={"query": {"limit": 20}}
)
async def see_history(request: Request, caller: ResidentCaller) -> Response:
    """Every movement, refusal, view and act, newest first, each with what proves it."""
    query = read_query(request, HistoryQuery)
    async with _platform(request).control.connection() as conn:
        return answer(await history.page(conn, caller.resident_key, before=query.before, limit=query.limit))


@describes(response=ReceiptAnswer, codes=("does_not_exist",))
async def see_receipt(request: Request, caller: ResidentCaller) -> Response:
    """The receipt of one of the resident's own decisions or withdrawals, signed, and its payload to read."""
    act_id = uuid_of(request, "act")
    async with _platform(request).control.connection() as conn:
        act = await store.act(conn, caller.resident_key, act_id)
        if act is None or act.receipt is None:
            raise Problem("does_not_exist", f"receipt {act_id}")
        payload = receipts.read(act.receipt, await receipts.public_keys(conn))
    return answer(ReceiptAnswer(act_id, act.kind, rfc3339(act.acted_at), act.links, act.receipt, payload))


@describes(response=KeySet)
async def keys(request: Request, _: Anonymous) -> Response:
    """The public keys that verify receipts, also those of long ago."""
    async with _platform(request).control.connection() as conn:
        return answer(await receipts.public_keys(conn))
