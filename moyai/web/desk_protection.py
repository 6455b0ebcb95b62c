"""支援措置 at the desk: begin, name staff, end; each takes the decision's number and two clerks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import desk, protection, second_person
from moyai.identity.model import StaffCaller
from moyai.web.authorize import go
from moyai.web.desk import desk_of
from moyai.web.oauth import platform_of
from moyai.web.pages import read_form, render

_SAID = ("invalid_request", "second_person_required", "request_changed")


async def show(request: Request, caller: StaffCaller) -> Response:
    return await _page(request, caller)


async def _page(request: Request, caller: StaffCaller, problem: Problem | None = None) -> Response:
    async with desk.transaction(platform_of(request).control) as conn:
        at = await desk_of(conn, caller)
        found = await desk.open_record(conn, at, request.path_params["resident"], desk.Looking("procedure"))
        staff = await protection.colleagues(conn, at)
        openers, elsewhere = await protection.who_may_open(conn, at, found.resident)
        waiting = [
            one for one in await second_person.waiting(conn, at, found.resident) if one.act == "protect"
        ]
    names = {one.staff_key: one.name for one in staff}
    return render(
        request,
        "desk/protection.html",
        caller,
        status=200 if problem is None else problem.status,
        found=found,
        colleagues=staff,
        openers=openers,
        elsewhere=elsewhere,
        names=names,
        waiting=waiting[0] if waiting else None,
        problem=problem,
    )


async def act(request: Request, caller: StaffCaller) -> Response:
    """Ask as the first clerk, confirm as the second, or take it back. The form names the request that was read."""
    form = await read_form(request, caller)
    wanted, named = form.get("act", ""), form.get("request", "")
    try:
        async with desk.transaction(platform_of(request).control) as conn:
            at = await desk_of(conn, caller)
            resident = await desk.at_desk(conn, at, request.path_params["resident"])
            if wanted == "begin" or wanted == "end":
                named = [*form.getlist("staff"), *form.get("others", "").split()]
                await protection.ask(conn, at, resident, wanted, form.get("evidence", ""), named)
            elif wanted == "confirm":
                await protection.confirm(conn, at, resident, Journal.of(platform_of(request).home), named)
            elif wanted == "withdraw":
                await protection.withdraw(conn, at, resident, named)
            else:
                raise Problem("invalid_request", "act")
    except Problem as problem:
        if problem.code not in _SAID:
            raise
        return await _page(request, caller, problem)
    if wanted == "confirm":
        return go("/desk?done=protection")
    return go(f"/desk/residents/{resident.resident_id}/protection")
