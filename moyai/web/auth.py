"""Who is calling: access tokens with their DPoP proofs, and browser sessions. Whether they may is the room's answer.

Identity never rests on an unsigned header, and a demand that is not met refuses.
"""

from __future__ import annotations

import time

from starlette.requests import Request

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import sessions, tokens
from moyai.identity.as_now import Read
from moyai.identity.dpop import Proof
from moyai.identity.model import Anonymous, Caller, ClientCaller, ResidentCaller, StaffCaller
from moyai.identity.standing import use_once
from moyai.identity.tokens import AccessToken
from moyai.web.operation import (
    AnyOf,
    Client,
    Demand,
    PortalSession,
    Public,
    Resident,
    StaffSession,
    header,
)
from moyai.web.platform import Platform

_PROOF = "moyai.proof"
_VERIFIED = "moyai.verified"


def proof_of(request: Request) -> Proof:
    """The proof with which the caller of this request was authenticated."""
    return request.scope[_PROOF]


def read_again(request: Request, caller: Caller) -> Read:
    """How to ask who has been authenticated, as they are now, in whatever transaction."""
    token: AccessToken | None = request.scope.get(_VERIFIED)
    platform: Platform = request.app.state.platform

    async def read(conn: Connection) -> Caller | None:
        if token is None:
            return await sessions.caller_of(conn, request.cookies.get(platform.cookie_name))
        if isinstance(caller, ResidentCaller):
            return await tokens.resident(conn, token)
        return await tokens.client(conn, token)

    return read


async def authenticate(request: Request, demand: Demand) -> Caller:
    """The caller that meets the demand. Raises Problem: unauthenticated, token_*, proof_*, forbidden."""
    if isinstance(demand, Public):
        return Anonymous()
    if isinstance(demand, AnyOf):
        return await _any_of(request, demand)
    if isinstance(demand, Client):
        return await _client(request, demand)
    if isinstance(demand, Resident):
        return await _resident(request, demand)
    return await _session(request, demand)


async def _any_of(request: Request, demand: AnyOf) -> Caller:
    """With a token the token decides, and a bad one is not forgiven; without one, the session or nobody."""
    has_token = "authorization" in request.headers
    chosen = [d for d in demand.demands if isinstance(d, (Client, Resident)) == has_token]
    problem = Problem("unauthenticated")
    for one in chosen:
        try:
            return await authenticate(request, one)
        except Problem as error:
            problem = error
            if error.code not in ("forbidden", "unauthenticated"):
                break
    raise problem


async def _client(request: Request, demand: Client) -> ClientCaller:
    platform: Platform = request.app.state.platform
    token, proof = await _token(request, demand.scope)
    if token.grant_id is not None:
        raise Problem("forbidden", "this token stands for a resident, not for a component")
    if demand.single_use == "ledger":
        # the exchange road: standing, scope and replay are part of its own two statements
        known = platform.tokens.known_client(token)
        if known is not None:
            return known
        async with platform.control.connection() as conn:
            return await platform.tokens.exchange_client(conn, token)
    async with platform.control.transaction() as conn:
        caller = await tokens.client(conn, token)
        await use_once(conn, proof.fingerprint)
    _require_scope(demand.scope, caller.scopes)
    return caller


async def _resident(request: Request, demand: Resident) -> ResidentCaller:
    platform: Platform = request.app.state.platform
    token, proof = await _token(request, demand.scope)
    async with platform.control.transaction() as conn:
        caller = await tokens.resident(conn, token)
        await use_once(conn, proof.fingerprint)
    _require_scope(demand.scope, caller.scopes)
    return caller


def _require_scope(scope: str, scopes: frozenset[str]) -> None:
    """What the token says is not enough: the client must still be registered with the scope."""
    if scope not in scopes:
        raise Problem("forbidden", f"scope {scope} is needed", required_scope=scope)


async def _token(request: Request, scope: str) -> tuple[AccessToken, Proof]:
    """A verified access token with a proof made by its key for this request. The proof is not used up yet."""
    platform: Platform = request.app.state.platform
    scheme, _, raw = (header(request, b"authorization") or "").partition(" ")
    if scheme.lower() != "dpop" or not raw:
        raise Problem("unauthenticated", "send Authorization: DPoP <access token> and a DPoP proof")
    now = time.time()
    token = platform.tokens.remembered(raw, now)
    if token is None:
        ask = platform.limits.has_tries_left(request)
        async with platform.control.connection() as conn:
            token = await platform.tokens.verify(conn, raw, now, ask=ask)
    proofs = [value for name, value in request.scope["headers"] if name == b"dpop"]
    if len(proofs) != 1:
        raise Problem("proof_invalid", "send exactly one DPoP header")
    proof = await platform.proofs.check(
        proofs[0],
        method=request.method,
        url=platform.base_url + request.scope["path"],
        token_hash=token.token_hash,
        now=now,
    )
    if proof.jkt != token.jkt:
        raise Problem("proof_invalid", "the proof's key is not the one the token is bound to")
    _require_scope(scope, token.scopes)
    request.scope[_PROOF] = proof
    request.scope[_VERIFIED] = token
    return token, proof


async def _session(request: Request, demand: PortalSession | StaffSession) -> ResidentCaller | StaffCaller:
    platform: Platform = request.app.state.platform
    cookie = request.cookies.get(platform.cookie_name)
    async with platform.control.transaction() as conn:
        caller = await sessions.caller_of(conn, cookie)
    if isinstance(demand, PortalSession):
        if not isinstance(caller, ResidentCaller):
            raise Problem("unauthenticated")
        return caller
    if caller is None:
        raise Problem("unauthenticated")
    if isinstance(caller, StaffCaller) and caller.closed:
        raise Problem(caller.closed)
    if not isinstance(caller, StaffCaller) or not caller.roles.intersection(demand.roles):
        raise Problem("forbidden", f"for staff with one of the roles {', '.join(demand.roles)}")
    return caller
