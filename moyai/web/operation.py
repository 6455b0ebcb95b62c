"""One line of the route table: method, path, handler, and who may call it.

The table is what an auditor reads, what `/openapi.json` and `/docs` are made from, and what the house test
checks: a route without a demand cannot be written down.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from moyai.base.errors import CODES, Problem
from moyai.base.json_members import DuplicateMember, refuse_duplicates
from moyai.base.plain_text import UNFIT, may_be_unfit, unfit_in


@dataclass(frozen=True)
class Public:
    """Anybody, without a login."""


@dataclass(frozen=True)
class Client:
    """A component's client: DPoP-bound access token with this scope.

    `single_use` says who refuses a proof that was used before: the general memory of proofs, or (on the exchange
    road, which has no statement to spare) the ledger's own key.
    """

    scope: str
    single_use: Literal["memory", "ledger"] = "memory"


@dataclass(frozen=True)
class Resident:
    """A resident through a touch point: DPoP-bound access token with this scope."""

    scope: str


@dataclass(frozen=True)
class PortalSession:
    """A resident in the portal; others are sent to the login page."""


@dataclass(frozen=True)
class StaffSession:
    """Staff in the browser with one of these roles; others are sent to the login page or refused."""

    roles: tuple[str, ...]

    def __init__(self, *roles: str) -> None:
        object.__setattr__(self, "roles", roles)


@dataclass(frozen=True)
class AnyOf:
    """Whoever meets one of the demands, tried in order."""

    demands: tuple[Demand, ...]

    def __init__(self, *demands: Demand) -> None:
        object.__setattr__(self, "demands", demands)


Demand = Public | Client | Resident | PortalSession | StaffSession | AnyOf

Handler = Callable[[Request, Any], Awaitable[Response]]


@dataclass(frozen=True)
class Description:
    """What an API handler takes and gives, for the generated documentation."""

    request: Any = None
    response: Any = None
    query: Any = None
    codes: tuple[str, ...] = ()
    status: int = 200
    example: dict[str, Any] | None = None
    repeats: bool = False


_H = TypeVar("_H", bound=Callable[..., Any])


def describes(
    *,
    request: Any = None,
    response: Any = None,
    query: Any = None,
    codes: tuple[str, ...] = (),
    status: int = 200,
    example: dict[str, Any] | None = None,
    repeats: bool = False,
) -> Callable[[_H], _H]:
    """Attach shapes and error codes to a handler; `request`, `response` and `query` are msgspec Structs.

    `repeats`: the same sent twice is done once, and answered with 200 the second time. `example` holds a working request: {"path": {…}, "query": {…}, "body": {…}}.
    """
    for code in codes:
        assert code in CODES, f"unknown error code {code}"

    def attach(handler: _H) -> _H:
        handler.description = Description(request, response, query, codes, status, example, repeats)  # type: ignore[attr-defined]
        return handler

    return attach


@dataclass(frozen=True)
class Operation:
    """A route. `errors` chooses the form of its errors: problem documents, NGSI's own, or pages. `expired` answers, without
    any authority, where a session is demanded and there is none (any more)."""

    method: str
    path: str
    handler: Handler
    auth: Demand
    ja: str
    en: str
    errors: str = "problem"  # "problem" | "ngsi" | "page" | "oauth"
    expired: Callable[[Request], Awaitable[Response]] | None = None

    @property
    def description(self) -> Description:
        return getattr(self.handler, "description", Description())


T = TypeVar("T")

CORRELATION_ID = "moyai.correlation_id"
"""Where a request's scope holds it."""


def header(request: Request, name: bytes) -> str | None:
    """The first header of this name, which is in lower case. For what every request is asked: Starlette's headers do
    more than that for each look."""
    for known, value in request.scope["headers"]:
        if known == name:
            return value.decode("latin-1")
    return None


_BODY = "moyai.body"
_encode = msgspec.json.Encoder().encode


async def read_body(request: Request) -> bytes:
    """The request body, at most the configured size. Raises Problem("body_too_large").

    `endpoint` reads it before it asks who calls: who sends a half and keeps the rest back acts with no authority of before.
    """
    known: bytes | None = request.scope.get(_BODY)
    if known is not None:
        return known
    limit: int = request.app.state.platform.config.server.max_body_bytes
    body = bytearray()
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > limit:
            raise Problem("body_too_large", f"at most {limit} bytes")
        more = message.get("more_body", False)
    request.scope[_BODY] = whole = bytes(body)
    return whole


async def read_json(request: Request, shape: type[T], unfit: re.Pattern[str] = UNFIT) -> T:
    """Decode and check a JSON body. Raises Problem: unsupported_media_type, malformed_request, invalid_request."""
    given = header(request, b"content-type") or ""
    kind = given.split(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem("unsupported_media_type", f"got {kind or 'none'}")
    return decode(await read_body(request), shape, unfit)


def decode(body: bytes, shape: type[T], unfit: re.Pattern[str] = UNFIT) -> T:
    """JSON bytes as `shape`. Raises Problem: malformed_request (not JSON), invalid_request (wrong shape, an object with
    a member twice, or a text with characters that none may have)."""
    try:
        decoded = msgspec.json.decode(body, type=shape)
        if may_be_unfit(body) and (found := unfit_in(msgspec.json.decode(body), unfit)):
            raise Problem("invalid_request", f"{found} must not stand in a text")
        if not _surely_once(body, decoded):
            refuse_duplicates(body.decode())
        return decoded
    except DuplicateMember as error:
        raise Problem(
            "invalid_request", f"the member {error.args[0][:100]!r} stands twice in an object"
        ) from error
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem("malformed_request", "the body is not JSON") from error


def _surely_once(body: bytes, decoded: object) -> bool:
    """Whether no member can stand twice: each has a colon, and there are no more colons than members that were taken
    for something. Spares a flat object with plain values, such as an exchange asks with, the walk through its text."""
    if not isinstance(decoded, msgspec.Struct):
        return False
    colons = body.count(b":")
    required, optional = _members(type(decoded))
    if colons <= required:
        return True
    return colons <= required + sum([getattr(decoded, name) is not default for name, default in optional])


@cache
def _members(shape: type[msgspec.Struct]) -> tuple[int, list[tuple[str, object]]]:
    """How many members are always there, and those that show whether they are: what stands for a missing one is a
    constant. A default that is made anew each time does not show it."""
    if shape.__struct_config__.array_like:
        return 0, []
    names, defaults = shape.__struct_fields__, shape.__struct_defaults__
    required = len(names) - len(defaults)
    optional = zip(names[required:], defaults, strict=True)
    constants = (type(None), bool, int, float, str)
    return required, [(name, default) for name, default in optional if isinstance(default, constants)]


def read_query(request: Request, shape: type[T]) -> T:
    """Check the query string against a Struct; unknown parameters are refused where the Struct forbids them."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise Problem("invalid_request", f"parameter {name} is given twice")
        if UNFIT.search(value):
            raise Problem("invalid_request", f"parameter {name} holds a character that no text may have")
        given[name] = value
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer. Never cached: what it says may be withdrawn the next moment."""
    response = _Json(_encode(value), status)
    if headers:
        response.headers.update(headers)
    return response


class _Json(Response):
    """What Starlette's class does with every answer, done once for those that are all alike."""

    def __init__(self, body: bytes, status: int) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
        ]
