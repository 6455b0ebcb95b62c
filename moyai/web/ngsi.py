"""NGSIv2 under `/v2`, so that unmodified clients of Orion work: its lines of the route table."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.context import actions
from moyai.context.errors import not_implemented
from moyai.identity.model import Caller
from moyai.web import ngsi_attributes as attributes
from moyai.web import ngsi_entities as entities
from moyai.web import ngsi_request as asked
from moyai.web.ngsi_answers import json_answer, problem_answer
from moyai.web.ngsi_handling import Handler, connection, ngsi_errors, paging, readable_tenant
from moyai.web.ngsi_shapes import TypesQuery
from moyai.web.operation import AnyOf, Client, Operation, Public, describes

SCOPE: Final = "context:write"
"""The scope that clients need to write city data, and to read what is not in the common tenant."""

_ANY: Final = AnyOf(Client(SCOPE), Public())
_WRITER: Final = Client(SCOPE)


def error_response(problem: Problem) -> Response:
    """A problem that arose before or outside a handler, in NGSI's form."""
    return problem_answer(None, problem)


@describes(response=dict[str, str], example={})
@ngsi_errors
async def entry_point(request: Request, _: Caller) -> Response:
    """GET /v2"""
    asked.require_json_accepted(request)
    kinds = ("entities", "types", "subscriptions", "registrations")
    return json_answer(request, {f"{kind}_url": f"/v2/{kind}" for kind in kinds})


@describes(response=list[dict[str, Any]], query=TypesQuery, example={"query": {"options": "noAttrDetail"}})
@ngsi_errors
async def list_types(request: Request, caller: Caller) -> Response:
    """GET /v2/types, with `values` or `noAttrDetail`: names and numbers come from counters, details would not"""
    asked.require_json_accepted(request)
    given = asked.parameters(request, "limit", "offset")
    options = asked.options(given, "values", "noAttrDetail")
    if not options & {"values", "noAttrDetail"}:
        raise not_implemented("attribute detail of types (use options=noAttrDetail or options=values)")
    page = paging(given)
    tenant = await readable_tenant(request, caller)
    async with connection(request) as conn:
        found = await actions.types(conn, tenant)
    shown = found[page["offset"] : page["offset"] + page["limit"]]
    headers = {"Fiware-Total-Count": str(len(found))} if "count" in options else {}
    if "values" in options:
        return json_answer(request, [name for name, _ in shown], headers=headers)
    detail: list[dict[str, object]] = [{"type": name, "attrs": {}, "count": number} for name, number in shown]
    return json_answer(request, detail, headers=headers)


@ngsi_errors
async def later(request: Request, _: Caller) -> Response:
    """A resource of NGSIv2 that is not here yet names itself."""
    raise not_implemented(request.url.path[:100])


def _operation(method: str, path: str, handler: Handler, auth: Any, ja: str, en: str) -> Operation:
    return Operation(method, path, handler, auth, ja, en, errors="ngsi")


_ENTITY = "/v2/entities/{entity_id}"
_ATTRS = f"{_ENTITY}/attrs"
_ATTR = f"{_ATTRS}/{{attribute}}"

OPERATIONS: Final = (
    _operation("GET", "/v2", entry_point, Public(), "NGSIv2 の入口", "Entry point of NGSIv2"),
    _operation("GET", "/v2/entities", entities.list_entities, _ANY, "エンティティの一覧", "List entities"),
    _operation(
        "POST", "/v2/entities", entities.create_entity, _WRITER, "エンティティの作成", "Create an entity"
    ),
    _operation("GET", _ENTITY, entities.get_entity, _ANY, "エンティティの取得", "Retrieve an entity"),
    _operation("GET", _ATTRS, entities.get_attributes, _ANY, "属性の一覧", "Retrieve an entity's attributes"),
    _operation(
        "POST",
        _ATTRS,
        attributes.append_attributes,
        _WRITER,
        "属性の追加・更新",
        "Update or append attributes",
    ),
    _operation(
        "PATCH", _ATTRS, attributes.update_attributes, _WRITER, "属性の更新", "Update existing attributes"
    ),
    _operation(
        "PUT", _ATTRS, attributes.replace_attributes, _WRITER, "属性の置き換え", "Replace all attributes"
    ),
    _operation("GET", _ATTR, attributes.get_attribute, _ANY, "属性の取得", "Retrieve an attribute"),
    _operation("PUT", _ATTR, attributes.put_attribute, _WRITER, "属性の書き換え", "Update an attribute"),
    _operation("DELETE", _ATTR, attributes.delete_attribute, _WRITER, "属性の削除", "Remove an attribute"),
    _operation(
        "GET", f"{_ATTR}/value", attributes.get_value, _ANY, "属性値の取得", "Retrieve an attribute's value"
    ),
    _operation(
        "PUT",
        f"{_ATTR}/value",
        attributes.put_value,
        _WRITER,
        "属性値の書き換え",
        "Update an attribute's value",
    ),
    _operation("DELETE", _ENTITY, entities.delete_entity, _WRITER, "エンティティの削除", "Delete an entity"),
    _operation("GET", "/v2/types", list_types, _ANY, "エンティティの種類の一覧", "List entity types"),
    *(
        _operation(
            method,
            path,
            later,
            Public() if method == "GET" else _WRITER,
            "まだ使えない操作",
            "Not available yet",
        )
        for path, methods in {
            "/v2/types/{type}": ("GET",),
            "/v2/subscriptions": ("GET", "POST"),
            "/v2/subscriptions/{subscription_id}": ("GET", "PATCH", "DELETE"),
            "/v2/registrations": ("GET", "POST"),
            "/v2/registrations/{registration_id}": ("GET", "PATCH", "DELETE"),
            "/v2/op/update": ("POST",),
            "/v2/op/query": ("POST",),
            "/v2/op/notify": ("POST",),
        }.items()
        for method in methods
    ),
)
"""The NGSIv2 lines of the route table."""
