"""The authorization endpoint and log-out: the parts of the OpenID provider that a browser visits."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moyai.base.clock import utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import authorization, clients, pairwise, sessions, store_oauth, tokens
from moyai.identity.authorization import LOGIN_SECONDS, REQUEST_URI_PREFIX, Pending
from moyai.identity.model import Anonymous, Session
from moyai.registry import store_parties
from moyai.registry.store_parties import ClientParty
from moyai.web.oauth import platform_of, read_oauth_form, unique_fields
from moyai.web.pages import read_form, render


def go(url: str) -> Response:
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


async def authorize(request: Request, caller: Anonymous) -> Response:
    """OpenID Connect Core, section 3.1.2: by query, by form, or by the `request_uri` of a pushed request.

    Errors go to the service by redirect, except where client or redirect URI are in doubt: those stop here.
    """
    platform = platform_of(request)
    if request.method == "POST":
        given = await read_oauth_form(request)
    else:
        given = unique_fields(request.query_params.multi_items())
    async with platform.control.transaction() as conn:
        client = await clients.known_client(conn, given.get("client_id", ""))
        found = await _request_of(conn, client, given, platform.base_url)
        if isinstance(found, Response):
            return found
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
        if session is None or authorization.login_due(found, session, utc_now()):
            return await _to_login(conn, client, found, platform.base_url)
        if authorization.is_another(found, session):
            return await _refuse(conn, found, platform.base_url, "login_required", Problem("unauthenticated"))
        if not await authorization.leave_due(conn, client, found, session):
            return await _answer(conn, client, found, session, platform.base_url)
        return await _ask(request, conn, client, found, session)


async def _request_of(
    conn: Connection, client: ClientParty, given: dict[str, str], issuer: str
) -> Pending | Response:
    request_uri = given.get("request_uri")
    if request_uri is not None:
        if not request_uri.startswith(REQUEST_URI_PREFIX):
            raise Problem("request_uri_invalid")
        handle = request_uri.removeprefix(REQUEST_URI_PREFIX)
        found = await authorization.pending(conn, client.client_id, handle)
        authorization.recheck(client, found)
        return found
    redirect_uri = authorization.check_redirect_uri(client, given.get("redirect_uri"))
    try:
        parameters = authorization.check_parameters(client, given, redirect_uri)
    except Problem as problem:
        return _error(redirect_uri, issuer, given.get("state"), problem.extra["oauth"], problem)
    hinted = await tokens.hinted_resident(conn, issuer, client, given.get("id_token_hint"))
    handle = await authorization.keep(conn, client, replace(parameters, hinted=hinted), LOGIN_SECONDS)
    return await authorization.pending(conn, client.client_id, handle)


def _error(redirect_uri: str, issuer: str, state: str | None, error: str, problem: Problem) -> Response:
    """An error for the service: OAuth's word, our stable code, and where that is explained to a person."""
    return go(
        authorization.redirect_target(
            redirect_uri,
            issuer,
            state[:512] if state else None,
            error=error,
            error_description=problem.code,
            error_uri=f"{issuer}/errors/{problem.code}",
        )
    )


async def _refuse(conn: Connection, request: Pending, issuer: str, error: str, problem: Problem) -> Response:
    """The request is over, and the service told so."""
    await authorization.drop(conn, request)
    return _error(request.parameters.redirect_uri, issuer, request.parameters.state, error, problem)


def _again(request: Pending) -> str:
    """Where the browser comes back to this request."""
    return f"/oauth2/authorize?client_id={quote(request.client_id)}&request_uri={REQUEST_URI_PREFIX}{request.handle}"


async def _to_login(conn: Connection, client: ClientParty, request: Pending, issuer: str) -> Response:
    if request.parameters.prompts("none"):
        return await _refuse(conn, request, issuer, "login_required", Problem("unauthenticated"))
    await authorization.extend(conn, request)
    return go(f"/login?next={quote(_again(request), safe='')}")


def _site(redirect_uri: str) -> str | None:
    """The site that the answer goes to, as a browser would show it; None for a program on the resident's own device."""
    parts = urlsplit(redirect_uri)
    on_this_device = (
        parts.scheme == "http"
    )  # registered for this machine alone (`registry.clients`, RFC 8252, 7.3)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return None if on_this_device else f"{parts.hostname}{port}"


