"""`/registry/v1/successions`: 合併, 承継, 改称. Asked for by the operating organisation, public once it takes effect."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.identity.model import Caller, ClientCaller
from moyai.registry import successions
from moyai.registry.declarations import SuccessionDeclaration
from moyai.registry.model import Change, Succession
from moyai.web import examples
from moyai.web.operation import answer, describes, read_json
from moyai.web.registry import SHARED_CODES, asker, carry_out, given, platform_of


class Successions(msgspec.Struct, frozen=True):
    """The newest first."""

    successions: list[Succession]


@describes(
    request=SuccessionDeclaration,
    response=Change,
    codes=(*SHARED_CODES, "does_not_exist", "too_many_pending"),
    status=202,
    example=examples.SUCCESSION,
)
async def ask(request: Request, caller: ClientCaller) -> Response:
    """Ask for a succession or renaming. It takes two persons: `pending` names what waits for them.

    When it takes effect, consents, pairwise ids, stores and receipts go on; residents read the old names, the new ones
    and the notice, and can stop.
    """
    body = await read_json(request, SuccessionDeclaration)
    return given(
        await carry_out(request, caller, lambda conn: successions.succeed(conn, body, asker(caller)))
    )


@describes(response=Successions)
async def show(request: Request, _: Caller) -> Response:
    """Successions and renamings that have taken effect, with their documents."""
    async with platform_of(request).control.connection() as conn:
        return answer(Successions(await successions.successions(conn)))
