"""Authorization requests: pushed (RFC 9126) or sent by the browser, checked, and answered with a code.

Code flow with PKCE (S256) and nothing else. A request is kept under the hash of a random handle, its `request_uri`,
so that what travels through the login pages says nothing and cannot be changed there.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from moyai.base import ids
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity import login_acts, pairwise, store_oauth
from moyai.identity.model import Session
from moyai.registry.store_parties import ClientParty

REQUEST_URI_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"
PUSHED_SECONDS: Final = 90
LOGIN_SECONDS: Final = 900
CODE_SECONDS: Final = 60
GRANT_SECONDS: Final = {"touch_point": 30 * 24 * 3600, "component": 12 * 3600}

RESIDENT_SCOPES: Final = frozenset({"openid", "profile", "consent"})
_IGNORED_SCOPES: Final = frozenset({"profile", "email", "address", "phone", "offline_access"})
_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_JKT = re.compile(r"[A-Za-z0-9_-]{43}")
_PLAIN = re.compile(r"[A-Za-z0-9:/?\[\].,_~%!$&()*+=-]+")
"""What an address may consist of: nothing that ends a directive of a header, or that browsers read otherwise."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Parameters(msgspec.Struct, frozen=True, omit_defaults=True):
    """A checked authorization request."""

    redirect_uri: str
    scope: str
    code_challenge: str
    state: str | None = None
    nonce: str | None = None
    prompt: str = ""
    max_age: int | None = None
    dpop_jkt: str | None = None
    hinted: int | None = None
    """The resident whom the `id_token_hint` names; 0 where it names none."""

    def prompts(self, word: str) -> bool:
        return word in self.prompt.split()


class Pending(msgspec.Struct, frozen=True):
    """A request on its way. `handle` is the secret part of its `request_uri`. `shown_to` is the resident to whom the
    page that asks for leave was shown, in the `generation` of that moment."""

    handle: str
    client_id: str
    parameters: Parameters
    created_at: datetime
    shown_to: int | None = None
    generation: int = 0


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _bad(detail: str, oauth: str = "invalid_request") -> Problem:
    return Problem("authorization_request_invalid", detail, oauth=oauth)


# --- checked ------------------------------------------------------------------------------------------------


def check_redirect_uri(client: ClientParty, given: str | None) -> str:
    """The registered redirect URI, character by character. Raises Problem redirect_uri_mismatch.

    A touch point is a native program: on the loopback interface its port may differ (RFC 8252, section 7.3).
    """
    if given is None and len(client.redirect_uris) == 1:
        return client.redirect_uris[0]
    if given is None or not is_registered(client, given):
        raise Problem("redirect_uri_mismatch", oauth="invalid_request")
    return given


def is_registered(client: ClientParty, redirect_uri: str) -> bool:
    """Whether this address is one of the client's now, for a touch point at whatever port of the loopback."""
    return _is_one_of(client.redirect_uris, client, redirect_uri)


def is_registered_after_logout(client: ClientParty, uri: str) -> bool:
    return _is_one_of(client.post_logout_redirect_uris, client, uri)


def _is_one_of(registered: Sequence[str], client: ClientParty, given: str) -> bool:
    if given in registered:
        return True
    wanted = _without_port(given) if client.kind == "touch_point" else None
    return wanted is not None and any(_without_port(uri) == wanted for uri in registered)


def _without_port(uri: str) -> str | None:
    """Scheme, host, path and query of an address on the loopback; None for anything else.

    What stands before the path must be host and port to the letter: no user name, and nothing that one parser passes over
    and another does not.
    """
    if not _PLAIN.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    written = f"[{host}]" if ":" in host else host
    if parts.netloc != (written if port is None else f"{written}:{port}"):
        return None
    if parts.scheme != "http" or host not in _LOOPBACK or "#" in uri:
        return None
    return f"http://{written}{parts.path}?{parts.query}"


def check_parameters(client: ClientParty, given: Mapping[str, str], redirect_uri: str) -> Parameters:
    """Everything but client and redirect URI. Raises Problem with the OAuth error in `extra["oauth"]`."""
    if "request" in given:
        raise _bad("request objects are not accepted", "request_not_supported")
    if given.get("response_type") != "code":
        raise _bad("response_type must be code", "unsupported_response_type")
    if given.get("response_mode", "query") != "query":
        raise _bad("response_mode must be query")
    if given.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        given.get("code_challenge", "")
    ):
        raise _bad("PKCE with code_challenge_method S256 is required")
    if any(len(given.get(name, "")) > 512 for name in ("state", "nonce")):
        raise _bad("state and nonce may have 512 characters at most")
    jkt = given.get("dpop_jkt")
    if jkt is not None and not _JKT.fullmatch(jkt):
        raise _bad("dpop_jkt is not a thumbprint")
    return Parameters(
        redirect_uri,
        _resident_scope(client, given.get("scope", "")),
        given["code_challenge"],
        given.get("state"),
        given.get("nonce"),
        _prompt(given.get("prompt", "")),
        _max_age(given.get("max_age")),
        jkt,
    )


def resident_scopes(client: ClientParty) -> frozenset[str]:
    """What a client may be given for a resident, as it is registered now."""
    registered = {*client.scopes, "profile"} if "openid" in client.scopes else {*client.scopes}
    return RESIDENT_SCOPES & registered


def recheck(client: ClientParty, request: Pending) -> None:
    """A request that was checked when it came, once more by what is registered now.

    Raises Problem redirect_uri_mismatch, scope_not_allowed.
    """
    check_redirect_uri(client, request.parameters.redirect_uri)
    _resident_scope(client, request.parameters.scope)