async def _ask(
    request: Request, conn: Connection, client: ClientParty, pending: Pending, session: Session
) -> Response:
    """The page that names who asks and for what. A request that cannot be allowed is refused without it."""
    issuer = platform_of(request).base_url
    if pending.parameters.prompts("none"):
        return await _refuse(conn, pending, issuer, "interaction_required", Problem("interaction_required"))
    try:
        await pairwise.check_may_serve(conn, client, session.resident_key or 0)
    except Problem as problem:
        return await _refuse(conn, pending, issuer, "access_denied", problem)
    await authorization.show_to(conn, pending, session)
    return render(
        request,
        "login/authorize.html",
        Anonymous(),
        form_targets=(pending.parameters.redirect_uri,),
        client=client,
        organization=await store_parties.party(conn, client.organization_key),
        scopes=pending.parameters.scope.split(),
        login=session.login,
        site=_site(pending.parameters.redirect_uri),
        days=authorization.GRANT_SECONDS.get(client.kind, 0) // (24 * 3600),
        request_uri=REQUEST_URI_PREFIX + pending.handle,
    )


async def decide(request: Request, caller: Anonymous) -> Response:
    """The resident's answer to that page: only by its own form, and only by whom it was shown to."""
    platform = platform_of(request)
    form = await read_form(request, caller)
    async with platform.control.transaction() as conn:
        handle = form.get("request_uri", "").removeprefix(REQUEST_URI_PREFIX)
        pending = await authorization.pending(conn, None, handle)
        client = await clients.known_client(conn, pending.client_id)
        authorization.recheck(client, pending)
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
        shown = session is not None and authorization.was_shown_to(pending, session)
        if session is None or not shown or authorization.login_due(pending, session, utc_now()):
            return go(_again(pending))
        if form.get("answer") != "allow":
            declined = Problem("authorization_declined")
            return await _refuse(conn, pending, platform.base_url, "access_denied", declined)
        return await _answer(conn, client, pending, session, platform.base_url)


async def _answer(
    conn: Connection, client: ClientParty, request: Pending, session: Session, issuer: str
) -> Response:
    parameters = request.parameters
    try:
        async with conn.transaction():
            code = await authorization.grant_code(conn, client, request, session)
    except Problem as problem:
        if problem.code == "request_uri_invalid":
            raise
        return await _refuse(conn, request, issuer, "access_denied", problem)
    return go(authorization.redirect_target(parameters.redirect_uri, issuer, parameters.state, code=code))


# --- log-out ------------------------------------------------------------------------------------------------


async def end_session(request: Request, caller: Anonymous) -> Response:
    """OpenID Connect RP-Initiated Logout 1.0. Without the ID token of this very session the resident is asked."""
    platform = platform_of(request)
    given = (
        await read_oauth_form(request)
        if request.method == "POST"
        else unique_fields(request.query_params.multi_items())
    )
    async with platform.control.transaction() as conn:
        hint = None
        if "id_token_hint" in given:
            hint = await tokens.read_id_token_hint(conn, platform.base_url, given["id_token_hint"])
        client_id = given.get("client_id") if hint is None else hint.aud
        target = await _after_logout(conn, client_id, given)
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
        if session is None:
            return go(target)
        hinted = None if hint is None else await store_oauth.session_of_grant(conn, hint.sid)
        if hinted == session.session_hash:
            await sessions.close(conn, session)
            return _without_cookie(go(target), platform.cookie_name)
    fields = {name: given[name] for name in ("post_logout_redirect_uri", "state") if name in given}
    if client_id is not None:
        fields["client_id"] = client_id
    return render(request, "login/logout.html", caller, fields=fields, form_targets=_targets(target))


async def logout(request: Request, caller: Anonymous) -> Response:
    """The log-out button of our own pages."""
    platform = platform_of(request)
    form = await read_form(request, caller)
    async with platform.control.transaction() as conn:
        target = await _after_logout(conn, form.get("client_id"), dict(form))
        session = await sessions.read_session(conn, request.cookies.get(platform.cookie_name))
        if session is not None:
            await sessions.close(conn, session)
    return _without_cookie(go(target), platform.cookie_name)


def _without_cookie(response: Response, name: str) -> Response:
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=name.startswith("__Host-"))
    return response


def _targets(target: str) -> tuple[str, ...]:
    return (target,) if target.startswith("http") else ()


async def _after_logout(conn: Connection, client_id: str | None, given: dict[str, str]) -> str:
    """Where to go: a page that the service registered for this, to the letter; else our home."""
    wanted = given.get("post_logout_redirect_uri")
    if wanted is None or client_id is None:
        return "/"
    client = await clients.known_client(conn, client_id)
    if not authorization.is_registered_after_logout(client, wanted):
        raise Problem("redirect_uri_mismatch", "post_logout_redirect_uri")
    state = given.get("state")
    if state is None:
        return wanted
    return f"{wanted}{'&' if '?' in wanted else '?'}state={quote(state[:512], safe='')}"
