"""Logging in: password, then code. The page says which service asks, and works without JavaScript."""

from __future__ import annotations

from math import ceil
from urllib.parse import parse_qs, quote, urlsplit

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SecretBox
from moyai.identity import (
    authorization,
    clients,
    credentials,
    first_login,
    guessing,
    login_acts,
    password_change,
    sessions,
)
from moyai.identity.authorization import REQUEST_URI_PREFIX
from moyai.identity.credentials import Credential
from moyai.identity.model import Anonymous, Factor, ResidentCaller, Session, StaffCaller
from moyai.identity.sessions import Opened
from moyai.registry.store_parties import ClientParty
from moyai.web.authorize import go
from moyai.web.device import device_of
from moyai.web.known_browser import Recognised, origin_of
from moyai.web.oauth import platform_of
from moyai.web.pages import read_form, render, set_session
from moyai.web.problems import retry_after

_AGAIN = frozenset({"login_failed", "login_locked", "code_used"})


def safe_next(target: str | None) -> str:
    """A path of ours to go on to, or "" for anything else: a login must not lead to a stranger's page."""
    if not target or len(target) > 2000 or not target.startswith("/") or target.startswith(("//", "/\\")):
        return ""
    return target if target.isascii() and target.isprintable() and "\\" not in target else ""


async def _asking(conn: Connection, target: str) -> tuple[ClientParty, str] | None:
    """The service that sent the resident here, with the redirect URI it will get the answer at."""
    parts = urlsplit(target)
    if parts.path != "/oauth2/authorize":
        return None
    handle = parse_qs(parts.query).get("request_uri", [""])[0].removeprefix(REQUEST_URI_PREFIX)
    try:
        pending = await authorization.pending(conn, None, handle)
        return await clients.known_client(conn, pending.client_id), pending.parameters.redirect_uri
    except Problem:
        return None


async def _page(
    request: Request,
    name: str,
    target: str,
    error: Problem | None = None,
    login: str = "",
    *,
    expired: str = "",
) -> Response:
    async with platform_of(request).control.connection() as conn:
        asking = await _asking(conn, target)
    page = render(
        request,
        name,
        Anonymous(),
        status=200 if error is None else error.status,
        form_targets=() if asking is None else (asking[1],),
        asking=None if asking is None else asking[0],
        next=target,
        error=None if error is None else error.code,
        wait=waiting_time(error),
        login=login,
        expired=expired,
    )
    return page if error is None else told_when(page, error)


def waiting_time(error: Problem | None) -> tuple[str, str]:
    """In how many minutes or hours to try again, in Japanese and English; empty where there is nothing to wait for."""
    seconds = 0 if error is None else int(error.extra.get("retry_after", 0))
    if seconds <= 0:
        return "", ""
    minutes = ceil(seconds / 60)
    if minutes < 120:
        return f"{minutes}分", f"{minutes} minute{'s' if minutes > 1 else ''}"
    hours = ceil(minutes / 60)
    return f"{hours}時間", f"{hours} hours"


def told_when(page: Response, error: Problem) -> Response:
    page.headers.update(retry_after(error))
    return page


async def show_login(request: Request, caller: Anonymous) -> Response:
    target = safe_next(request.query_params.get("next"))
    session = await _unfinished(request)
    if session is not None and session.initial:
        return go(f"/login/first?next={quote(target, safe='')}")
    return await _page(
        request, "login/password.html", target, expired=request.query_params.get("expired", "")
    )


