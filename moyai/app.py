"""Composition: from a platform's directory to a running HTTP application."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moyai.base.closed import refuse_while_closed
from moyai.base.config import Home, Limits
from moyai.base.db import Pool, connect
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.keys import KeyRing
from moyai.base.roles import SERVE, context_database
from moyai.base.tasks import hold, keep_going
from moyai.identity import as_now, passwords, staff
from moyai.identity.proof_queue import ProofQueue
from moyai.identity.tokens import TokenVerifier
from moyai.personal.names import Names
from moyai.personal.opening import exchange_road, stores_of
from moyai.registry import ending
from moyai.web.access import AccessLog
from moyai.web.dispatch import Dispatch, Held
from moyai.web.endpoint import endpoint, error_response
from moyai.web.erasure import keep_erasing
from moyai.web.health import Probe
from moyai.web.operation import Operation, Public
from moyai.web.platform import Platform
from moyai.web.routes import ROUTES
from moyai.web.slow_connections import ConnectionLimits, limited


@asynccontextmanager
async def open_platform(home: Home) -> AsyncGenerator[Platform]:
    """Everything a process needs to serve one platform, opened and closed again."""
    staff.introduce()
    config, journal = home.config(), Journal.of(home)
    journal.check()
    box = home.box()
    size = config.database.pool_size
    control = await Pool.open(
        home.dsn(SERVE), min_size=1, max_size=size, before_commit=journal.write_due, after_begin=as_now.judge
    )
    context = await Pool.open(home.dsn(SERVE, context_database(home)), max_size=4)
    stores = stores_of(control, box, config)
    names = Names(control)
    hot, lanes = exchange_road(home, control, stores, names)
    probe = Probe(home.dsn(SERVE))
    passwords.turns.most_waiting = config.limits.hashing_queue
    try:
        yield Platform(
            home,
            config,
            control,
            context,
            box,
            KeyRing(box),
            TokenVerifier(config.server.base_url),
            ProofQueue(),
            stores,
            names,
            hot,
            probe,
        )
    finally:
        probe.close()
        for lane in lanes:
            await lane.close()
        await stores.close()
        await context.close()
        await control.close()


def create(home: Home, process: str = "serve") -> Dispatch:
    """The ASGI application of one platform."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        app.state.access = AccessLog(home.logs / f"{process}-access.jsonl")
        async with open_platform(home) as platform:
            app.state.platform = platform
            # What lives from here on dies with the process: keep the collector off it. A request leaves hardly a
            # cycle behind, and looking for some after every 700 objects took a thirtieth of an exchange.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)
            due = hold(
                keep_going("pending acts", lambda: ending.keep_taking_effect(platform.control)), "pending"
            )
            erasing = hold(keep_going("erasures", lambda: keep_erasing(platform)), "erasures")
            yield
            due.cancel()
            erasing.cancel()
        app.state.access.close()

    return application(lifespan)


def application(lifespan: Any) -> Dispatch:
    """Routes and error handling around a given life span (tests bring their own)."""
    endpoints = [(operation, endpoint(operation)) for operation in ROUTES]
    routes = [
        Route(path, respond, methods=[operation.method], name=_name(operation))
        for operation, respond in endpoints
        for path in _spellings(operation)
    ]
    app = Starlette(
        routes=_merge(routes), lifespan=lifespan, exception_handlers={HTTPException: _http_exception}
    )
    app.state = Held()
    app.state.operations = ROUTES
    return Dispatch(app, endpoints)


def _spellings(operation: Operation) -> tuple[str, ...]:
    """Clients of Orion end a path with a slash or not, as they like, and do not follow redirects."""
    return (operation.path, f"{operation.path}/") if operation.errors == "ngsi" else (operation.path,)


def _name(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _merge(routes: list[Route]) -> list[Route]:
    """Specific paths first: `{parameter}` segments must not shadow the words beside them."""
    return sorted(routes, key=lambda route: [("{" in part, part) for part in route.path.split("/")])


_UNROUTED = Operation("GET", "(unrouted)", endpoint, Public(), "", "")  # type: ignore[arg-type]


async def _http_exception(request: Request, error: Exception) -> Response:
    """Unknown URLs and methods, in the form of the family that the path belongs to."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if path.startswith("/v2/"):
        path = path.rstrip("/")
    allowed = sorted({o.method for o in ROUTES if _matches(o, path)})
    problem = Problem("method_not_allowed", allow=allowed) if allowed else Problem("not_found")
    family = "ngsi" if path.startswith("/v2") else "problem" if _is_api(path) else "page"
    form = Operation("GET", "(unrouted)", _UNROUTED.handler, Public(), "", "", errors=family)
    return error_response(request, form, problem, None)


def _matches(operation: Operation, path: str) -> bool:
    pattern, given = operation.path.split("/"), path.split("/")
    if len(pattern) != len(given) and not operation.path.endswith(":path}"):
        return False
    return all(p.startswith("{") or p == g for p, g in zip(pattern, given, strict=False))


_API = (
    "/personal/",
    "/consent/",
    "/registry/",
    "/identity/",
    "/log/",
    "/oauth2/",
    "/.well-known/",
    "/operations/",
)


def _is_api(path: str) -> bool:
    return path.startswith(_API)


async def _refuse_if_closed(home: Home) -> None:
    conn = await connect(home.dsn(SERVE))
    try:
        await refuse_while_closed(home, conn)
    finally:
        await conn.close()


def _connection_limits(limits: Limits) -> ConnectionLimits:
    return ConnectionLimits(
        limits.header_seconds, limits.body_seconds, limits.answer_seconds, limits.idle_seconds
    )


def serve(home: Home, fd: int | None, process: str) -> None:
    """Run one `serve` process until it is told to stop. `fd` is a listening socket that the supervisor bound."""
    asyncio.run(_refuse_if_closed(home))
    config = home.config()
    server = uvicorn.Server(
        uvicorn.Config(
            create(home, process),
            host=config.server.host,
            port=config.server.port,
            loop="uvloop",
            http=limited(_connection_limits(config.limits), config.server.base_url),
            access_log=False,
            log_config=None,
            server_header=False,
            # a proxy header never decides who calls or by what URL: the base URL is configured
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            # longer than clients keep theirs (15 s in aiohttp, 60 s in nginx): otherwise a request that is sent the
            # moment an idle connection is closed is lost, and a POST is not sent again by itself
            timeout_keep_alive=round(config.limits.idle_seconds),
        )
    )
    sockets = None if fd is None else [socket.socket(fileno=fd)]
    server.run(sockets)
