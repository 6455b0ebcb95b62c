"""Tokens that the platform signs: access tokens (RFC 9068, bound to a key by RFC 9449) and ID tokens.

A verified access token is remembered until it expires. What is remembered is who the token names, never what they
may do: standing, consent and grants are read anew for every request.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from moyai.base import ids, keys
from moyai.base.clock import TOKEN_LEEWAY_SECONDS
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import dpop, pairwise, store_oauth, store_pairwise
from moyai.identity.authorization import resident_scopes
from moyai.identity.model import ClientCaller, Grant, ResidentCaller, acr_of
from moyai.identity.sessions import level_now
from moyai.registry import store_parties
from moyai.registry.hashing import digest
from moyai.registry.store_parties import ClientParty

ACCESS_SECONDS: Final = 600
ID_TOKEN_SECONDS: Final = 600
_MAX_TOKEN_BYTES = 4096
_KEYS_TRUE_SECONDS = 1.0
"""How long what is known of the keys is relied on: a revoked one verifies nothing after that, in any process."""


class AccessToken(msgspec.Struct, frozen=True):
    """A verified access token. `grant_id` is set where a resident stands behind it; `token_hash` is its `ath`."""

    client_id: str
    subject: str
    scopes: frozenset[str]
    jkt: str
    grant_id: UUID | None
    expires_at: int
    token_hash: str
    key_id: str
    client_keys: str


class _Confirmation(msgspec.Struct, frozen=True):
    jkt: str


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: str
    client_id: str
    scope: str
    exp: int
    cnf: _Confirmation
    sid: UUID | None = None
    client_keys: str = ""


class Hint(msgspec.Struct, frozen=True):
    """What one of our own ID tokens names: the client, the subject that it knows the resident as, the authorisation."""

    iss: str
    aud: str
    sub: UUID
    sid: UUID


def _sign(key: keys.SigningKey, kind: str, claims: dict[str, Any]) -> str:
    header = {"alg": "ES256", "typ": kind, "kid": key.key_id}
    return jws.serialize_compact(header, msgspec.json.encode(claims), key.jwk, algorithms=["ES256"])


def issue_access_token(
    key: keys.SigningKey,
    issuer: str,
    client_id: str,
    subject: str,
    scope: str,
    jkt: str,
    grant_id: UUID | None = None,
    client_keys: str = "",
) -> str:
    """`client_keys` says which keys of the client it was issued to (`keys_of`)."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": issuer,
        "sub": subject,
        "client_id": client_id,
        "scope": scope,
        "iat": now,
        "exp": now + ACCESS_SECONDS,
        "jti": str(ids.random_uuid()),
        "cnf": {"jkt": jkt},
    }
    if grant_id is not None:
        claims["sid"] = str(grant_id)
    if client_keys:
        claims["client_keys"] = client_keys
    return _sign(key, "at+jwt", claims)


def keys_of(jwks: dict[str, Any] | None) -> str:
    """Names the keys of a client; "" for one without."""
    return digest(jwks).hex()[:32] if jwks else ""