def _resident_scope(client: ClientParty, asked: str) -> str:
    allowed = resident_scopes(client)
    scopes = list(dict.fromkeys(asked.split()))
    refused = [scope for scope in scopes if scope not in allowed and scope not in _IGNORED_SCOPES]
    if refused or not scopes:
        raise Problem("scope_not_allowed", "for a resident: openid, consent", oauth="invalid_scope")
    return " ".join(scope for scope in scopes if scope in allowed)


def _prompt(text: str) -> str:
    prompts = set(text.split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise _bad("prompt must be none, or login and consent")
    if "select_account" in prompts:
        prompts = prompts - {"select_account"} | {"login"}
    return " ".join(sorted(prompts))


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _bad("max_age must be a number of seconds")
    return int(text)


# --- kept, and found again ----------------------------------------------------------------------------------


async def keep(conn: Connection, client: ClientParty, parameters: Parameters, seconds: int) -> str:
    """Store a checked request; gives its handle."""
    handle = secrets.token_urlsafe(32)
    await store_oauth.insert_request(
        conn, _hash(handle), client.client_id, msgspec.to_builtins(parameters), seconds
    )
    return handle


async def pending(conn: Connection, client_id: str | None, handle: str) -> Pending:
    """A live request that has no answer yet. Raises Problem request_uri_invalid."""
    row = await store_oauth.request(conn, _hash(handle))
    if row is None or (client_id is not None and row["client_id"] != client_id):
        raise Problem("request_uri_invalid", oauth="invalid_request_uri")
    parameters = msgspec.convert(row["parameters"], Parameters)
    return Pending(
        handle,
        row["client_id"],
        parameters,
        row["created_at"],
        row["resident_key"],
        row["generation"],
    )


async def extend(conn: Connection, request: Pending) -> None:
    """Whoever has to log in first has time for it, although a pushed request itself lives briefly."""
    await store_oauth.extend_request(conn, _hash(request.handle), LOGIN_SECONDS)


# --- answered -----------------------------------------------------------------------------------------------


def login_due(request: Pending, session: Session | None, now: datetime) -> bool:
    """Whether the resident has to log in (again) before this request can be answered."""
    if session is None or session.resident_key is None or session.authenticated_at is None:
        return True
    since = session.authenticated_at
    if request.parameters.prompts("login") and since < request.created_at:
        return True
    max_age = request.parameters.max_age
    if max_age is None:
        return False
    return since < request.created_at and now - since >= timedelta(seconds=max_age)


def is_another(request: Pending, session: Session) -> bool:
    """Whether the `id_token_hint` names somebody else than the resident who is logged in."""
    return request.parameters.hinted not in (None, session.resident_key)


async def leave_due(conn: Connection, client: ClientParty, request: Pending, session: Session) -> bool:
    """Whether the resident has to be asked before this request is answered with a code.

    For a touch point, each time: anybody can run a program that says it is this one (RFC 8252, section 8.6), and it acts
    for the resident. For a service, the first time, and when it asks for the question; a log-in of a resident who is tied
    to it goes on.
    """
    if client.kind == "touch_point" or request.parameters.prompts("consent"):
        return True
    key = session.resident_key or 0
    return await pairwise.subject_of(conn, key, client.component_key or 0) is None


async def show_to(conn: Connection, request: Pending, session: Session) -> None:
    """The page that asks for leave was shown to this resident, who alone can answer it."""
    await store_oauth.show_request(
        conn, _hash(request.handle), session.resident_key or 0, session.generation, LOGIN_SECONDS
    )


def was_shown_to(request: Pending, session: Session) -> bool:
    return (request.shown_to, request.generation) == (session.resident_key, session.generation)


async def grant_code(conn: Connection, client: ClientParty, request: Pending, session: Session) -> str:
    """Answer a request for a resident who is logged in: tie the account, make a grant, give a code.

    Raises the Problems of `pairwise.tie`, and request_uri_invalid if the request was answered meanwhile.
    """
    if session.resident_key is None or session.authenticated_at is None:
        raise Problem("unauthenticated")
    await pairwise.tie(conn, client, session.resident_key)
    grant_id, code = ids.random_uuid(), secrets.token_urlsafe(32)
    await store_oauth.insert_grant(
        conn,
        grant_id,
        client.client_id,
        session.resident_key,
        request.parameters.scope,
        session.aal,
        list(session.amr),
        session.authenticated_at,
        session.session_hash,
        session.second_factor_at,
        session.generation,
        session.device,
        GRANT_SECONDS.get(client.kind, GRANT_SECONDS["component"]),
    )
    if not await store_oauth.set_code(
        conn, _hash(request.handle), session.resident_key, _hash(code), grant_id, CODE_SECONDS
    ):
        raise Problem("request_uri_invalid")
    await login_acts.authorized(conn, client, session, request.parameters.scope.split())
    return code


async def drop(conn: Connection, request: Pending) -> None:
    """A request that was answered with an error is over."""
    await store_oauth.delete_request(conn, _hash(request.handle))


def redirect_target(redirect_uri: str, issuer: str, state: str | None, **members: str) -> str:
    """The redirect URI with an answer in its query, `state` if one was sent, and `iss` (RFC 9207)."""
    parts = urlsplit(redirect_uri)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *members.items()]
    if state is not None:
        query.append(("state", state))
    query.append(("iss", issuer))
    return urlunsplit(parts._replace(query=urlencode(query)))
