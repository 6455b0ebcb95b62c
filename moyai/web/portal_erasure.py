"""An erasure that a desk asked for, seen and stopped by the resident whom it is about, in portal and API."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import residents, second_person
from moyai.identity.model import ResidentCaller
from moyai.identity.second_person import OwnErasure
from moyai.registry import store_parties
from moyai.registry.store_parties import Party
from moyai.web.authorize import go
from moyai.web.erasure import GROUNDS
from moyai.web.operation import answer, describes
from moyai.web.pages import read_form, render
from moyai.web.portal import platform_of, uuid_in_path

_EXAMPLE = "6a3f2c1e-9b7d-4e21-8f54-2d9c0b7a1e63"


class WaitingErasure(msgspec.Struct, frozen=True):
    """A desk asked for the erasure of everything about the resident. `takes_effect_at`: unless somebody stops it; null as long as
    only a program asked for it, which erases nothing by waiting. Whose record is protected is told no office."""

    request_id: str
    organization_id: str | None
    organization_ja: str | None
    organization_en: str | None
    ground: str
    asked_at: datetime
    takes_effect_at: datetime | None


class WaitingErasures(msgspec.Struct, frozen=True):
    """At most one."""

    erasures: list[WaitingErasure]


async def _waiting(conn: Connection, caller: ResidentCaller) -> tuple[OwnErasure, Party | None] | None:
    """What waits, and the office that asked; of somebody protected no office, which would say where they live."""
    found = await second_person.own_erasure(conn, caller)
    if found is None:
        return None
    resident = await residents.find(conn, caller.resident_key)
    hidden = resident is None or resident.protected
    return found, None if hidden else await store_parties.party(conn, found.organization_key)


async def show(request: Request, caller: ResidentCaller) -> Response:
    return await _page(request, caller)


async def _page(request: Request, caller: ResidentCaller, *, changed: bool = False) -> Response:
    async with platform_of(request).control.transaction() as conn:
        erasure, office = await _waiting(conn, caller) or (None, None)
    words = {value: (ja, en) for value, ja, en in GROUNDS}
    ground = None if erasure is None else words.get(erasure.ground, (erasure.ground, erasure.ground))
    return render(
        request,
        "portal/erasure.html",
        caller,
        status=409 if changed else 200,
        erasure=erasure,
        office=office,
        ground=ground,
        changed=changed,
        done=request.query_params.get("done", ""),
    )


async def act(request: Request, caller: ResidentCaller) -> Response:
    await read_form(request, caller)
    named = uuid_in_path(request, "erasure")
    try:
        await _object(request, caller, named)
    except Problem as problem:
        if problem.code != "request_changed":
            raise
        return await _page(request, caller, changed=True)
    return go("/portal/erasure?done=stopped")


async def _object(request: Request, caller: ResidentCaller, named: UUID) -> None:
    async with platform_of(request).control.transaction() as conn:
        await second_person.object_to_erasure(conn, caller, named)


@describes(response=WaitingErasures)
async def list_own(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        return answer(await _own(conn, caller))


async def _own(conn: Connection, caller: ResidentCaller) -> WaitingErasures:
    found = await _waiting(conn, caller)
    if found is None:
        return WaitingErasures([])
    erasure, office = found
    waiting = WaitingErasure(
        str(erasure.request_id),
        office and office.organization_id,
        office and office.name_ja,
        office and office.name_en,
        erasure.ground,
        erasure.asked_at,
        erasure.takes_effect_at,
    )
    return WaitingErasures([waiting])


@describes(
    response=WaitingErasures,
    codes=("does_not_exist", "request_changed"),
    example={"path": {"erasure": _EXAMPLE}},
)
async def stop(request: Request, caller: ResidentCaller) -> Response:
    """Nothing is erased: `request_changed` where this is not what waits."""
    await _object(request, caller, uuid_in_path(request, "erasure"))
    async with platform_of(request).control.transaction() as conn:
        return answer(await _own(conn, caller))
