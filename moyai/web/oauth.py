"""The OpenID provider over HTTP: discovery, pushed requests, the token endpoint, userinfo, revocation.

The authorization endpoint and log-out are in `authorize.py`. URLs in proofs and assertions are compared with the
configured base URL: no Host or proxy header decides what this platform is called.
"""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from moyai.base import keys
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import authorization, clients, discovery, grants, guessing, pairwise, tokens
from moyai.identity.authorization import PUSHED_SECONDS, REQUEST_URI_PREFIX
from moyai.identity.dpop import Proof, check_proof
from moyai.identity.grants import Issuer, TokenResponse
from moyai.identity.guessing import Counter
from moyai.identity.model import Anonymous, ResidentCaller
from moyai.identity.standing import use_once
from moyai.registry.store_parties import ClientParty
from moyai.web.client_address import client_address, neighbourhood
from moyai.web.operation import answer, describes, read_body
from moyai.web.platform import Platform


class UserInfo(msgspec.Struct, frozen=True):
    """What a service learns of a resident: the subject it knows them as, and nothing else."""

    sub: str


class PushedRequest(msgspec.Struct, frozen=True):
    """RFC 9126, section 2.2."""

    request_uri: str
    expires_in: int


def platform_of(request: Request) -> Platform:
    return request.app.state.platform


def unique_fields(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """OAuth parameters: none twice, empty ones count as left out (RFC 6749, section 3.1)."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise Problem("malformed_request", f"parameter {name[:40]!r} is given twice")
        if "\x00" in value or len(value) > 8192:
            raise Problem("malformed_request", f"parameter {name[:40]!r} is not usable")
        given[name] = value
    return {name: value for name, value in given.items() if value != ""}


async def read_oauth_form(request: Request) -> dict[str, str]:
    """The body of an OAuth request. Raises Problem unsupported_media_type, malformed_request, body_too_large."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem("unsupported_media_type", "send application/x-www-form-urlencoded")
    try:
        body = (await read_body(request)).decode()
        return unique_fields(parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=50))
    except (UnicodeDecodeError, ValueError) as error:
        raise Problem("malformed_request", "the body is not a form") from error


def _audiences(platform: Platform) -> frozenset[str]:
    base = platform.base_url
    return frozenset(
        {base, f"{base}/", f"{base}/oauth2/token", f"{base}/oauth2/par", f"{base}/oauth2/revoke"}
    )


def _read_proof(request: Request, now: float) -> Proof | None:
    given = request.headers.getlist("dpop")
    if not given:
        return None
    if len(given) > 1:
        raise Problem("proof_invalid", "more than one DPoP header")
    url = platform_of(request).base_url + request.url.path
    return check_proof(given[0], method=request.method, url=url, now=now)


# --- discovery ----------------------------------------------------------------------------------------------


@describes(response=dict[str, Any])
async def metadata(request: Request, caller: Anonymous) -> Response:
    return _public(discovery.metadata(platform_of(request).base_url))