async def take_password(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    form = await read_form(request, caller)
    target, login = safe_next(form.get("next")), form.get("login", "")
    try:
        credential = await credentials.check_password(
            platform.control, login, form.get("password", ""), origin_of(request)
        )
    except Problem as problem:
        if problem.code not in _AGAIN:
            raise
        return await _page(request, "login/password.html", target, problem, login[:64])
    async with platform.control.transaction() as conn:
        await _end_old(conn, request)
        opened = await _open(conn, platform.box, credential, ("pwd",), device=device_of(request))
    onward = f"/login/code?next={quote(target, safe='')}"
    return await finish(request, opened, onward if credential.has_code else target)


async def _open(
    conn: Connection,
    box: SecretBox,
    credential: Credential,
    amr: tuple[str, ...],
    shown: tuple[Factor, ...] = (),
    *,
    device: str,
) -> Opened:
    opened = await sessions.open_session(conn, credential, amr, shown=shown, device=device)
    if opened.session.initial:
        await first_login.prepare(conn, box, opened.session)
    return opened


async def _unfinished(request: Request) -> Session | None:
    platform = platform_of(request)
    async with platform.control.connection() as conn:
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
    return None if session is None or session.complete else session


async def show_code(request: Request, caller: Anonymous) -> Response:
    target = safe_next(request.query_params.get("next"))
    session = await _unfinished(request)
    if session is None or session.initial:
        return go(f"/login?next={quote(target, safe='')}")
    return await _page(request, "login/code.html", target)


async def take_code(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    session = await _unfinished(request)
    form = await read_form(request, caller)
    target = safe_next(form.get("next"))
    if session is None or session.initial:
        return go(f"/login?next={quote(target, safe='')}")
    try:
        credential = await credentials.check_code(
            platform.control, platform.box, session.login, form.get("code", ""), origin_of(request)
        )
    except Problem as problem:
        if problem.code not in _AGAIN:
            raise
        return await _page(request, "login/code.html", target, problem)
    # of the generation in which the password was shown: what has ended since does not begin again
    credential = replace(credential, generation=session.generation)
    async with platform.control.transaction() as conn:
        await sessions.supersede(conn, session)
        opened = await _open(
            conn, platform.box, credential, ("pwd", "otp"), session.factors, device=session.device
        )
    return await finish(request, opened, target)


async def _end_old(conn: Connection, request: Request) -> None:
    """Whoever logs in anew leaves the session that this browser had; what was authorised in it goes on."""
    session = await sessions.read_session(conn, request.cookies.get(platform_of(request).cookie_name))
    if session is not None:
        await sessions.supersede(conn, session)


async def finish(request: Request, opened: Opened, target: str) -> Response:
    """Go on with the session's cookie: to the target, or first to where somebody chooses their own secrets."""
    if opened.session.initial:
        return set_session(request, go(f"/login/first?next={quote(target, safe='')}"), opened.cookie)
    response = set_session(request, go(target or await _home(request, opened)), opened.cookie)
    if opened.session.complete:
        browser = Recognised(request)
        async with platform_of(request).control.transaction() as conn:
            await guessing.remember(conn, opened.session.login, browser.hash)
            await login_acts.logged_in(conn, opened.session)
        browser.tell(response)
    return response


async def _home(request: Request, opened: Opened) -> str:
    async with platform_of(request).control.connection() as conn:
        caller = await sessions.caller_of(conn, opened.cookie)
    return _home_of(caller)


def _home_of(caller: ResidentCaller | StaffCaller | None) -> str:
    if isinstance(caller, StaffCaller):
        if "staff_admin" in caller.roles and not caller.roles & {"desk", "operator", "auditor"}:
            return "/desk/staff"
        return "/desk" if "desk" in caller.roles else "/console"
    return "/portal" if isinstance(caller, ResidentCaller) else "/"


# --- a new password ------------------------------------------------------------------------------------------


async def show_password(request: Request, caller: ResidentCaller | StaffCaller) -> Response:
    return _change_page(request, caller, done=request.query_params.get("done") == "1")


def _change_page(
    request: Request,
    caller: ResidentCaller | StaffCaller,
    problem: Problem | None = None,
    *,
    done: bool = False,
) -> Response:
    page = render(
        request,
        "login/change.html",
        caller,
        status=200 if problem is None else problem.status,
        error=None if problem is None else problem.code,
        wait=waiting_time(problem),
        done=done,
        home=_home_of(caller),
    )
    return page if problem is None else told_when(page, problem)


async def change_password(request: Request, caller: ResidentCaller | StaffCaller) -> Response:
    """Asks for password and code, although somebody is logged in: the browser may have been left alone."""
    platform = platform_of(request)
    form = await read_form(request, caller)
    async with platform.control.connection() as conn:
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
    if session is None:
        raise Problem("unauthenticated")
    try:
        if form.get("new") != form.get("again"):
            raise Problem("passwords_differ")
        opened = await password_change.change_password(
            platform.control,
            platform.box,
            session,
            form.get("old", ""),
            form.get("code", ""),
            form.get("new", ""),
            origin_of(request),
            Journal.of(platform.home),
        )
    except Problem as problem:
        if problem.code not in (*_AGAIN, "password_too_weak", "password_unchanged", "passwords_differ"):
            raise
        return _change_page(request, caller, problem)
    return set_session(request, go("/login/password?done=1"), opened.cookie)
