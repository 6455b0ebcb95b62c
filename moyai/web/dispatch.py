"""Finding the operation of a request: exact paths by one look-up, however long the route table grows.

Paths with parameters, unknown paths and wrong methods go on to Starlette's router.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moyai.web.operation import Operation

Endpoint = Callable[[Request], Awaitable[Response]]


class Held(State):
    """What an application holds. Starlette keeps it in a dictionary of its own and asks that by a function for every
    look, of which a request takes ten; these are plain attributes."""

    def __setattr__(self, key: Any, value: Any) -> None:
        object.__setattr__(self, key, value)


class Dispatch:
    """The ASGI application in front of Starlette's. Endpoints turn every exception into an answer themselves."""

    def __init__(self, app: Starlette, endpoints: list[tuple[Operation, Endpoint]]) -> None:
        self.app = app
        self.state = app.state
        self._exact = {
            (operation.method, operation.path): respond
            for operation, respond in endpoints
            if "{" not in operation.path
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            respond = self._exact.get((scope["method"], scope["path"]))
            if respond is not None:
                scope["app"] = self.app
                response = await respond(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)
