"""Probes, metrics, and the explanation of every error code."""

from __future__ import annotations

import os

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import LOST
from moyai.base.errors import Problem
from moyai.identity.model import Caller
from moyai.ledger.log import status as log_status
from moyai.web.operation import answer, describes
from moyai.web.platform import Platform


class Health(msgspec.Struct, frozen=True):
    """`status` is `ready` or `unready`; `database` says whether the primary answers."""

    status: str
    database: str


@describes(response=Health, codes=("unavailable",))
async def health(request: Request, caller: Caller) -> Response:
    """Whether this process can serve: the control database answers."""
    platform: Platform = request.app.state.platform
    try:
        async with platform.control.connection() as conn:
            await conn.ping()
    except LOST as error:
        raise Problem("unavailable", "the control database does not answer") from error
    return answer(Health("ready", "answers"))


async def metrics(request: Request, caller: Caller) -> Response:
    """Prometheus's text format: requests of all `serve` processes together, and how far the log is."""
    platform: Platform = request.app.state.platform
    async with platform.control.connection() as conn:
        status = await log_status(conn)
    log = CollectorRegistry()
    Gauge("moyai_log_entries", "Entries with a place in the log", registry=log).set(status.size)
    Gauge(
        "moyai_log_waiting_seconds", "Age of the oldest entry without a place in the log", registry=log
    ).set(status.waiting_seconds)
    return Response(generate_latest(_requests()) + generate_latest(log), media_type=CONTENT_TYPE_LATEST)


def _requests() -> CollectorRegistry:
    """What was counted: by this process alone, or (under a supervisor) by all that share a directory."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # pyright: ignore[reportUnusedExpression]
    return together
