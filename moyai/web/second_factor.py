"""The code as a step of its own before acts that widen access, where the last one was shown too long ago.

Enter in the field of the code must not mean “yes”: a post that carries a code decides nothing, whatever else it says. The
form is shown again, and to decide is a press of its own.
"""

from __future__ import annotations

from typing import TypeVar

from starlette.requests import Request

from moyai.base.clock import utc_now
from moyai.base.errors import Problem
from moyai.identity import credentials, sessions, step_up
from moyai.identity.model import ResidentCaller, StaffCaller
from moyai.web.known_browser import origin_of
from moyai.web.pages import Form
from moyai.web.platform import Platform

FIELD = "second_factor"
_AGAIN = frozenset({"login_failed", "login_locked", "code_used"})


_Caller = TypeVar("_Caller", ResidentCaller, StaffCaller)


async def step(request: Request, caller: _Caller, form: Form) -> tuple[_Caller, Problem | None] | None:
    """None where the act may go on. Else its form is shown again: with the Problem to tell beside the field
    (insufficient_user_authentication where nothing was typed), or for the caller whose code was right.

    A code is counted like any other try to log in.
    """
    fresh = step_up.is_fresh(caller)
    if fresh and FIELD not in form:
        return None
    if fresh:
        return caller, None
    typed = form.get(FIELD, "").strip()
    problem = await _judged(request, typed) if typed else Problem("insufficient_user_authentication")
    return (caller, problem) if problem else (caller.with_second_factor(utc_now()), None)


async def _judged(request: Request, typed: str) -> Problem | None:
    """What is wrong with the code; nothing, and the session notes that it was shown."""
    platform: Platform = request.app.state.platform
    async with platform.control.connection() as conn:
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
    if session is None:
        raise Problem("unauthenticated")
    try:
        await credentials.check_code(platform.control, platform.box, session.login, typed, origin_of(request))
    except Problem as problem:
        if problem.code not in _AGAIN:
            raise
        return problem
    async with platform.control.transaction() as conn:
        await step_up.shown_now(conn, session)
    return None
