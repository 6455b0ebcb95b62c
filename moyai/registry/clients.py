"""OAuth clients: which keys, where they may be sent back to, what they may ask for."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from joserfc.jwk import ECKey

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Kind
from moyai.registry import ending, lookups
from moyai.registry import store_clients as store
from moyai.registry.declarations import (
    ClientDeclaration,
)
from moyai.registry.model import (
    Change,
    RegisteredClient,
)
from moyai.registry.recording import builtins, require_clean, settle
from moyai.registry.store import lock_for_writing

SCOPES: Final[dict[str, frozenset[str]]] = {
    "component": frozenset({"openid", "profile", "personal:store", "personal:exchange", "context:write"}),
    "touch_point": frozenset({"openid", "profile", "consent"}),
    "desk": frozenset({"identity:enrol", "identity:erase", "identity:recover", "staff"}),
    "operator": frozenset({"registry:write", "registry:suspend", "context:write", "staff"}),
}
"""Scopes a client of each kind may be registered with; what it may really do is checked at each request."""


async def register_client(conn: Connection, declared: ClientDeclaration, actor: str) -> Change:
    """Register a client, or change its keys or addresses. A disabled one stays disabled (`registry.stops`). What a
    client asked for with keys or scopes that it has no more ends with them.

    Raises Problem: client_invalid (private key material, an address that is not exact, a scope its kind does not
    have, keys of a public client), does_not_exist, change_not_allowed (kind, component, organisation).
    """
    require_clean(declared)
    check_client(declared)
    await lock_for_writing(conn)
    component = await lookups.component(conn, declared.component) if declared.component else None
    organization = await lookups.organization(conn, declared.organization) if declared.organization else None
    stored = await store.client(conn, declared.client_id)
    if stored:
        _check_fixed(declared, stored)
        if declared.jwks != stored.jwks or set(stored.scopes) - set(declared.scopes):
            await ending.revoke_of(conn, f"client:{declared.client_id}")
    wanted = builtins(declared)
    now = builtins(stored) | {"component": stored.component_id} if stored else None
    if now and declared.organization:
        now["organization"] = now["organization_id"]
    return await settle(
        conn,
        "client",
        declared.client_id,
        Kind.CLIENT_REGISTERED,
        actor,
        wanted,
        now,
        lambda: store.put_client(
            conn,
            declared,
            component.component_key if component else None,
            organization.organization_key if organization else None,
        ),
    )


def _check_fixed(declared: ClientDeclaration, stored: RegisteredClient) -> None:
    """For whom a client acts is what its tokens, its records and every cache of them rest on."""
    organization = stored.organization_id if declared.component is None else declared.organization
    fixed = (stored.kind, stored.component_id, organization)
    if fixed != (declared.kind, declared.component, declared.organization):
        raise Problem(
            "change_not_allowed", "kind, component and organisation of a client; register a new one"
        )


def check_client(declared: ClientDeclaration) -> None:
    unknown = set(declared.scopes) - SCOPES[declared.kind]
    if unknown:
        raise Problem("client_invalid", f"a {declared.kind} client has no scope {', '.join(sorted(unknown))}")
    needs_component = declared.kind in ("component", "touch_point")
    if needs_component != (declared.component is not None) or needs_component == (
        declared.organization is not None
    ):
        raise Problem(
            "client_invalid", "component clients and touch points name a component, others an organisation"
        )
    if declared.kind == "touch_point" and declared.jwks is not None:
        raise Problem("client_invalid", "a touch point is a public client: it has no keys")
    if declared.kind != "touch_point":
        check_jwks(declared.jwks)
    for uri in (*declared.redirect_uris, *declared.post_logout_redirect_uris):
        _check_redirect(uri)


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public members of an EC P-256 key (RFC 7517); a private member is unknown here, and refused."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)", max_length=43)]
    y: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)", max_length=43)]
    kid: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    use: Literal["sig"] | None = None
    alg: Literal["ES256"] | None = None
    key_ops: list[Literal["verify"]] = []


class KeySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: Annotated[list[PublicKey], msgspec.Meta(min_length=1, max_length=5)]


def check_jwks(jwks: dict[str, Any] | None) -> None:
    """One to five public EC P-256 keys with distinct key ids. Raises Problem("client_invalid")."""
    try:
        keys = msgspec.convert(jwks, KeySet).keys
    except msgspec.ValidationError as error:
        raise Problem("client_invalid", f"jwks: {error}") from error
    if len({key.kid for key in keys}) != len(keys):
        raise Problem("client_invalid", "two keys have the same kid")
    for key in keys:
        try:
            # the pattern says 43 characters; only the curve's equation says that somebody can sign
            ECKey.import_key({"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y}).public_key  # noqa: B018
        except ValueError as error:
            raise Problem("client_invalid", f"jwks: {key.kid} is no point of P-256") from error


def _check_redirect(uri: str) -> None:
    """Exact addresses over TLS; plain HTTP only to this machine (RFC 8252, section 7.3)."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Problem("client_invalid", "a redirect URI is an absolute URI") from error
    local = host in ("localhost", "127.0.0.1", "::1")
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not local):
        raise Problem("client_invalid", "a redirect URI is https, or http on the same machine")
    if "@" in parts.netloc:
        raise Problem("client_invalid", "a redirect URI has no user name and no password")
    segments = unquote(unquote(parts.path)).replace("\\", "/").split("/")
    if "\\" in uri or ".." in segments or "." in segments:
        raise Problem("client_invalid", "a redirect URI has no . or .. in its path: browsers resolve them")
    if (
        parts.fragment
        or "#" in uri
        or "*" in uri
        or not uri.isascii()
        or any(ord(letter) <= 32 for letter in uri)
    ):
        raise Problem("client_invalid", "a redirect URI is exact: no fragment, no wildcard")
