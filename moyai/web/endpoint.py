"""From a line of the route table to an ASGI endpoint: who is calling, the handler, errors in the right form."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from moyai.base.db import DiskFull, is_unavailable
from moyai.base.deadlines import within
from moyai.base.errors import Problem
from moyai.base.storage import is_full
from moyai.identity import as_now
from moyai.identity.model import Anonymous, Caller
from moyai.web import metrics, ngsi, oauth_errors, pages, problems
from moyai.web.auth import authenticate, read_again
from moyai.web.operation import (
    CORRELATION_ID,
    AnyOf,
    Client,
    Demand,
    Operation,
    PortalSession,
    StaffSession,
    header,
    read_body,
)
from moyai.web.platform import Platform
from moyai.web.rate_limits import Taken, TooMany, tell

log = structlog.get_logger("moyai.web")

_PROCESS = secrets.token_hex(8)
_numbers = itertools.count()
_PROBES = ("/health", "/metrics")
_HSTS = (b"strict-transport-security", b"max-age=31536000")
"""RFC 6797: a browser that has been here by https comes by nothing else for a year."""

_CHANGING_REGISTRY = ("/registry/", "/console/", "/desk/staff", "/identity/v1/staff")
"""Routes whose acts change the registry, or wait in it for a second person."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{8,64}")


def correlation_id(request: Request) -> str:
    """The caller's `X-Correlation-Id` where it is one, else a new one. Kept for the request's lifetime."""
    known = request.scope.get(CORRELATION_ID)
    if known is None:
        given = header(request, b"x-correlation-id")
        known = given if given and _CORRELATION.fullmatch(given) else f"{_PROCESS}{next(_numbers):08x}"
        request.scope[CORRELATION_ID] = known
    return known


def endpoint(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of one operation."""

    async def respond(request: Request) -> Response:
        begun = time.perf_counter()
        code: str | None = None
        caller: Caller | None = None
        taken: Taken | None = None
        platform: Platform = request.app.state.platform
        platform.under_way += 1
        limit = within(platform.config.limits.request_seconds)
        try:
            with limit:
                _refuse_at_once(platform, operation)
                taken = platform.limits.before(request, operation)
                if operation.method not in _READS:
                    await read_body(request)
                caller = await _caller(request, operation)
                if caller is not None:
                    taken = taken or platform.limits.after(caller)
                    with _acting(request, operation, caller):
                        response = await operation.handler(request, caller)
                elif operation.expired is not None:
                    response = await operation.expired(request)
                else:
                    raise Problem("unauthenticated")
        except Problem as problem:
            if caller is None and taken is None:
                problem, taken = platform.limits.refused(request, problem)
            code = problem.code
            taken = problem.taken if isinstance(problem, TooMany) else taken
            response = error_response(request, operation, problem, caller)
        except Exception as error:
            problem = Problem("deadline_exceeded") if limit.expired() else _as_problem(error)
            code = problem.code
            if code == "internal_error":
                # the kind of error and the place, never its text: it may quote the data it stumbled over
                log.error("failed", operation=operation.path, error=type(error).__name__, where=_where(error))
            response = error_response(request, operation, problem, caller)
        finally:
            platform.under_way -= 1
        seconds = time.perf_counter() - begun
        correlation = correlation_id(request)
        metrics.observe(operation, response.status_code, seconds)
        request.app.state.access.write(
            request.method,
            operation.path,
            response.status_code,
            code,
            seconds,
            getattr(caller, "client_id", None),
            correlation,
        )
        response.raw_headers.append((b"x-correlation-id", correlation.encode()))
        if platform.over_tls:
            response.raw_headers.append(_HSTS)
        if taken is not None:
            tell(response, taken)
        return response

    return respond


def _acting(request: Request, operation: Operation, caller: Caller) -> AbstractContextManager[None]:
    """Judge who acts once more in every transaction of the act. On the exchange road the gate's statement does."""
    demand = operation.auth
    if isinstance(caller, Anonymous) or (isinstance(demand, Client) and demand.single_use == "ledger"):
        return nullcontext()
    changes = operation.method not in _READS and operation.path.startswith(_CHANGING_REGISTRY)
    return as_now.acting(caller, read_again(request, caller), changes_registry=changes)


async def _caller(request: Request, operation: Operation) -> Caller | None:
    """Who asks; None where nobody is logged in and the operation has an answer to that."""
    try:
        return await authenticate(request, operation.auth)
    except Problem as problem:
        if problem.code == "unauthenticated" and operation.expired is not None:
            return None
        raise


def _refuse_at_once(platform: Platform, operation: Operation) -> None:
    """On a full disk, what writes is refused at once. What only reads is tried: it may still be answered. Where too much
    is under way, more would only make all of it late; probes are answered all the same."""
    if operation.method not in _READS and platform.space.state() == "full":
        raise Problem("storage_full")
    if platform.under_way > platform.config.limits.requests_at_once and operation.path not in _PROBES:
        raise Problem("unavailable", "too many requests at once", retry_after=1)


def _as_problem(error: Exception) -> Problem:
    """What an unforeseen exception means to the caller: the database is away, or a fault of ours."""
    if isinstance(error, DiskFull) or is_full(error):
        return Problem("storage_full")
    if is_unavailable(error):
        return Problem("unavailable")
    if isinstance(error, ClientDisconnect):
        return Problem("malformed_request", "the client went away")
    return Problem("internal_error")


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "unknown" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def error_response(
    request: Request, operation: Operation, problem: Problem, caller: Caller | None
) -> Response:
    """The error in the form of this operation's family."""
    if operation.errors == "page":
        if problem.code == "unauthenticated" and _takes_session(operation.auth):
            return _to_login(request)
        return pages.problem_page(request, problem, caller, correlation_id(request))
    if operation.errors == "ngsi":
        return ngsi.error_response(problem)
    if operation.errors == "oauth":
        return oauth_errors.response(problem)
    base_url: str = request.app.state.platform.base_url
    return problems.response(problem, base_url, correlation_id(request))


def _takes_session(demand: Demand) -> bool:
    if isinstance(demand, AnyOf):
        return any(_takes_session(one) for one in demand.demands)
    return isinstance(demand, (PortalSession, StaffSession))


def _to_login(request: Request) -> Response:
    """To the log-in, and from there back to the page; whoever sent a form is told that it was not done."""
    sent = request.method != "GET"
    target = _page_of_form(request) if sent else request.url.path
    if not sent and request.url.query:
        target += f"?{request.url.query}"
    url: Any = request.url.replace(path="/login", query="").include_query_params(
        next=target, **({"expired": "form"} if sent else {})
    )
    return RedirectResponse(f"{url.path}?{url.query}", status_code=303, headers={"Cache-Control": "no-store"})


def _page_of_form(request: Request) -> str:
    """The page of ours that a form was sent from, where it can be opened again."""
    came = urlsplit(request.headers.get("referer", ""))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": came.path,
        "root_path": "",
        "headers": [],
    }
    if came.netloc != request.url.netloc or not any(
        route.matches(scope)[0] is Match.FULL for route in request.app.routes
    ):
        return "/portal"
    return f"{came.path}?{came.query}" if came.query else came.path
