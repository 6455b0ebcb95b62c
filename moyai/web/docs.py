"""`/docs`: every operation of the API with a request that works, its answer and every code; from the route table."""

from __future__ import annotations

import json
import shlex
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import CODES, Code
from moyai.identity.model import Caller
from moyai.web import openapi
from moyai.web.operation import Client, Operation
from moyai.web.pages import render
from moyai.web.platform import Platform

_FAMILIES = {
    "oauth2": ("認証と認可", "Authentication and authorization"),
    ".well-known": ("設定の公開", "Discovery"),
    "identity": ("窓口", "The desk"),
    "registry": ("登録", "Registry"),
    "consent": ("住民", "Residents"),
    "personal": ("パーソナルデータ", "Personal data"),
    "v2": ("まちのデータ（NGSIv2）", "City data (NGSIv2)"),
    "log": ("記録の証明", "The log"),
}


class Shown(msgspec.Struct, frozen=True):
    """One operation as the page shows it. `codes` are (code, what it says)."""

    anchor: str
    method: str
    path: str
    ja: str
    en: str
    text: str
    who: str
    command: str | None
    body: str | None
    answer: str | None
    status: int
    codes: list[tuple[str, Code]]


class Family(msgspec.Struct, frozen=True):
    anchor: str
    ja: str
    en: str
    operations: list[Shown]


def _family(operation: Operation) -> str:
    return operation.path.split("/")[1]


@cache
def families(base_url: str) -> list[Family]:
    """The API's operations, grouped as the URL table is."""
    from moyai.web.routes import ROUTES

    found = [operation for operation in ROUTES if openapi.is_api(operation)]
    return [
        Family(
            name.strip(".") or "root",
            *_FAMILIES.get(name, ("運用", "Operations")),
            [_shown(o, base_url) for o in group],
        )
        for name, group in groupby(found, _family)
    ]


def _shown(operation: Operation, base_url: str) -> Shown:
    described = operation.description
    example = described.example or {}
    return Shown(
        anchor=f"{operation.method.lower()}-{operation.path.strip('/').replace('/', '-')}",
        method=operation.method,
        path=operation.path,
        ja=operation.ja,
        en=operation.en,
        text=" ".join((operation.handler.__doc__ or "").split()),
        who=openapi.who(operation.auth),
        command=_command(operation, example, base_url),
        body=_pretty(example["body"]) if "body" in example else None,
        answer=_pretty(_sample(described.response)) if described.response is not None else None,
        status=described.status,
        codes=[(code, CODES[code]) for code in openapi.codes_of(operation)],
    )


def _command(operation: Operation, example: dict[str, Any], base_url: str) -> str:
    """A command line that sends it: signed for clients, plain for everybody."""
    path = operation.path
    for name, value in example.get("path", {}).items():
        path = path.replace(f"{{{name}}}", str(value)).replace(f"{{{name}:path}}", str(value))
    query = f"?{urlencode(example['query'])}" if example.get("query") else ""
    url = shlex.quote(f"{base_url}{path}{query}")
    data = (
        f" --data {shlex.quote(json.dumps(example['body'], ensure_ascii=False))}" if "body" in example else ""
    )
    if isinstance(operation.auth, Client):
        return f"moyai call {operation.method} {url} --client CLIENT{data}"
    body = f" -H 'Content-Type: application/json'{data}" if data else ""
    return f"curl -X {operation.method} {url}{body}"


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _sample(shape: Any, depth: int = 0) -> Any:
    """The shape of an answer, each member with the kind of value it has."""
    schemas, components = msgspec.json.schema_components([shape])
    return _filled(schemas[0], components, depth)


def _filled(schema: dict[str, Any], components: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return {} if depth > 6 else _filled(components[name], components, depth + 1)
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], components, depth + 1)
    if schema.get("type") == "object":
        return {
            name: _filled(one, components, depth + 1) for name, one in schema.get("properties", {}).items()
        }
    if schema.get("type") == "array":
        return [_filled(schema["items"], components, depth + 1)] if "items" in schema else []
    return schema.get("format") or (schema["enum"][0] if "enum" in schema else schema.get("type", "any"))


async def docs(request: Request, caller: Caller) -> Response:
    platform: Platform = request.app.state.platform
    return render(
        request, "docs.html", caller, families=families(platform.base_url), base_url=platform.base_url
    )


async def document(request: Request, caller: Caller) -> Response:
    platform: Platform = request.app.state.platform
    content = openapi.document(platform.base_url, platform.config.platform.name_en)
    return Response(content, media_type="application/json")