@describes(response=dict[str, Any])
async def jwks(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        await platform.keys.current(conn, "oidc")
        return _public(await keys.public_set(conn, "oidc"))


def _public(document: dict[str, Any]) -> Response:
    """Documents that browsers of any origin may read, and keep for a short while."""
    headers = {"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}
    return answer(document, headers=headers)


_WRONG = frozenset({"client_unknown", "assertion_invalid", "assertion_replayed", "grant_invalid"})


def _counted(request: Request, form: dict[str, str]) -> AbstractAsyncContextManager[None]:
    """Around what knows a client by what it shows: whoever tries keys, codes and tokens waits.

    By client and network together, so that nobody stops a client by sending nonsense in its name from elsewhere. A touch
    point is on many phones, and shows nothing that could be guessed for all of them: it is counted by network alone.
    """
    network = neighbourhood(client_address(request))
    counters = [Counter(guessing.CLIENTS, network)]
    if "client_assertion" in form:
        counters.append(Counter(guessing.CLIENT, f"{clients.claimed_id(form)}\n{network}"))
    return guessing.counted(platform_of(request).control, counters, _WRONG)


# --- requests and tokens ------------------------------------------------------------------------------------


@describes(
    response=PushedRequest,
    status=201,
    codes=(
        "client_unknown",
        "assertion_invalid",
        "assertion_expired",
        "assertion_replayed",
        "redirect_uri_mismatch",
        "authorization_request_invalid",
        "scope_not_allowed",
    ),
)
async def push_request(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    form, now = await read_oauth_form(request), time.time()
    if "request_uri" in form:
        raise Problem("malformed_request", "request_uri cannot be pushed")
    async with _counted(request, form):
        async with platform.control.transaction() as conn:
            client = await clients.authenticate(conn, form, _audiences(platform), now)
        proof = _read_proof(request, now)
        if proof is not None:
            async with platform.control.transaction() as conn:
                await use_once(conn, proof.fingerprint)
            if form.setdefault("dpop_jkt", proof.jkt) != proof.jkt:
                raise Problem("proof_invalid", "dpop_jkt is not the key of the proof")
        async with platform.control.transaction() as conn:
            return answer(await _keep(conn, platform, client, form), 201)


async def _keep(
    conn: Connection, platform: Platform, client: ClientParty, form: dict[str, str]
) -> PushedRequest:
    redirect_uri = authorization.check_redirect_uri(client, form.get("redirect_uri"))
    parameters = authorization.check_parameters(client, form, redirect_uri)
    hinted = await tokens.hinted_resident(conn, platform.base_url, client, form.get("id_token_hint"))
    parameters = replace(parameters, hinted=hinted)
    handle = await authorization.keep(conn, client, parameters, PUSHED_SECONDS)
    return PushedRequest(REQUEST_URI_PREFIX + handle, PUSHED_SECONDS)


@describes(
    response=TokenResponse,
    codes=(
        "client_unknown",
        "assertion_invalid",
        "assertion_expired",
        "assertion_replayed",
        "proof_invalid",
        "proof_replayed",
        "grant_invalid",
        "grant_type_unsupported",
        "scope_not_allowed",
        "organization_suspended",
        "organization_not_certified",
        "service_suspended",
        "service_not_certified",
        "outside_user_scope",
    ),
)
async def token(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    issuer = Issuer(platform.base_url, platform.keys)
    form, now = await read_oauth_form(request), time.time()
    async with _counted(request, form):
        return await _token(request, issuer, form, now)


async def _token(request: Request, issuer: Issuer, form: dict[str, str], now: float) -> Response:
    platform = platform_of(request)
    control, grant_type = platform.control, form.get("grant_type")
    # assertion and proof are used up by being shown, each for itself, whatever becomes of the request
    async with control.transaction() as conn:
        client = await clients.authenticate(conn, form, _audiences(platform), now)
    async with control.transaction() as conn:
        jkt = await _bound_key(conn, request, now)
    if grant_type == "client_credentials":
        async with control.transaction() as conn:
            return answer(await grants.client_credentials(conn, issuer, client, form.get("scope"), jkt))
    if grant_type == "authorization_code":
        return answer(await grants.redeem_code(control, issuer, client, form, jkt))
    if grant_type == "refresh_token":
        return answer(await grants.refresh(control, issuer, client, form, jkt))
    oauth = "invalid_request" if grant_type is None else "unsupported_grant_type"
    raise Problem("grant_type_unsupported", oauth=oauth)


async def _bound_key(conn: Connection, request: Request, now: float) -> str:
    """The thumbprint that the tokens are bound to: every token here is (`dpop_bound_access_tokens`)."""
    proof = _read_proof(request, now)
    if proof is None:
        raise Problem("proof_invalid", "the DPoP header is missing")
    await use_once(conn, proof.fingerprint)
    return proof.jkt


@describes(codes=("client_unknown", "assertion_invalid", "assertion_expired", "assertion_replayed"))
async def revoke(request: Request, caller: Anonymous) -> Response:
    platform = platform_of(request)
    form, now = await read_oauth_form(request), time.time()
    async with _counted(request, form):
        async with platform.control.transaction() as conn:
            client = await clients.authenticate(conn, form, _audiences(platform), now)
        if "token" not in form:
            raise Problem("malformed_request", "token is missing")
        async with platform.control.transaction() as conn:
            await grants.revoke(conn, platform.tokens, client, form["token"], now)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


@describes(
    response=UserInfo,
    codes=(
        "subject_unknown",
        "organization_not_certified",
        "service_suspended",
        "service_not_certified",
        "outside_user_scope",
    ),
)
async def userinfo(request: Request, caller: ResidentCaller) -> Response:
    async with platform_of(request).control.transaction() as conn:
        client = await clients.known_client(conn, caller.client_id)
        subject = await pairwise.subject_of(conn, caller.resident_key, client.component_key or 0)
    if subject is None:
        raise Problem("subject_unknown")
    return answer(UserInfo(str(subject)))
