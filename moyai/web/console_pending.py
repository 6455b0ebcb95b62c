"""`/console/pending`: acts that wait for a second person, to confirm or to revoke."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity.model import StaffCaller
from moyai.identity.waiting_read import every_readable, readable
from moyai.registry import acting, waiting
from moyai.registry.pending import pending_act
from moyai.web import second_factor
from moyai.web.authorize import go
from moyai.web.console_page import render_console
from moyai.web.oauth import platform_of
from moyai.web.pages import read_form

ON_A_PAGE = 50

_SAID = ("second_person_required", "pending_ended", "forbidden", "too_many_pending")


async def show(request: Request, caller: StaffCaller) -> Response:
    return await _page(request, caller)


async def _page(request: Request, caller: StaffCaller, problem: Problem | None = None) -> Response:
    """One page of what waits, soonest first, and one of what ended; each goes on by a cursor of its own."""
    query = request.query_params
    async with platform_of(request).control.transaction() as conn:
        found = await waiting.waiting(conn, ON_A_PAGE, query.get("after"))
        ended = await waiting.ended(conn, ON_A_PAGE, query.get("ended"))
        counted = await waiting.counts(conn)
    database = platform_of(request).control
    return await render_console(
        request,
        "console/pending.html",
        caller,
        status=200 if problem is None else problem.status,
        waiting=await every_readable(database, found.pending),
        next=found.next,
        later="after" in query,
        counts=counted,
        ended=await every_readable(database, ended.pending),
        next_ended=ended.next,
        done=query.get("done", ""),
        problem=problem,
    )


async def code_page(
    request: Request, caller: StaffCaller, due: Problem | None, *, frame: str, back: str
) -> Response:
    """The act that is to be confirmed, once more: with the field for the code or, once that was right, with the button."""
    async with platform_of(request).control.transaction() as conn:
        one = await readable(conn, await pending_act(conn, request.path_params["pending"]))
    return await render_console(
        request,
        "staff/code.html",
        caller,
        status=422 if due else 200,
        one=one,
        frame=frame,
        back=back,
        due=due is not None,
        error=due.code if due else None,
    )


async def act(request: Request, caller: StaffCaller) -> Response:
    """Stand for an act, or revoke it. Its own asker can revoke, and nobody can confirm twice."""
    form = await read_form(request, caller)
    wanted, pending = form.get("act", ""), request.path_params["pending"]
    if wanted == "confirm":
        step = await second_factor.step(request, caller, form)
        if step is not None:
            return await code_page(request, *step, frame="console/frame.html", back="/console/pending")
    try:
        async with platform_of(request).control.transaction() as conn:
            if wanted == "confirm":
                state = (await acting.confirm(conn, pending, caller.as_one_of_two)).state
            elif wanted == "revoke":
                state = (await acting.revoke_as(conn, pending, caller.as_one_of_two)).state
            else:
                raise Problem("invalid_request", "act")
    except Problem as problem:
        if problem.code not in _SAID:
            raise
        return await _page(request, caller, problem)
    return go(f"/console/pending?done={state}")
