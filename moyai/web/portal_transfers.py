"""A move that a desk says the resident made: seen, confirmed or declined by the resident, in portal and API."""

from __future__ import annotations

from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import residents, step_up, transfers
from moyai.identity.model import ResidentCaller
from moyai.registry import store_parties
from moyai.registry.store_parties import Party
from moyai.web import second_factor
from moyai.web.authorize import go
from moyai.web.operation import answer, describes
from moyai.web.pages import read_form, render
from moyai.web.portal import platform_of, uuid_in_path

_EXAMPLE = "6a3f2c1e-9b7d-4e21-8f54-2d9c0b7a1e63"


class PendingTransfer(msgspec.Struct, frozen=True):
    """A desk says that the resident moved to it. Nothing changes until it is confirmed. Whose record is protected is told no
    office."""

    transfer_id: str
    organization_id: str | None
    organization_ja: str | None
    organization_en: str | None
    asked_at: datetime
    expires_at: datetime


class PendingTransfers(msgspec.Struct, frozen=True):
    """At most one."""

    transfers: list[PendingTransfer]


async def _pending(conn: Connection, resident_key: int) -> tuple[transfers.Transfer, Party | None] | None:
    """What waits, and the desk that asks; of somebody protected no desk. Protecting ends what waits, so that is for safety."""
    found = await transfers.of_resident(conn, resident_key)
    if found is None:
        return None
    resident = await residents.find(conn, resident_key)
    hidden = resident is None or resident.protected
    return found[0], None if hidden else await store_parties.party(conn, found[1])


async def show(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        found = await _pending(conn, caller.resident_key)
    return _page(request, caller, found)


def _page(
    request: Request,
    caller: ResidentCaller,
    found: tuple[transfers.Transfer, Party | None] | None,
    problem: Problem | None = None,
    *,
    checked: bool = False,
) -> Response:
    transfer, office = found or (None, None)
    gone = problem is not None and problem.code == "request_changed"
    return render(
        request,
        "portal/transfer.html",
        caller,
        status=200 if problem is None else 409 if gone else 422,
        gone=gone,
        transfer=transfer,
        office=office,
        done=request.query_params.get("done", ""),
        code_due=not step_up.is_fresh(caller),
        code_checked=checked,
        code_error=None if problem is None or gone else problem.code,
    )


async def act(request: Request, caller: ResidentCaller) -> Response:
    form, transfer_id = await read_form(request, caller), uuid_in_path(request, "transfer")
    wanted = form.get("act")
    if wanted == "confirm":
        step = await second_factor.step(request, caller, form)
        if step is not None:
            caller, problem = step
            async with platform_of(request).control.connection() as conn:
                found = await _pending(conn, caller.resident_key)
            return _page(request, caller, found, problem, checked=problem is None)
    try:
        async with platform_of(request).control.transaction() as conn:
            if wanted == "confirm":
                await transfers.confirm_as_resident(conn, caller, transfer_id)
            elif wanted == "decline":
                await transfers.decline_as_resident(conn, caller, transfer_id)
            else:
                raise Problem("invalid_request", "act")
    except Problem as problem:
        if problem.code != "does_not_exist":
            raise
        async with platform_of(request).control.connection() as conn:
            found = await _pending(conn, caller.resident_key)
        return _page(request, caller, found, Problem("request_changed"))
    return go(f"/portal/transfers?done={'confirmed' if wanted == 'confirm' else 'declined'}")


@describes(response=PendingTransfers)
async def list_own(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.connection() as conn:
        return answer(await _own(conn, caller))


async def _own(conn: Connection, caller: ResidentCaller) -> PendingTransfers:
    found = await _pending(conn, caller.resident_key)
    if found is None:
        return PendingTransfers([])
    transfer, party = found
    pending = PendingTransfer(
        str(transfer.transfer_id),
        party and party.organization_id,
        party and party.name_ja,
        party and party.name_en,
        transfer.asked_at,
        transfer.expires_at,
    )
    return PendingTransfers([pending])


@describes(
    response=PendingTransfers,
    codes=("does_not_exist", "assurance_insufficient", "insufficient_user_authentication"),
    example={"path": {"transfer": _EXAMPLE}},
)
async def confirm(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await transfers.confirm_as_resident(conn, caller, uuid_in_path(request, "transfer"))
        return answer(await _own(conn, caller))


@describes(response=PendingTransfers, codes=("does_not_exist",), example={"path": {"transfer": _EXAMPLE}})
async def decline(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        await transfers.decline_as_resident(conn, caller, uuid_in_path(request, "transfer"))
        return answer(await _own(conn, caller))
