"""Probes, metrics, and the explanation of every error code."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import is_unavailable
from moyai.base.deadlines import within
from moyai.base.errors import Problem
from moyai.base.log_file import lines_lost
from moyai.base.storage import State
from moyai.identity.model import Caller
from moyai.ledger.log import status as log_status
from moyai.web.health import Seen
from moyai.web.metrics import counted
from moyai.web.operation import answer, describes
from moyai.web.platform import Platform

_LOG_SECONDS: Final = 2
"""What reports trouble must not fail with it: a scrape is answered before its prober gives up."""


class Health(msgspec.Struct, frozen=True):
    """`status` is `ready`, or `degraded` where `storage` is `low` or stores are skipped because they do not answer;
    where it is `unready`, `database`, `clock` and `storage` say why.

    `log_lines_lost`: log lines that this process could not write since it began.
    """

    status: Literal["ready", "degraded", "unready"]
    database: Literal["answers", "does_not_answer"]
    clock: Literal["agrees", "off", "unknown"]
    storage: State
    stores_skipped: int
    log_lines_lost: int


@describes(response=Health, codes=("unavailable", "storage_full"))
async def health(request: Request, caller: Caller) -> Response:
    """Whether this process can serve: there is space to record what it does, the control database answers, and its clock
    agrees with this one's. Answered within two seconds; with 503, the same members say why not."""
    platform: Platform = request.app.state.platform
    seen = await platform.health.look()
    storage, skipped = platform.space.state(), platform.stores.skipped
    why = _why_unready(storage, seen)
    degraded = storage == "low" or skipped > 0
    found = Health(
        "unready" if why else "degraded" if degraded else "ready",
        seen.database,
        seen.clock,
        storage,
        skipped,
        lines_lost(),
    )
    if why:
        code = "storage_full" if storage == "full" else "unavailable"
        raise Problem(code, why, **_members(found), retry_after=1)
    return answer(found)


def _why_unready(storage: State, seen: Seen) -> str | None:
    if storage == "full":
        return "there is no room left to record what is done"
    if seen.database != "answers":
        return "the control database does not answer"
    if seen.clock == "off":
        return "this machine's clock is more than 5 s off the control database's"
    return None


def _members(found: Health) -> dict[str, object]:
    """A problem document's own `status` is the number."""
    return {name: value for name, value in msgspec.structs.asdict(found).items() if name != "status"}


async def metrics(request: Request, caller: Caller) -> Response:
    """Prometheus's text format: requests of all `serve` processes together, which stores answer, how far the log is
    (left out while the control database does not answer)."""
    platform: Platform = request.app.state.platform
    log = CollectorRegistry()
    Gauge("moyai_free_bytes", "Free space where it is scarcest", registry=log).set(platform.space.least())
    answers = Gauge("moyai_database_answers", "Whether the control database answers", registry=log)
    try:
        with within(_LOG_SECONDS):
            async with platform.control.connection() as conn:
                status = await log_status(conn)
    except Exception as error:
        if not is_unavailable(error):
            raise
        answers.set(0)
    else:
        answers.set(1)
        Gauge("moyai_log_entries", "Entries with a place in the log", registry=log).set(status.size)
        Gauge(
            "moyai_log_waiting_seconds", "Age of the oldest entry without a place in the log", registry=log
        ).set(status.waiting_seconds)
    return Response(generate_latest(counted()) + generate_latest(log), media_type=CONTENT_TYPE_LATEST)
