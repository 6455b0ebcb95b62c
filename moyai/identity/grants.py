"""The token endpoint's work: codes, refresh tokens and client credentials become tokens (RFC 6749, 7636, 9449).

These functions take the database itself: the second use of a code or refresh token has to end the grant although
the request that brought it is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Database
from moyai.base.errors import Problem
from moyai.base.keys import KeyRing
from moyai.identity import login_acts, pairwise, store_oauth, store_pairwise, tokens
from moyai.identity.authorization import RESIDENT_SCOPES, Parameters, is_registered, resident_scopes
from moyai.identity.login_acts import Why
from moyai.identity.model import Grant
from moyai.registry import store_parties
from moyai.registry.store_parties import ClientParty

REFRESH_SECONDS: Final = 30 * 24 * 3600
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class TokenResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str | None = None
    refresh_token: str | None = None


class Issuer(msgspec.Struct, frozen=True):
    """What signs: the platform's name in tokens, and its keys."""

    url: str
    keys: KeyRing


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _invalid(detail: str) -> Problem:
    return Problem("grant_invalid", detail, oauth="invalid_grant")


async def client_credentials(
    conn: Connection, issuer: Issuer, client: ClientParty, asked: str | None, jkt: str
) -> TokenResponse:
    """A token for the client itself. Raises Problem scope_not_allowed, grant_type_unsupported."""
    if client.kind == "touch_point":
        raise Problem("grant_type_unsupported", "not for touch points", oauth="unauthorized_client")
    allowed = [scope for scope in client.scopes if scope not in RESIDENT_SCOPES]
    scopes = allowed if asked is None else list(dict.fromkeys(asked.split()))
    if not scopes or not set(scopes) <= set(allowed):
        raise Problem("scope_not_allowed", f"registered: {' '.join(allowed)}", oauth="invalid_scope")
    scope = " ".join(scopes)
    key = await issuer.keys.current(conn, "oidc")
    token = tokens.issue_access_token(
        key,
        issuer.url,
        client.client_id,
        client.client_id,
        scope,
        jkt,
        client_keys=tokens.keys_of(client.jwks),
    )
    return TokenResponse(token, "DPoP", tokens.ACCESS_SECONDS, scope)


async def redeem_code(
    database: Database, issuer: Issuer, client: ClientParty, form: Mapping[str, str], jkt: str
) -> TokenResponse:
    """Tokens for a code: once, for the client, redirect URI and verifier it was made for, bound to `jkt`.

    Raises Problem grant_invalid. A second use also ends what the first one gave (RFC 6749, section 4.1.2).
    """
    async with database.transaction() as conn:
        code_hash = _hash(form.get("code", ""))
        row = await store_oauth.code(conn, code_hash)
        if row is None:
            raise _invalid("the code does not exist")
        if not row["used"]:
            parameters = msgspec.convert(row["parameters"], Parameters)
            _check_code(row, parameters, client, form, jkt)
            await store_oauth.use_code(conn, code_hash, REFRESH_SECONDS)
            await store_oauth.bind_grant(conn, row["grant_id"], jkt)
            return await _resident_tokens(conn, issuer, client, row["grant_id"], None, parameters.nonce, jkt)
        if row["client_id"] == client.client_id:
            await _end(conn, client, row["grant_id"], "code_reused")
    raise _invalid("the code was used already; what it gave has been revoked")


def _check_code(
    row: Any, parameters: Parameters, client: ClientParty, form: Mapping[str, str], jkt: str
) -> None:
    if not row["live"]:
        raise _invalid("the code has expired")
    if row["client_id"] != client.client_id:
        raise _invalid("the code was given to another client")
    if form.get("redirect_uri") != parameters.redirect_uri:
        raise _invalid("redirect_uri is not the one of the authorization request")
    if not is_registered(client, parameters.redirect_uri):
        raise _invalid("redirect_uri is not registered any more")
    verifier = form.get("code_verifier", "")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(digest, parameters.code_challenge):
        raise _invalid("code_verifier does not fit the code_challenge")
    if parameters.dpop_jkt not in (None, jkt):
        raise _invalid("the DPoP key is not the one of the authorization request")


