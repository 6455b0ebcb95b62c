"""/v2 in the whole application: real tokens and proofs, the route table, errors from outside the handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from moyai.base.db import Connection
from moyai.web.ngsi import OPERATIONS, SCOPE
from moyai.web.operation import Operation
from tests import factories
from tests.web.peers import Party


@pytest.fixture
async def broker(app: Any, context_db: Any, web: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    state = getattr(app, "app", app).state
    state.platform.context = context_db
    yield web
    state.platform.context = None


async def _token(control: Connection, web: httpx.AsyncClient, *scopes: str) -> tuple[Party, str]:
    organization = await factories.make_organization(control)
    component = await factories.make_component(control, organization)
    party = Party(web, factories.unique("city-client"))
    await factories.make_client(
        control, component, client_id=party.client_id, jwks=party.key.jwks, scopes=scopes
    )
    answer = await party.token(grant_type="client_credentials")
    return party, answer.json()["access_token"]


async def test_a_token_writes_and_nobody_reads(control: Connection, broker: httpx.AsyncClient) -> None:
    party, token = await _token(control, broker, SCOPE)
    body = {"id": "Room1", "type": "Room", "temperature": {"value": 23}}
    created = await party.call("POST", "/v2/entities", token, json=body)
    assert created.status_code == 201, created.text
    changed = await party.call("PUT", "/v2/entities/Room1/attrs/temperature", token, json={"value": 24})
    assert changed.status_code == 204
    assert (await broker.get("/v2/entities/Room1/attrs/temperature/value")).text == "24"
    own = await party.call("GET", "/v2/entities", token)
    assert [entity["id"] for entity in own.json()] == ["Room1"]


async def test_without_a_token_writing_is_unauthorized(broker: httpx.AsyncClient) -> None:
    refused = await broker.post("/v2/entities", json={"id": "Room1"})
    assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized")
    assert refused.headers["www-authenticate"].startswith("DPoP")


async def test_a_token_of_another_scope_is_forbidden(control: Connection, broker: httpx.AsyncClient) -> None:
    party, token = await _token(control, broker, "personal:store")
    refused = await party.call("POST", "/v2/entities", token, json={"id": "Room1"})
    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden")


async def test_a_bad_token_is_not_forgiven_even_for_reading(broker: httpx.AsyncClient) -> None:
    refused = await broker.get("/v2/entities", headers={"Authorization": "DPoP nonsense"})
    assert (refused.status_code, refused.json()["error"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("PUT", "/v2/entities", 405, "MethodNotAlowed"),
        ("PUT", "/v2/entities/", 405, "MethodNotAlowed"),
        ("GET", "/v2/op/query", 405, "MethodNotAlowed"),
        ("GET", "/v2/unknown", 400, "BadRequest"),
        ("GET", "/v2/entities/a/b/c", 400, "BadRequest"),
    ],
)
async def test_what_the_table_does_not_have_is_refused_in_ngsis_form(
    broker: httpx.AsyncClient, method: str, path: str, status: int, error: str
) -> None:
    refused = await broker.request(method, path)
    assert (refused.status_code, refused.json()["error"]) == (status, error)
    assert ("allow" in refused.headers) == (status == 405)


async def test_a_platform_without_a_broker_says_so(app: Any, web: httpx.AsyncClient) -> None:
    getattr(app, "app", app).state.platform.context = None
    answer = await web.get("/v2/entities")
    assert (answer.status_code, answer.json()["error"]) == (501, "NotImplemented")


async def test_the_documented_examples_work_one_after_the_other(
    control: Connection, broker: httpx.AsyncClient
) -> None:
    party, token = await _token(control, broker, SCOPE)
    done = 0
    for operation in sorted(OPERATIONS, key=_turn):
        example = operation.description.example
        if example is None:
            continue
        path = operation.path.format(**example.get("path", {}))
        content = {"json": example["body"]} if "body" in example else {}
        answer = await party.call(operation.method, path, token, params=example.get("query", {}), **content)
        assert answer.status_code < 300, (operation.method, path, answer.text)
        done += 1
    assert done == 15


def _turn(operation: Operation) -> tuple[int, int]:
    """Create before changing, read, then remove parts before the whole."""
    turn = ("POST", "PUT", "PATCH", "GET", "DELETE").index(operation.method)
    return turn, len(operation.path) * (-1 if operation.method == "DELETE" else 1)


async def test_a_slash_at_the_end_changes_nothing(control: Connection, broker: httpx.AsyncClient) -> None:
    """As in FIWARE's tutorials: `/v2/entities/?type=Product`."""
    party, token = await _token(control, broker, SCOPE)
    body = {"id": "urn:ngsi-ld:Product:010", "type": "Product", "size": {"type": "Text", "value": "S"}}
    assert (await party.call("POST", "/v2/entities/", token, json=body)).status_code == 201
    listed = await broker.get("/v2/entities/?type=Product&options=keyValues")
    assert listed.json() == [{"id": "urn:ngsi-ld:Product:010", "type": "Product", "size": "S"}]
    one = await broker.get("/v2/entities/urn:ngsi-ld:Product:010/?options=keyValues&attrs=type")
    assert one.json() == {"id": "urn:ngsi-ld:Product:010", "type": "Product"}
    assert (await broker.get("/v2/")).status_code == 200
