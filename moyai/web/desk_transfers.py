"""`/desk/transfers`: residents who move in from another desk, and those whom another desk asks for."""

from __future__ import annotations

from contextlib import nullcontext

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity import desk, transfer_lists, transfers
from moyai.identity.model import StaffCaller
from moyai.registry import store_parties
from moyai.web.authorize import go
from moyai.web.desk import desk_of
from moyai.web.oauth import platform_of
from moyai.web.pages import language_of, read_form, render
from moyai.web.portal import uuid_in_path

ON_A_PAGE = 50

_SAID = ("certificate_missing", "second_person_required", "request_changed", "desk_new")


async def show(request: Request, caller: StaffCaller) -> Response:
    return await _page(request, caller)


async def _page(request: Request, caller: StaffCaller, problem: Problem | None = None) -> Response:
    """One page of each list; each goes on by a cursor of its own."""
    query = request.query_params
    async with platform_of(request).control.connection() as conn:
        at = await desk_of(conn, caller)
        coming = await transfer_lists.coming(conn, at, ON_A_PAGE, query.get("coming"))
        leaving = await transfer_lists.leaving(conn, at, ON_A_PAGE, query.get("leaving"))
        parties = {one.organization_key: one for one in await store_parties.municipalities(conn)}

    def office(organization_key: int) -> str:
        found = parties.get(organization_key)
        return "" if found is None else getattr(found, f"name_{language_of(request)}")

    return render(
        request,
        "desk/transfers.html",
        caller,
        status=200 if problem is None else problem.status,
        coming=coming,
        leaving=leaving,
        later="coming" in query or "leaving" in query,
        office=office,
        done=request.query_params.get("done", ""),
        problem=problem,
    )


async def act(request: Request, caller: StaffCaller) -> Response:
    """Confirm as the losing desk, check the certificate as the second clerk, or decline."""
    form, transfer_id = await read_form(request, caller), uuid_in_path(request, "transfer")
    wanted = form.get("act", "")
    control = platform_of(request).control
    try:
        tried = transfers.counted(control, transfer_id) if wanted == "check" else nullcontext()
        async with tried, desk.transaction(control) as conn:
            at = await desk_of(conn, caller)
            if wanted == "confirm":
                await transfers.confirm_at_losing_desk(conn, at, transfer_id)
            elif wanted == "check":
                await transfers.confirm_as_second_clerk(conn, at, transfer_id, form.get("certificate", ""))
            elif wanted == "decline":
                await transfers.decline(conn, at, transfer_id)
            else:
                raise Problem("invalid_request", "act")
    except Problem as problem:
        if problem.code == "does_not_exist":  # a transfer's content never changes: what was read is over
            problem = Problem("request_changed")
        if problem.code not in _SAID:
            raise problem
        return await _page(request, caller, problem)
    return go(f"/desk/transfers?done={'declined' if wanted == 'decline' else 'confirmed'}")
