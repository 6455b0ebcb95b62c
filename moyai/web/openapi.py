"""`/openapi.json`, generated from the one route table (OpenAPI 3.1)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec

from moyai import __version__
from moyai.base.errors import CODES
from moyai.registry.model import Change
from moyai.web.oauth_forms import FORMS
from moyai.web.operation import (
    AnyOf,
    Client,
    Demand,
    Operation,
    PortalSession,
    Public,
    Resident,
    StaffSession,
)

_PARAMETER = re.compile(r"\{([a-z_]+)(?::path)?\}")
_SCHEMAS = "#/components/schemas/{name}"

ALWAYS = ("too_many_requests", "deadline_exceeded", "unavailable", "storage_full", "internal_error")
WITH_TOKEN = (
    "unauthenticated",
    "token_invalid",
    "token_expired",
    "proof_invalid",
    "proof_replayed",
    "forbidden",
)
WITH_RESIDENT = ("organization_suspended",)
WITH_FORM = ("unsupported_media_type", "malformed_request", "body_too_large")
WITH_BODY = ("unsupported_media_type", "malformed_request", "invalid_request", "body_too_large")


def codes_of(operation: Operation) -> list[str]:
    """Every code that an operation can answer with: its own, and what its kind of call brings."""
    described = operation.description
    codes = dict.fromkeys(described.codes)
    if _needs_token(operation.auth):
        codes |= dict.fromkeys(WITH_TOKEN)
    if isinstance(operation.auth, Resident):
        codes |= dict.fromkeys(WITH_RESIDENT)
    if described.request is not None:
        codes |= dict.fromkeys(WITH_BODY)
    if operation.path in FORMS:
        codes |= dict.fromkeys(WITH_FORM)
    if described.query is not None:
        codes |= dict.fromkeys(("invalid_request",))
    return [*codes, *ALWAYS]


def _needs_token(demand: Demand) -> bool:
    if isinstance(demand, AnyOf):
        return any(_needs_token(one) for one in demand.demands)
    return isinstance(demand, (Client, Resident))


def is_api(operation: Operation) -> bool:
    """Pages are not part of the API."""
    return operation.errors != "page"


@cache
def document(table: tuple[Operation, ...], base_url: str, title: str) -> bytes:
    """The whole document. It says nothing that differs between callers."""
    operations = [operation for operation in table if is_api(operation)]
    shapes = [s for o in operations for s in (o.description.request, o.description.response) if s is not None]
    shapes += FORMS.values()
    # All at once: two shapes of one name have other names then than each by itself.
    found, components = msgspec.json.schema_components(shapes, ref_template=_SCHEMAS)
    schemas = dict(zip(shapes, found, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PARAMETER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": title,
                "version": __version__,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": base_url}],
            "paths": paths,
            "components": {
                "schemas": {**components, "Problem": _PROBLEM},
                "securitySchemes": {"dpop": {"type": "http", "scheme": "DPoP", "description": "RFC 9449"}},
            },
        }
    )


_Schemas = dict[Any, dict[str, Any]]
"""The schema of each shape, or the reference to it."""


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457, with a stable `code` and the text in both languages.",
    "required": ["type", "title", "title_ja", "status", "code", "next", "next_ja", "correlation_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "title_ja": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "next": {"type": "string"},
        "next_ja": {"type": "string"},
        "detail": {"type": "string"},
        "correlation_id": {"type": "string"},
    },
}


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}_{re.sub(r'[^a-z0-9]+', '_', operation.path.lower()).strip('_')}",
        "summary": operation.en,
        "description": f"{operation.ja}\n\n{(operation.handler.__doc__ or '').strip()}",
        "tags": [operation.path.split("/")[1] or "root"],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, schemas),
        "x-who": who(operation.auth),
    }
    if _needs_token(operation.auth):
        made["security"] = [{"dpop": []}] if not _open_too(operation.auth) else [{"dpop": []}, {}]
    body = _request_body(operation, schemas)
    return made if body is None else {**made, "requestBody": {"required": True, "content": body}}


def _request_body(operation: Operation, schemas: _Schemas) -> dict[str, Any] | None:
    described = operation.description
    if operation.path in FORMS:
        return {"application/x-www-form-urlencoded": {"schema": schemas[FORMS[operation.path]]}}
    if described.request is None:
        return None
    body: dict[str, Any] = {"schema": schemas[described.request]}
    if described.example and "body" in described.example:
        body["example"] = described.example["body"]
    return {"application/json": body}


def _open_too(demand: Demand) -> bool:
    return isinstance(demand, AnyOf) and any(isinstance(one, Public) for one in demand.demands)


def who(demand: Demand) -> str:
    """Who may call, in words."""
    if isinstance(demand, Client):
        return f"client with scope {demand.scope}"
    if isinstance(demand, Resident):
        return f"resident's token with scope {demand.scope}"
    if isinstance(demand, PortalSession):
        return "resident in the portal"
    if isinstance(demand, StaffSession):
        return f"staff: {', '.join(demand.roles)}"
    if isinstance(demand, AnyOf):
        return " or ".join(who(one) for one in demand.demands)
    return "anybody"


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    examples: dict[str, Any] = (operation.description.example or {}).get("path", {})
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            **({"example": examples[name]} if name in examples else {}),
        }
        for name in _PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    shape = operation.description.query
    if shape is None:
        return []
    _, components = msgspec.json.schema_components([shape])
    schema = components[shape.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": member}
        for name, member in schema["properties"].items()
    ]


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described = operation.description
    good: dict[str, Any] = {"description": "done"}
    if described.response is not None:
        good["content"] = {"application/json": {"schema": schemas[described.response]}}
    responses: dict[str, Any] = {str(status): good for status in good_statuses(operation)}
    for code in codes_of(operation):
        status = str(CODES[code].status)
        known = responses.setdefault(status, {"description": "", "content": _error_content(operation)})
        known["description"] = f"{known['description']}, {code}".removeprefix(", ")
    return responses


def good_statuses(operation: Operation) -> list[int]:
    """Of a change: 201 where it made something, 202 where it waits for a second person, and 200 else. A PUT that answers with
    what there is now says 201 where it made something, and 200 where it was there."""
    status = operation.description.status
    if operation.description.response is Change:
        return [200, 201, 202]
    if operation.description.repeats:
        return [200, status]
    return [200, 201] if (operation.method, status) == ("PUT", 200) else [status]


def _error_content(operation: Operation) -> dict[str, Any]:
    if operation.errors == "problem":
        return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"application/json": {"schema": {"type": "object"}}}
