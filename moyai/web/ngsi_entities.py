"""Whole entities: `/v2/entities` and `/v2/entities/{entityId}`. Docstrings name the operation of the Orion API."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from moyai.context import actions, model, query
from moyai.identity.model import Caller
from moyai.web import ngsi_request as asked
from moyai.web.ngsi_answers import empty_answer, json_answer
from moyai.web.ngsi_handling import (
    attrs_of,
    author_of,
    connection,
    found_entity,
    ngsi_errors,
    paging,
    readable_tenant,
    transaction,
)
from moyai.web.ngsi_shapes import (
    BENCH,
    ENTITY,
    ChangeQuery,
    CreateQuery,
    EntityQueryShape,
    EntityShape,
    ListQuery,
)
from moyai.web.operation import describes


@describes(
    response=list[EntityShape],
    query=ListQuery,
    example={"query": {"type": "AED", "limit": 3, "options": "count,keyValues"}},
)
@ngsi_errors
async def list_entities(request: Request, caller: Caller) -> Response:
    """GET /v2/entities"""
    asked.require_json_accepted(request)
    given = asked.parameters(request, "id", "type", "attrs", "limit", "offset")
    options = asked.options(given)
    wanted = query.EntityQuery(
        tenant=await readable_tenant(request, caller),
        ids=query.names(given.get("id"), "entity id"),
        types=query.names(given.get("type"), "entity type"),
        **paging(given),
    )
    headers: dict[str, str] = {}
    async with connection(request) as conn:
        found = await actions.find(conn, wanted)
        if "count" in options:
            headers["Fiware-Total-Count"] = str(await actions.count(conn, wanted))
    attrs, key_values = attrs_of(given), "keyValues" in options
    shown = [model.render_entity(entity, attrs, key_values=key_values) for entity in found]
    return json_answer(request, shown, headers=headers)


@describes(
    request=EntityShape,
    query=CreateQuery,
    status=201,
    example={"query": {"options": "upsert"}, "body": BENCH},
)
@ngsi_errors
async def create_entity(request: Request, caller: Caller) -> Response:
    """POST /v2/entities"""
    options = asked.options(asked.parameters(request))
    author = await author_of(request, caller, asked.tenant(request))
    entity = model.read_entity(await asked.json_body(request), key_values="keyValues" in options)
    created = True
    async with transaction(request) as conn:
        if "upsert" in options:
            override = "overrideMetadata" in options
            created = await actions.create_or_append(conn, author, entity, override_metadata=override)
        else:
            await actions.create(conn, author, entity)
    location = f"/v2/entities/{quote(entity.id, safe=':')}?type={quote(entity.type, safe=':')}"
    return empty_answer(request, 201 if created else 204, {"Location": location})


@describes(
    response=EntityShape, query=EntityQueryShape, example={"path": ENTITY, "query": {"options": "keyValues"}}
)
@ngsi_errors
async def get_entity(request: Request, caller: Caller) -> Response:
    """GET /v2/entities/{entityId}"""
    return await _one(request, caller, model.render_entity)


@describes(
    response=EntityShape, query=EntityQueryShape, example={"path": ENTITY, "query": {"attrs": "name,seats"}}
)
@ngsi_errors
async def get_attributes(request: Request, caller: Caller) -> Response:
    """GET /v2/entities/{entityId}/attrs"""
    return await _one(request, caller, model.render_attributes)


async def _one(request: Request, caller: Caller, render: Callable[..., dict[str, object]]) -> Response:
    asked.require_json_accepted(request)
    given = asked.parameters(request, "type", "attrs")
    options = asked.options(given)
    attrs = attrs_of(given)
    entity = await found_entity(request, caller, given)
    return json_answer(request, render(entity, attrs, key_values="keyValues" in options))


@describes(query=ChangeQuery, status=204, example={"path": ENTITY})
@ngsi_errors
async def delete_entity(request: Request, caller: Caller) -> Response:
    """DELETE /v2/entities/{entityId}"""
    given = asked.parameters(request, "type")
    asked.options(given)
    author = await author_of(request, caller, asked.tenant(request))
    entity_id, entity_type = asked.entity_id(request), asked.entity_type(given)
    async with transaction(request) as conn:
        await actions.delete(conn, author, entity_id, entity_type)
    return empty_answer(request)