async def refresh(
    database: Database, issuer: Issuer, client: ClientParty, form: Mapping[str, str], jkt: str
) -> TokenResponse:
    """New tokens for a refresh token, which is good once and only with the key it was given to.

    Raises Problem grant_invalid. A second use ends the grant: one of the two users is a thief.
    """
    async with database.transaction() as conn:
        token_hash = _hash(form.get("refresh_token", ""))
        row = await store_oauth.refresh_token(conn, token_hash)
        if row is None or not row["live"]:
            raise _invalid("the refresh token does not exist or has expired")
        if not row["used"]:
            await store_oauth.use_refresh_token(conn, token_hash)
            return await _resident_tokens(conn, issuer, client, row["grant_id"], form.get("scope"), None, jkt)
        await _end(conn, client, row["grant_id"], "refresh_reused")
    raise _invalid("the refresh token was used already; the authorisation has been revoked")


async def _end(conn: Connection, client: ClientParty, grant_id: UUID, why: Why) -> None:
    """An authorisation that is in force is ended by what its client did, on record; one that has ended stays so."""
    grant = await store_oauth.grant(conn, grant_id)
    await store_oauth.revoke_grant(conn, grant_id)
    if grant is not None:
        of = client if grant["client_id"] == client.client_id else None
        of = of or await store_parties.client_party(conn, grant["client_id"]) or client
        await login_acts.authorization_ended(conn, grant["resident_key"], of, why)


async def _resident_tokens(
    conn: Connection,
    issuer: Issuer,
    client: ClientParty,
    grant_id: UUID,
    asked: str | None,
    nonce: str | None,
    jkt: str,
) -> TokenResponse:
    row = await store_oauth.grant(conn, grant_id)
    if row is None:
        raise _invalid("the authorisation has ended")
    if row["client_id"] != client.client_id or row["jkt"] != jkt:
        raise _invalid("the token belongs to another client or key")
    await _check_standing(conn, client, row["municipality_code"])
    subject = await store_pairwise.current(conn, row["resident_key"], client.component_key or 0)
    if subject is None:
        raise _invalid("the resident is not tied to this client's component")
    grant = Grant(
        grant_id,
        client.client_id,
        row["resident_key"],
        row["scope"],
        jkt,
        row["aal"],
        tuple(row["amr"]),
        row["authenticated_at"],
    )
    scope = _narrowed(grant.scope, client, asked)
    key = await issuer.keys.current(conn, "oidc")
    access = tokens.issue_access_token(
        key,
        issuer.url,
        client.client_id,
        str(subject),
        scope,
        jkt,
        grant_id,
        client_keys=tokens.keys_of(client.jwks),
    )
    id_token = None
    if "openid" in scope.split():
        id_token = tokens.issue_id_token(key, issuer.url, grant, str(subject), row["ial"], nonce)
    new_refresh = await _new_refresh_token(conn, grant_id) if client.kind == "touch_point" else None
    return TokenResponse(access, "DPoP", tokens.ACCESS_SECONDS, scope, id_token, new_refresh)


async def _check_standing(conn: Connection, client: ClientParty, municipality_code: str) -> None:
    """As `pairwise.check_may_act`, in the token endpoint's words. A refused token is not used up: what was suspended
    may be reinstated."""
    try:
        await pairwise.check_may_act(conn, client, municipality_code)
    except Problem as problem:
        raise Problem(problem.code, problem.detail, oauth="invalid_grant") from problem


def _narrowed(granted: str, client: ClientParty, asked: str | None) -> str:
    """What was granted, as far as the client is still registered with it and asks for it."""
    left = [scope for scope in granted.split() if scope in resident_scopes(client)]
    wanted = dict.fromkeys(left if asked is None else asked.split())
    if not wanted or not set(wanted) <= set(left):
        raise Problem("scope_not_allowed", f"granted: {' '.join(left)}", oauth="invalid_scope")
    return " ".join(wanted)


async def _new_refresh_token(conn: Connection, grant_id: UUID) -> str:
    token = secrets.token_urlsafe(32)
    await store_oauth.insert_refresh_token(conn, _hash(token), grant_id, REFRESH_SECONDS)
    return token


async def revoke(
    conn: Connection, verifier: tokens.TokenVerifier, client: ClientParty, token: str, now: float
) -> None:
    """RFC 7009: end the grant behind a refresh or access token of this client. Anything else is passed over."""
    grant_id: UUID | None = None
    row = await store_oauth.refresh_token(conn, _hash(token))
    if row is not None:
        grant_id = row["grant_id"]
    else:
        try:
            grant_id = (await verifier.verify(conn, token, now)).grant_id
        except Problem:
            return
    grant = None if grant_id is None else await store_oauth.grant(conn, grant_id)
    if grant is not None and grant["client_id"] == client.client_id:
        await _end(conn, client, grant["grant_id"], "client")
