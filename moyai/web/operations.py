"""Probes, metrics, and the explanation of every error code."""

from __future__ import annotations

import os
from typing import Literal

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import LOST
from moyai.base.errors import Problem
from moyai.base.log_file import lines_lost
from moyai.base.storage import State
from moyai.identity.model import Caller
from moyai.ledger.log import status as log_status
from moyai.web.operation import answer, describes
from moyai.web.platform import Platform


class Health(msgspec.Struct, frozen=True):
    """`status` is `ready`, or `degraded` where `storage` is `low`; `database` says whether the primary answers.

    `log_lines_lost`: log lines that this process could not write since it began.
    """

    status: Literal["ready", "degraded"]
    database: str
    storage: State
    log_lines_lost: int


@describes(response=Health, codes=("unavailable", "storage_full"))
async def health(request: Request, caller: Caller) -> Response:
    """Whether this process can serve: there is space to record what it does, and the control database answers."""
    platform: Platform = request.app.state.platform
    storage, lost = platform.space.state(), lines_lost()
    if storage == "full":
        raise Problem("storage_full", storage=storage, log_lines_lost=lost)
    try:
        async with platform.control.connection() as conn:
            await conn.ping()
    except LOST as error:
        raise Problem("unavailable", "the control database does not answer") from error
    return answer(Health("degraded" if storage == "low" else "ready", "answers", storage, lost))


async def metrics(request: Request, caller: Caller) -> Response:
    """Prometheus's text format: requests of all `serve` processes together, and how far the log is."""
    platform: Platform = request.app.state.platform
    async with platform.control.connection() as conn:
        status = await log_status(conn)
    log = CollectorRegistry()
    Gauge("moyai_free_bytes", "Free space where it is scarcest", registry=log).set(platform.space.least())
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
