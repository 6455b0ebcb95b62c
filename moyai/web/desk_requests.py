"""`/desk/requests` and `/identity/v1/requests`: what waits for a second person at a desk, soonest first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity import desk, request_list
from moyai.identity.listing import MOST
from moyai.identity.model import ClientCaller, StaffCaller
from moyai.identity.request_list import Waiting
from moyai.personal.model import Cursor
from moyai.registry import store_parties
from moyai.web import identity_api
from moyai.web.authorize import go
from moyai.web.desk import desk_of
from moyai.web.oauth import platform_of
from moyai.web.operation import AnyOf, Client, answer, describes, read_query
from moyai.web.pages import language_of, read_form, render
from moyai.web.portal import uuid_in_path

PROGRAMS = AnyOf(Client("identity:enrol"), Client("identity:erase"))

ON_A_PAGE = 20


async def show(request: Request, caller: StaffCaller) -> Response:
    return await _page(request, caller)


async def _page(request: Request, caller: StaffCaller, problem: Problem | None = None) -> Response:
    query = request.query_params
    async with platform_of(request).control.connection() as conn:
        at = await desk_of(conn, caller)
        found = await request_list.page(conn, at, ON_A_PAGE, query.get("after"))
        keys = {one.organization_key for one in found.requests}
        offices = {key: await store_parties.party(conn, key) for key in keys}

    def office(one: Waiting) -> str:
        party = offices[one.organization_key]
        return "" if party is None else getattr(party, f"name_{language_of(request)}")

    return render(
        request,
        "desk/requests.html",
        caller,
        status=200 if problem is None else problem.status,
        waiting=found.requests,
        next=found.next,
        later="after" in query,
        office=office,
        done=query.get("done", ""),
        problem=problem,
    )


async def act(request: Request, caller: StaffCaller) -> Response:
    """Take back what waits. It is confirmed on the page of its act, where it is read."""
    form, request_id = await read_form(request, caller), uuid_in_path(request, "request")
    if form.get("act") != "withdraw":
        raise Problem("invalid_request", "act")
    try:
        async with desk.transaction(platform_of(request).control) as conn:
            await request_list.take_back(conn, await desk_of(conn, caller), request_id)
    except Problem as problem:
        if problem.code != "request_changed":
            raise
        return await _page(request, caller, problem)
    return go("/desk/requests?done=taken_back")


class WaitingView(msgspec.Struct, frozen=True):
    """A request. `asked_by` and `first_person` are `staff:…` or `client:…`. An erasure with a first person `takes_effect_at` that
    time if nobody takes it back; anything else is over when it `lapses_at`."""

    request_id: str
    act: str
    resident_id: str
    asked_by: str
    first_person: str | None
    asked_at: datetime
    takes_effect_at: datetime | None
    lapses_at: datetime | None


class Requests(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page; `next` is the `cursor` of the next one, and missing on the last. It may be short: what may not take effect any more
    is left out."""

    requests: list[WaitingView]
    next: str | None = None


class RequestsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 50
    cursor: Cursor | None = None


@describes(
    response=Requests,
    query=RequestsQuery,
    codes=("forbidden", "invalid_request"),
    example={"query": {"limit": 50}},
)
async def list_waiting(request: Request, caller: ClientCaller) -> Response:
    """What waits at this desk, soonest first. An erasure is taken back by `DELETE /identity/v1/residents/{resident}/erasure`, anything else
    at the desk's pages. About protected residents, and about protection, programs read nothing."""
    query = read_query(request, RequestsQuery)
    async with platform_of(request).control.connection() as conn:
        at = await identity_api.desk_of(conn, caller)
        found = await request_list.page(conn, at, query.limit, query.cursor)
    return answer(Requests([_view(one) for one in found.requests], found.next))


def _view(one: Waiting) -> WaitingView:
    return WaitingView(
        str(one.request_id),
        one.act,
        one.resident_id,
        one.asked_by.actor,
        None if one.first_person is None else one.first_person.actor,
        one.asked_at,
        one.takes_effect_at,
        one.lapses_at,
    )
