"""The NGSI lines of the route table over real databases, called by plain httpx, as an unmodified client would.

Who calls is said by the header `X-Client` here; that tokens prove it is tested where tokens are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity.model import Anonymous, ClientCaller
from moyai.web import ngsi
from tests.factories import Made, make_client, make_component, make_organization


def _caller(request: Request) -> Anonymous | ClientCaller:
    client_id = request.headers.get("x-client")
    if client_id is None:
        return Anonymous()
    return ClientCaller(client_id, 0, None, None, "said-by-token", 0, frozenset({ngsi.SCOPE}))


def _route(path: str) -> Route:
    handlers = {
        operation.method: operation.handler for operation in ngsi.OPERATIONS if operation.path == path
    }

    class Endpoint:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            request = Request(scope, receive)
            handler = handlers.get(request.method)
            response: Response
            if handler is None:
                response = ngsi.error_response(Problem("method_not_allowed", allow=sorted(handlers)))
            else:
                response = await handler(request, _caller(request))
            await response(scope, receive, send)

    return Route(path, Endpoint())


@dataclass
class Stage:
    """Two certified organisations, each with a client, and the API."""

    api: httpx.AsyncClient
    c1: Made
    c2: Made
    c1_client: str
    c2_client: str

    def as_c1(self, **headers: str) -> dict[str, str]:
        return {"X-Client": self.c1_client, **headers}

    def as_c2(self, **headers: str) -> dict[str, str]:
        return {"X-Client": self.c2_client, **headers}

    async def create(self, entity: dict[str, Any], options: str = "", **headers: str) -> httpx.Response:
        return await self.api.post(f"/v2/entities{options}", json=entity, headers=self.as_c1(**headers))


@pytest.fixture
async def stage(control: Connection, control_db: Any, context_db: Any) -> AsyncIterator[Stage]:
    clients: list[str] = []
    organizations: list[Made] = []
    for _ in range(2):
        organization = await make_organization(control)
        component = await make_component(control, organization)
        clients.append((await make_client(control, component)).id)
        organizations.append(organization)
    app = Starlette(routes=[_route(path) for path in dict.fromkeys(o.path for o in ngsi.OPERATIONS)])
    config = SimpleNamespace(server=SimpleNamespace(max_body_bytes=1_048_576))
    app.state.platform = SimpleNamespace(control=control_db, context=context_db, config=config)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://broker") as api:
        yield Stage(api, organizations[0], organizations[1], clients[0], clients[1])
