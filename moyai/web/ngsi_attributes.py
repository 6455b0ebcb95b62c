"""Attributes: `/v2/entities/{entityId}/attrs…`. Docstrings name the operation of the Orion API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.context import actions, model
from moyai.context.errors import Kind, NgsiError, bad_request
from moyai.context.syntax import parse_json
from moyai.identity.model import Caller
from moyai.web import ngsi_request as asked
from moyai.web.ngsi_answers import empty_answer, json_answer, text_answer
from moyai.web.ngsi_handling import author_of, found_entity, ngsi_errors, transaction
from moyai.web.ngsi_shapes import ATTRIBUTE, BENCH, ENTITY, AttributeShape, ChangeQuery, EntityQueryShape
from moyai.web.operation import describes


@describes(
    request=dict[str, AttributeShape],
    query=ChangeQuery,
    status=204,
    example={"path": ENTITY, "body": {"colour": {"type": "Text", "value": "green"}}},
)
@ngsi_errors
async def append_attributes(request: Request, caller: Caller) -> Response:
    """POST /v2/entities/{entityId}/attrs"""

    async def act(conn: Connection, author: model.Author, changed: _Changed) -> actions.Outcome:
        return await actions.append(
            conn,
            author,
            changed.entity_id,
            changed.entity_type,
            changed.changes,
            strict="append" in changed.options,
            override_metadata="overrideMetadata" in changed.options,
        )

    return await _change_attributes(request, caller, act, "already exist")


@describes(
    request=dict[str, AttributeShape],
    query=ChangeQuery,
    status=204,
    example={"path": ENTITY, "body": {"seats": {"type": "Number", "value": 4}}},
)
@ngsi_errors
async def update_attributes(request: Request, caller: Caller) -> Response:
    """PATCH /v2/entities/{entityId}/attrs"""

    async def act(conn: Connection, author: model.Author, changed: _Changed) -> actions.Outcome:
        return await actions.update(
            conn,
            author,
            changed.entity_id,
            changed.entity_type,
            changed.changes,
            override_metadata="overrideMetadata" in changed.options,
        )

    return await _change_attributes(request, caller, act, "do not exist")


@describes(
    request=dict[str, AttributeShape],
    query=ChangeQuery,
    status=204,
    example={
        "path": ENTITY,
        "body": {name: value for name, value in BENCH.items() if name not in ("id", "type")},
    },
)
@ngsi_errors
async def replace_attributes(request: Request, caller: Caller) -> Response:
    """PUT /v2/entities/{entityId}/attrs"""

    async def act(conn: Connection, author: model.Author, changed: _Changed) -> None:
        await actions.replace(conn, author, changed.entity_id, changed.entity_type, changed.changes)

    return await _change_attributes(request, caller, act, "")


class _Changed(msgspec.Struct, frozen=True):
    """A request that changes attributes of one entity."""

    entity_id: str
    entity_type: str | None
    changes: model.Changes
    options: frozenset[str]


_Act = Callable[[Connection, model.Author, _Changed], Awaitable[actions.Outcome | None]]


async def _change_attributes(request: Request, caller: Caller, act: _Act, why_not: str) -> Response:
    given = asked.parameters(request, "type")
    options = asked.options(given)
    author = await author_of(request, caller, asked.tenant(request))
    content = await asked.json_body(request)
    changed = _Changed(
        asked.entity_id(request),
        asked.entity_type(given),
        model.read_changes(content, key_values="keyValues" in options),
        options,
    )
    async with transaction(request) as conn:
        outcome = await act(conn, author, changed)
    # only now: what could be written has been written, and stays so
    if outcome is not None and outcome.refused:
        kind = Kind.PARTIAL_UPDATE if outcome.written else Kind.UNPROCESSABLE
        names = ", ".join(outcome.refused)
        raise NgsiError(kind, f"one or more of the attributes in the request {why_not}: [ {names} ]")
    return empty_answer(request)


@describes(response=AttributeShape, query=EntityQueryShape, example={"path": ATTRIBUTE})
@ngsi_errors
async def get_attribute(request: Request, caller: Caller) -> Response:
    """GET /v2/entities/{entityId}/attrs/{attrName}"""
    asked.require_json_accepted(request)
    given = asked.parameters(request, "type")
    asked.options(given)
    entity = await found_entity(request, caller, given)
    return json_answer(request, actions.attribute_of(entity, asked.attribute_name(request)))


@describes(
    request=AttributeShape,
    query=ChangeQuery,
    status=204,
    example={"path": ATTRIBUTE, "body": {"type": "Number", "value": 4}},
)
@ngsi_errors
async def put_attribute(request: Request, caller: Caller) -> Response:
    """PUT /v2/entities/{entityId}/attrs/{attrName}"""
    given = asked.parameters(request, "type")
    override = "overrideMetadata" in asked.options(given)
    author = await author_of(request, caller, asked.tenant(request))
    name = asked.attribute_name(request)
    change = model.read_change(await asked.json_body(request), name)
    where = asked.entity_id(request), asked.entity_type(given)
    async with transaction(request) as conn:
        await actions.set_attribute(conn, author, *where, name, change, override_metadata=override)
    return empty_answer(request)


@describes(query=ChangeQuery, status=204, example={"path": {**ENTITY, "attribute": "name"}})
@ngsi_errors
async def delete_attribute(request: Request, caller: Caller) -> Response:
    """DELETE /v2/entities/{entityId}/attrs/{attrName}"""
    given = asked.parameters(request, "type")
    asked.options(given)
    author = await author_of(request, caller, asked.tenant(request))
    where = asked.entity_id(request), asked.entity_type(given)
    async with transaction(request) as conn:
        await actions.delete_attribute(conn, author, *where, asked.attribute_name(request))
    return empty_answer(request)


@describes(response=Any, query=EntityQueryShape, example={"path": {**ENTITY, "attribute": "material"}})
@ngsi_errors
async def get_value(request: Request, caller: Caller) -> Response:
    """GET /v2/entities/{entityId}/attrs/{attrName}/value: JSON for objects and arrays, else plain text"""
    given = asked.parameters(request, "type")
    asked.options(given)
    entity = await found_entity(request, caller, given)
    value = actions.attribute_of(entity, asked.attribute_name(request))["value"]
    if _is_compound(value) and asked.accepts(request, "application/json"):
        return json_answer(request, value)
    if not asked.accepts(request, "text/plain"):
        raise NgsiError(Kind.NOT_ACCEPTABLE, "acceptable MIME types: text/plain")
    return text_answer(
        request, f'"{value}"' if isinstance(value, str) else msgspec.json.encode(value).decode()
    )


@describes(
    request=Any,
    query=ChangeQuery,
    status=204,
    example={"path": {**ENTITY, "attribute": "material"}, "body": ["stone"]},
)
@ngsi_errors
async def put_value(request: Request, caller: Caller) -> Response:
    """PUT /v2/entities/{entityId}/attrs/{attrName}/value"""
    given = asked.parameters(request, "type")
    asked.options(given)
    author = await author_of(request, caller, asked.tenant(request))
    value = await _read_value(request)
    where = asked.entity_id(request), asked.entity_type(given)
    async with transaction(request) as conn:
        await actions.set_value(conn, author, *where, asked.attribute_name(request), value)
    return empty_answer(request)


async def _read_value(request: Request) -> object:
    asked.require_body(request)
    kind = asked.content_type(request)
    if kind == "application/json":
        value = parse_json(await asked.body(request))
        if not _is_compound(value):
            raise bad_request("a value in JSON must be an object or an array; send others as text/plain")
        return value
    if kind != "text/plain":
        raise NgsiError(Kind.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json or text/plain")
    return _plain_value(await asked.body(request))


def _plain_value(content: bytes) -> object:
    """`"text"`, `true`, `false`, `null` or a number; what stands between the quotes is taken as it is."""
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise bad_request("the body is not UTF-8") from error
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        value = parse_json(text.encode())
    except NgsiError as error:
        raise bad_request("attribute value type is none of text, number, boolean, null") from error
    if isinstance(value, str | dict | list):
        raise bad_request("attribute value type is none of text, number, boolean, null")
    return value


def _is_compound(value: object) -> bool:
    return isinstance(value, dict | list)
