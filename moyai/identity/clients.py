"""Client authentication: private_key_jwt (RFC 7523) for components, none for public touch points."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from moyai.base.clock import TOKEN_LEEWAY_SECONDS
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import store_oauth
from moyai.registry import store_parties
from moyai.registry.store_parties import ClientParty

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 300
"""The longest life of an assertion; it is remembered for that long, so that it is good once."""

_MAX_ASSERTION_BYTES = 8192


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: Annotated[float, msgspec.Meta(ge=0, lt=1 << 40)]
    jti: Annotated[str, msgspec.Meta(min_length=8, max_length=200)]
    iat: Annotated[float, msgspec.Meta(ge=0, lt=1 << 40)] | None = None
    nbf: Annotated[float, msgspec.Meta(ge=0, lt=1 << 40)] | None = None


async def authenticate(
    conn: Connection, form: Mapping[str, str], audiences: frozenset[str], now: float
) -> ClientParty:
    """The client that sent this form, or Problem client_unknown, assertion_invalid, _expired or _replayed.

    `audiences` are the values of `aud` that mean this platform: the issuer and its token endpoint.
    """
    if "client_secret" in form:
        raise Problem("assertion_invalid", "client secrets are not accepted here", oauth="invalid_client")
    assertion = form.get("client_assertion")
    if assertion is None:
        return await _public_client(conn, form.get("client_id", ""))
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Problem("assertion_invalid", f"client_assertion_type must be {ASSERTION_TYPE}")
    if len(assertion) > _MAX_ASSERTION_BYTES:
        raise Problem("assertion_invalid", "the assertion is too long")
    claims = _unverified(assertion)
    client = await known_client(conn, form.get("client_id", claims.iss))
    _verify(client, assertion)
    _check_claims(claims, client, audiences, now)
    fingerprint = hashlib.sha256(f"assertion\n{client.client_id}\n{claims.jti}".encode()).digest()
    if not await store_oauth.remember(conn, fingerprint, claims.exp - now + 2 * TOKEN_LEEWAY_SECONDS):
        raise Problem("assertion_replayed")
    return client


def claimed_id(form: Mapping[str, str]) -> str:
    """Whom a form says it is from, which nothing has shown yet; "" where it does not say."""
    if "client_id" in form:
        return form["client_id"][:63]
    try:
        return _unverified(form.get("client_assertion", "")[:_MAX_ASSERTION_BYTES]).iss[:63]
    except Problem:
        return ""


async def known_client(conn: Connection, client_id: str) -> ClientParty:
    """Raises Problem client_unknown; a disabled client is as good as none."""
    usable = 0 < len(client_id) <= 63 and client_id.isascii() and client_id.isprintable()
    client = await store_parties.client_party(conn, client_id) if usable else None
    if client is None or client.state != "active":
        raise Problem("client_unknown")
    return client


async def _public_client(conn: Connection, client_id: str) -> ClientParty:
    client = await known_client(conn, client_id)
    if client.kind != "touch_point":
        raise Problem("assertion_invalid", "this client authenticates with a client_assertion")
    return client


def _unverified(assertion: str) -> _Claims:
    try:
        return msgspec.json.decode(jws.extract_compact(assertion.encode()).payload, type=_Claims)
    except (JoseError, ValueError, msgspec.DecodeError) as error:
        raise Problem(
            "assertion_invalid", "the assertion is not a JWT with iss, sub, aud, exp, jti"
        ) from error


def _verify(client: ClientParty, assertion: str) -> None:
    """Against every registered key that the header's `kid` does not rule out."""
    jwks: list[dict[str, Any]] = (client.jwks or {}).get("keys", [])
    try:
        kid = jws.extract_compact(assertion.encode()).headers().get("kid")
    except (JoseError, ValueError) as error:
        raise Problem("assertion_invalid") from error
    for jwk in jwks:
        if kid is not None and jwk.get("kid", kid) != kid:
            continue
        try:
            jws.deserialize_compact(assertion, ECKey.import_key(jwk), algorithms=["ES256"])
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        return
    raise Problem("assertion_invalid", "no registered key of this client fits the signature (ES256)")


def _check_claims(claims: _Claims, client: ClientParty, audiences: frozenset[str], now: float) -> None:
    if claims.iss != client.client_id or claims.sub != client.client_id:
        raise Problem("assertion_invalid", "iss and sub must be the client_id")
    given = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    if not given or not given <= audiences:
        raise Problem("assertion_invalid", "aud must be this platform's issuer or token endpoint")
    if claims.exp + TOKEN_LEEWAY_SECONDS < now:
        raise Problem("assertion_expired")
    if claims.exp > now + ASSERTION_SECONDS + TOKEN_LEEWAY_SECONDS:
        raise Problem("assertion_invalid", f"exp must be within {ASSERTION_SECONDS} seconds")
    if max(claims.iat or 0, claims.nbf or 0) > now + TOKEN_LEEWAY_SECONDS:
        raise Problem("assertion_invalid", "iat or nbf lies in the future")
