"""`/docs`: every operation of the API with a request that works, its answer and every code; from the route table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import CODES, Code
from moyai.identity.model import Caller
from moyai.web import docs_requests, openapi
from moyai.web.docs_answers import sample
from moyai.web.docs_commands import command
from moyai.web.docs_facts import Facts, facts
from moyai.web.docs_words import ENGLISH, JAPANESE
from moyai.web.ngsi import later
from moyai.web.operation import AnyOf, Client, Demand, Operation, Resident
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
_OPERATIONS = ("運用", "Operations")

SHARED_CODES = (*openapi.WITH_TOKEN, *openapi.WITH_BODY, *openapi.ALWAYS)
"""Codes that come with the kind of call; the page explains them once."""


class Before(msgspec.Struct, frozen=True):
    """An operation whose request has to be sent first."""

    anchor: str
    ja: str
    en: str


class Who(msgspec.Struct, frozen=True):
    """A kind of caller, and the scope that its token needs."""

    ja: str
    en: str
    scope: str | None = None


class Shown(msgspec.Struct, frozen=True):
    """One operation as the page shows it. `codes` are its own, `shared` those of its kind of call.

    `command` is None for an operation that the platform names and does not have yet (`status` 501), and for one
    that answers what somebody else did before.
    """

    anchor: str
    method: str
    path: str
    ja: str
    en: str
    text_ja: str
    text_en: str
    who: list[Who]
    after: list[Before]
    command: str | None
    body: str | None
    answer: str | None
    status: int
    codes: list[tuple[str, Code]]
    shared: list[tuple[str, Code]]


class Family(msgspec.Struct, frozen=True):
    anchor: str
    ja: str
    en: str
    operations: list[Shown]


def _family(operation: Operation) -> tuple[str, str]:
    return _FAMILIES.get(operation.path.split("/")[1], _OPERATIONS)


def families(operations: Sequence[Operation], base_url: str, known: Facts) -> list[Family]:
    """The API's operations, grouped as the URL table is."""
    table = {f"{one.method} {one.path}": one for one in operations}
    found = [operation for operation in operations if openapi.is_api(operation)]
    return [
        Family(f"family-{number}", *names, [_shown(one, base_url, known, table) for one in group])
        for number, (names, group) in enumerate(groupby(found, _family), 1)
    ]


def _shown(operation: Operation, base_url: str, known: Facts, table: Mapping[str, Operation]) -> Shown:
    described = operation.description
    sent = docs_requests.sent(operation, known, table)
    name, exists = f"{operation.method} {operation.path}", operation.handler is not later
    codes = [(code, CODES[code]) for code in openapi.codes_of(operation)]
    return Shown(
        anchor=_anchor(operation),
        method=operation.method,
        path=operation.path.replace(":path}", "}"),
        ja=operation.ja,
        en=operation.en,
        text_ja=JAPANESE.get(name, ""),
        text_en=ENGLISH.get(name) or " ".join((operation.handler.__doc__ or "").split()),
        who=_who(operation.auth),
        after=[_before(table[name]) for name in sent.after],
        command=command(operation, sent, base_url) if exists and name not in docs_requests.OF_TWO else None,
        body=_pretty(sent.body) if exists and sent.body else None,
        answer=_pretty(sample(described.response, known, _about(operation, sent)))
        if described.response is not None
        else None,
        status=described.status if exists else 501,
        codes=[one for one in codes if one[0] not in SHARED_CODES],
        shared=[one for one in codes if one[0] in SHARED_CODES],
    )


def _about(operation: Operation, sent: docs_requests.Sent) -> dict[str, Any]:
    """What the answer of the registry names: the kind and the id of the request's own path."""
    if not operation.path.startswith("/registry/v1/"):
        return {}
    noun = operation.path.split("/")[3].removesuffix("s").replace("-", "_")
    return {"noun": noun, "id": sent.path.get("id", "platform")}


def _anchor(operation: Operation) -> str:
    return f"{operation.method.lower()}-{operation.path.strip('/').replace('/', '-')}"


def _before(found: Operation) -> Before:
    return Before(_anchor(found), found.ja, found.en)


def _who(demand: Demand) -> list[Who]:
    """Who may call: one of these."""
    if isinstance(demand, AnyOf):
        return [one for each in demand.demands for one in _who(each)]
    if isinstance(demand, Client):
        return [Who("クライアント", "a client", demand.scope)]
    if isinstance(demand, Resident):
        return [
            Who("住民がログインしたタッチポイント", "a touch point with a resident's token", demand.scope)
        ]
    return [Who("だれでも", "anybody")]


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


async def docs(request: Request, caller: Caller) -> Response:
    platform: Platform = request.app.state.platform
    known = await facts(platform)
    chapters = families(request.app.state.operations, platform.base_url, known)
    return render(
        request,
        "docs.html",
        caller,
        families=chapters,
        shared_codes=[(code, CODES[code]) for code in SHARED_CODES],
        exchange_client=known.clients.get("personal:exchange", "CLIENT"),
        exchange_command=next(
            one.command
            for chapter in chapters
            for one in chapter.operations
            if one.path == "/personal/v1/exchange"
        ),
        base_url=platform.base_url,
    )


async def document(request: Request, caller: Caller) -> Response:
    platform: Platform = request.app.state.platform
    content = openapi.document(
        request.app.state.operations, platform.base_url, platform.config.platform.name_en
    )
    return Response(content, media_type="application/json")
