"""Probes, metrics, and the explanation of every error code."""

from __future__ import annotations

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import LOST
from moyai.base.errors import CODES, Problem
from moyai.identity.model import Caller
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
    """Prometheus's text format, of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def code_texts(code: str) -> dict[str, str]:
    """Raises Problem("not_found") for a code that is not in the list."""
    if code not in CODES:
        raise Problem("not_found")
    known = CODES[code]
    return {"ja": known.ja, "en": known.en, "next_ja": known.next_ja, "next_en": known.next_en}
