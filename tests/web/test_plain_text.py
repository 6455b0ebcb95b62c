"""A text with characters that nobody can read is refused wherever one can be sent, and changes nothing (stranger 7)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.ledger import Kind
from moyai.web.operation import Client, Operation
from moyai.web.routes import ROUTES
from tests import factories
from tests.factories import Town
from tests.web.peers import Party, form_of
from tests.web.test_desk import clerk_of

UNFIT = ["\x00", "\x1b", "\u202e", "\u2066"]


def with_texts(body: Any, one: str) -> list[Any]:
    """Copies of a body, in each of which one text ends with a character."""
    if isinstance(body, str):
        return [body + one]
    if isinstance(body, dict):
        return [
            {**body, name: changed} for name, member in body.items() for changed in with_texts(member, one)
        ]
    if isinstance(body, list):
        return [
            [*body[:n], changed, *body[n + 1 :]]
            for n, part in enumerate(body)
            for changed in with_texts(part, one)
        ]
    return []


TAKING = [
    pytest.param(one, id=f"{one.method} {one.path}")
    for one in ROUTES
    if one.path.startswith(("/registry", "/identity", "/personal"))
    and isinstance(one.auth, Client)
    and (one.description.example or {}).get("body") is not None
]


@pytest.fixture
async def town(control: Connection) -> Town:
    return await factories.make_town(control)


@pytest.mark.parametrize("operation", TAKING)
async def test_s7_no_operation_takes_an_unreadable_text(
    operation: Operation, control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    assert isinstance(operation.auth, Client)
    kind = "component" if operation.auth.scope.startswith("personal") else "operator"
    party = Party(web, "sending")
    owner: dict[str, Any] = {"organization": town.c1} if kind == "operator" else {"component": town.mimamori}
    await factories.make_client(
        control, client_id="sending", kind=kind, jwks=party.key.jwks, scopes=(operation.auth.scope,), **owner
    )
    token = (await party.token(grant_type="client_credentials")).json()["access_token"]
    example = operation.description.example or {}
    known = example.get("path", {})
    path = re.sub(r"\{([a-z_]+)(:path)?\}", lambda found: known.get(found[1], "x"), operation.path)
    before = await control.fetchval("select count(*) from ledger.content where kind <> $1", int(Kind.REFUSAL))
    for one in UNFIT:
        for body in with_texts(example["body"], one):
            answer = await party.call(operation.method, path, token, json=body)
            # who may not call, or names what is not there, is told that
            assert answer.json()["code"] in (
                "invalid_request",
                "forbidden",
                "does_not_exist",
                "subject_unknown",
            ), (
                answer.text,
                body,
            )
    refusals = int(Kind.REFUSAL)
    written = "select count(*) from ledger.content where kind <> $1"
    assert await control.fetchval(written, refusals) == before


async def test_s7_a_declaration_says_where_the_character_stands(
    control: Connection, web: httpx.AsyncClient, town: Town
) -> None:
    party = Party(web, "sending")
    await factories.make_client(
        control, organization=town.c1, client_id="sending", kind="operator", jwks=party.key.jwks,
        scopes=("registry:write",),
    )  # fmt: skip
    token = (await party.token(grant_type="client_credentials")).json()["access_token"]
    body = {"name_ja": "健康\u202e", "name_en": "Health"}
    answer = await party.call("PUT", "/registry/v1/purposes/health-x", token, json=body)
    assert answer.json()["code"] == "invalid_request"
    assert "$.name_ja: U+202E" in answer.json()["detail"]
    assert await control.fetchval("select count(*) from registry.purpose where purpose_id = 'health-x'") == 0


@pytest.mark.parametrize("one", UNFIT)
async def test_s7_a_query_and_a_form_take_none_either(
    web: httpx.AsyncClient, control: Connection, box: SecretBox, one: str
) -> None:
    asked = await web.get(f"/oauth2/authorize?client_id=x{quote(one)}&state=y")
    assert 400 <= asked.status_code < 500
    await factories.make_town(control)
    clerk = await clerk_of(control, box, web, "c1")
    form = {
        **form_of(await clerk.http.get("/desk"), "/desk/search"),
        "text": f"x{one}",
        "reason": "procedure",
    }
    assert (await clerk.http.post("/desk/search", data=form)).status_code == 400
