"""What every NGSI handler does: errors in NGSI's form, the caller's right to a tenant, the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.context import access, actions, model, query
from moyai.context.errors import Kind, NgsiError, not_implemented
from moyai.identity.model import Anonymous, Caller, ClientCaller
from moyai.web import ngsi_request as asked
from moyai.web.ngsi_answers import error_answer, problem_answer

Handler = Callable[[Request, Caller], Awaitable[Response]]


def ngsi_errors(handler: Handler) -> Handler:
    """Turn errors of the room and of the platform into NGSI's form."""

    @wraps(handler)
    async def answered(request: Request, caller: Any) -> Response:
        try:
            return await handler(request, caller)
        except NgsiError as error:
            return error_answer(request, error)
        except Problem as problem:
            return problem_answer(request, problem)

    return answered


async def author_of(request: Request, caller: Caller, tenant: str) -> model.Author:
    """The right to write, from the control database at this moment. Raises NgsiError: Unauthorized, Forbidden."""
    if isinstance(caller, Anonymous):
        raise NgsiError(Kind.UNAUTHORIZED, "An access token of an organisation's client is required")
    if not isinstance(caller, ClientCaller):
        raise NgsiError(Kind.FORBIDDEN, "Only an organisation's client may do this")
    async with request.app.state.platform.control.connection() as control:
        return await access.author(control, caller.client_id, tenant)


async def readable_tenant(request: Request, caller: Caller) -> str:
    """The common tenant is everybody's to read; another one needs the same standing as writing to it."""
    tenant = asked.tenant(request)
    if tenant != access.COMMON_TENANT:
        await author_of(request, caller, tenant)
    return tenant


def connection(request: Request) -> Any:
    return _database(request).connection()


def transaction(request: Request) -> Any:
    return _database(request).transaction()


def _database(request: Request) -> Any:
    database = request.app.state.platform.context
    if database is None:
        raise not_implemented("city data on this platform (its non-personal broker is なし or 外部)")
    return database


def paging(given: dict[str, str]) -> dict[str, int]:
    return {
        "limit": query.whole_number(
            given.get("limit"), "limit", default=query.DEFAULT_LIMIT, least=1, most=query.MAX_LIMIT
        ),
        "offset": query.whole_number(
            given.get("offset"), "offset", default=0, least=0, most=query.MAX_OFFSET
        ),
    }


def attrs_of(given: dict[str, str]) -> tuple[str, ...]:
    names = query.names(given.get("attrs"), "attribute name")
    for later in ("dateExpires", "servicePath"):
        if later in names:
            raise not_implemented(f"builtin attribute {later}")
    return names


async def found_entity(request: Request, caller: Caller, given: dict[str, str]) -> model.StoredEntity:
    entity_id, entity_type = asked.entity_id(request), asked.entity_type(given)
    tenant = await readable_tenant(request, caller)
    async with connection(request) as conn:
        return await actions.get(conn, tenant, entity_id, entity_type)