def issue_id_token(
    key: keys.SigningKey, issuer: str, grant: Grant, subject: str, ial: int, nonce: str | None
) -> str:
    """Proofing and authentication level in `acr`, factors in `amr`, source in `iss`: three separate facts."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": grant.client_id,
        "sub": subject,
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
        "auth_time": int(grant.authenticated_at.timestamp()),
        "acr": acr_of(ial, grant.aal),
        "amr": list(grant.amr),
        "sid": str(grant.grant_id),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return _sign(key, "JWT", claims)


class TokenVerifier:
    """Checks access tokens for one process, and remembers the checked ones, at most `remember` of them.

    Which keys verify is asked anew once a second, by the request that comes first: a token is refused at the latest
    a second after its key was revoked, also one that was checked before; and so is one that was issued to keys which its
    client has no more (whoever stole them holds tokens for as long as those live).
    """

    def __init__(self, issuer: str, remember: int = 20_000) -> None:
        self._issuer = issuer
        self._remember = remember
        self._tokens: dict[str, AccessToken] = {}
        self._callers: dict[str, ClientCaller] = {}
        self._keys: dict[str, ECKey] = {}
        self._replaced: dict[str, str] = {}
        self._keys_asked = -_KEYS_TRUE_SECONDS
        self._asking = asyncio.Lock()

    def remembered(self, token: str, now: float) -> AccessToken | None:
        """A token checked before that still lives, under a key that still verifies: no signature and no database."""
        known = self._tokens.get(token)
        if known is None or self._keys_asked < time.monotonic() - _KEYS_TRUE_SECONDS:
            return None
        if known.key_id not in self._keys:
            del self._tokens[token]
            return None
        if known.expires_at + TOKEN_LEEWAY_SECONDS < now:
            del self._tokens[token]
            raise Problem("token_expired")
        if self._replaced and self._is_of_old_keys(known):
            del self._tokens[token]
            return None
        return known

    def _is_of_old_keys(self, token: AccessToken) -> bool:
        """Whether the client has got other keys since, as long ago as a token may live."""
        return self._replaced.get(token.client_id, token.client_keys) != token.client_keys

    async def verify(self, conn: Connection, token: str, now: float, *, ask: bool = True) -> AccessToken:
        """Raises Problem token_invalid or token_expired. `ask`: where the token names an unknown key, ask whether there is
        a new one; else what was known at most a second ago holds, and whoever sends nonsense makes nobody else wait."""
        await self._ask_for_keys(conn, time.monotonic() - _KEYS_TRUE_SECONDS)
        known = self.remembered(token, now)
        if known is not None:
            return known
        claims, key_id = await self._read(conn, token, ask)
        if claims.iss != self._issuer or claims.aud != self._issuer:
            raise Problem("token_invalid", "iss or aud is not this platform")
        if claims.exp + TOKEN_LEEWAY_SECONDS < now:
            raise Problem("token_expired")
        checked = AccessToken(
            claims.client_id,
            claims.sub,
            frozenset(claims.scope.split()),
            claims.cnf.jkt,
            claims.sid,
            claims.exp,
            dpop.token_hash(token),
            key_id,
            claims.client_keys,
        )
        if self._is_of_old_keys(checked):
            raise Problem("token_invalid", "the client has other keys since")
        _keep(self._tokens, token, checked, self._remember)
        return checked

    async def _read(self, conn: Connection, token: str, ask: bool) -> tuple[_Claims, str]:
        if len(token) > _MAX_TOKEN_BYTES:
            raise Problem("token_invalid", "the token is too long")
        try:
            unverified = jws.extract_compact(token.encode("ascii", "replace"))
            header = unverified.headers()
            if header.get("typ") != "at+jwt":
                raise Problem("token_invalid", "typ is not at+jwt")
            key_id = str(header.get("kid"))
            content = jws.deserialize_compact(token, await self._key(conn, key_id, ask), algorithms=["ES256"])
            return msgspec.json.decode(content.payload, type=_Claims), key_id
        except (JoseError, ValueError, TypeError, msgspec.DecodeError) as error:
            raise Problem("token_invalid", "the token is not one that this platform signed") from error

    async def _key(self, conn: Connection, key_id: str, ask: bool) -> ECKey:
        """A public key, asked for anew when an unknown one turns up: another process may just have made it."""
        if ask and key_id not in self._keys:
            await self._ask_for_keys(conn, time.monotonic())
        if key_id not in self._keys:
            raise Problem("token_invalid", "kid is not a key of this platform")
        return self._keys[key_id]

    async def _ask_for_keys(self, conn: Connection, since: float) -> None:
        """Know the keys as they stand at `since` (monotonic) or later; who asks meanwhile waits for the same answer."""
        async with self._asking:
            if self._keys_asked < since:
                asked = time.monotonic()
                known = await keys.public_set(conn, "oidc")
                self._keys = {jwk["kid"]: ECKey.import_key(jwk) for jwk in known["keys"]}
                replaced = await store_parties.keys_replaced(conn, ACCESS_SECONDS + 2 * TOKEN_LEEWAY_SECONDS)
                self._replaced = {client_id: keys_of(jwks) for client_id, jwks in replaced.items()}
                self._keys_asked = asked

    def known_client(self, token: AccessToken) -> ClientCaller | None:
        """The caller of a token seen before, without the database."""
        known = self._callers.get(token.client_id)
        return None if known is None else msgspec.structs.replace(known, scopes=token.scopes)

    async def exchange_client(self, conn: Connection, token: AccessToken) -> ClientCaller:
        """The client that a token on the exchange road names. Its ids are fixed (`registry.clients`) and remembered;
        whether it is active, and still has its scope, is the gate's to judge at each exchange.

        Raises Problem token_invalid.
        """
        known = self._callers.get(token.client_id)
        if known is None:
            party = await store_parties.client_party(conn, token.client_id)
            if party is None:
                raise Problem("token_invalid", "the client does not exist")
            known = _caller(party, frozenset())
            _keep(self._callers, token.client_id, known, self._remember)
        return msgspec.structs.replace(known, scopes=token.scopes)


def _keep(kept: dict[str, Any], name: str, value: object, limit: int) -> None:
    if len(kept) >= limit:
        kept.pop(next(iter(kept)))
    kept[name] = value


def _caller(party: ClientParty, scopes: frozenset[str]) -> ClientCaller:
    return ClientCaller(
        party.client_id,
        party.client_key,
        party.component_id,
        party.component_key,
        party.organization_id,
        party.organization_key,
        scopes,
    )


async def _active(conn: Connection, client_id: str) -> ClientParty:
    party = await store_parties.client_party(conn, client_id)
    if party is None or party.state != "active":
        raise Problem("token_invalid", "the client is not active")
    return party


async def client(conn: Connection, token: AccessToken) -> ClientCaller:
    """The client that a token without a resident names, as it stands now: a scope that was taken from it since is
    none any more. Raises Problem token_invalid, also for a client that was disabled."""
    party = await _active(conn, token.client_id)
    return _caller(party, token.scopes & frozenset(party.scopes))


async def resident(conn: Connection, token: AccessToken) -> ResidentCaller:
    """The resident behind a touch point's token, as they, the client and its organisation stand now.

    Raises Problem token_invalid once the grant has ended (logout, second use of a code or refresh token, the resident's
    or the desk's word) or the client was disabled; organization_* and service_not_certified once those are. The
    authentication level falls to 1 when its validity time is over (guidebook 1.2.4).
    """
    party = await _active(conn, token.client_id)
    row = None if token.grant_id is None else await store_oauth.grant(conn, token.grant_id)
    if row is None or row["client_id"] != token.client_id:
        raise Problem("token_invalid", "the authorisation behind this token has ended")
    await pairwise.check_may_act(conn, party, row["municipality_code"])
    if row["stale_use"]:
        await store_oauth.mark_grant_used(conn, row["grant_id"])
    return ResidentCaller(
        row["resident_key"],
        row["resident_id"],
        str(token.grant_id),
        token.client_id,
        row["ial"],
        level_now(row["aal"], row["authenticated_at"]),
        token.scopes & frozenset(row["scope"].split()) & resident_scopes(party),
        row["second_factor_at"],
    )


async def read_id_token_hint(conn: Connection, issuer: str, token: str) -> Hint | None:
    """One of our own ID tokens, also an expired one; None if it is not ours."""
    known = await keys.public_set(conn, "oidc")
    for jwk in known["keys"]:
        try:
            content = jws.deserialize_compact(token, ECKey.import_key(jwk), algorithms=["ES256"])
            claims = msgspec.json.decode(content.payload, type=Hint)
        except (JoseError, ValueError, TypeError, msgspec.DecodeError):
            continue
        ours = content.headers().get("typ") == "JWT" and claims.iss == issuer
        return claims if ours else None
    return None


async def hinted_resident(
    conn: Connection, issuer: str, client: ClientParty, token: str | None
) -> int | None:
    """The resident whom an `id_token_hint` of this client names: 0 for none, None where there is no hint."""
    if token is None:
        return None
    hint = await read_id_token_hint(conn, issuer, token)
    if hint is None or hint.aud != client.client_id:
        return 0
    row = await store_pairwise.resolve(conn, client.component_key or 0, hint.sub)
    return 0 if row is None else row["resident_key"]
