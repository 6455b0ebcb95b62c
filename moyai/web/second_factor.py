"""The field for the code on forms whose act widens access, where the last one was shown too long ago."""

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


async def take(request: Request, caller: _Caller, form: Form) -> tuple[_Caller, Problem | None]:
    """The caller with the code of the form judged, if one is due: counted like any other try to log in.

    Gives the Problem that the form shows beside its field; insufficient_user_authentication where it was left empty.
    """
    platform: Platform = request.app.state.platform
    if step_up.is_fresh(caller):
        return caller, None
    async with platform.control.connection() as conn:
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
    if session is None:
        raise Problem("unauthenticated")
    typed = form.get(FIELD, "").strip()
    if not typed:
        return caller, Problem("insufficient_user_authentication")
    try:
        await credentials.check_code(platform.control, platform.box, session.login, typed, origin_of(request))
    except Problem as problem:
        if problem.code not in _AGAIN:
            raise
        return caller, problem
    async with platform.control.transaction() as conn:
        await step_up.shown_now(conn, session)
    return caller.with_second_factor(utc_now()), None
