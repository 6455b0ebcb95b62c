"""The first log-in: an own password, and an own secret in the authenticator app, before anything else opens."""

from __future__ import annotations

from urllib.parse import quote

import segno
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.identity import first_login, sessions
from moyai.identity.model import Anonymous, Session
from moyai.web.authorize import go
from moyai.web.login import finish, safe_next
from moyai.web.oauth import platform_of
from moyai.web.pages import read_form, render

_AGAIN = frozenset({"password_too_weak", "password_unchanged", "passwords_differ", "code_wrong"})


async def _waiting(request: Request) -> Session | None:
    """The session of this browser, if its person is to choose their own secrets now."""
    platform = platform_of(request)
    async with platform.control.connection() as conn:
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
    return session if session is not None and session.initial else None


async def _page(request: Request, session: Session, target: str, problem: Problem | None = None) -> Response:
    platform = platform_of(request)
    async with platform.control.connection() as conn:
        new = await first_login.offered(conn, platform.box, session, platform.config.platform.name_ja)
    qr = segno.make(new.uri, error="m").svg_inline(scale=5, border=4, light="#fff", omitsize=False)
    return render(
        request,
        "login/first.html",
        Anonymous(),
        status=200 if problem is None else problem.status,
        next=target,
        error=None if problem is None else problem.code,
        login=session.login,
        secret=new.secret,
        uri=new.uri,
        qr=qr,
    )


async def show(request: Request, caller: Anonymous) -> Response:
    session, target = await _waiting(request), safe_next(request.query_params.get("next"))
    if session is None:
        return go(f"/login?next={quote(target, safe='')}")
    return await _page(request, session, target)


async def take(request: Request, caller: Anonymous) -> Response:
    platform, session = platform_of(request), await _waiting(request)
    form = await read_form(request, caller)
    target = safe_next(form.get("next"))
    if session is None:
        return go(f"/login?next={quote(target, safe='')}")
    try:
        if form.get("new") != form.get("again"):
            raise Problem("passwords_differ")
        credential = await first_login.choose(
            platform.control,
            platform.box,
            session,
            form.get("new", ""),
            form.get("confirmation", ""),
            Journal.of(platform.home),
        )
    except Problem as problem:
        if problem.code == "unauthenticated":
            return go(f"/login?next={quote(target, safe='')}")
        if problem.code not in _AGAIN:
            raise
        return await _page(request, session, target, problem)
    async with platform.control.transaction() as conn:
        opened = await sessions.open_session(
            conn, credential, ("pwd", "otp"), shown=session.factors, device=session.device
        )
    return await finish(request, opened, target)
