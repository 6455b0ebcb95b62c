"""`/registry/v1/…/suspension`, and the end of a link: stops, each made and ended by its own act with a reason.

A stop is made by one, at once. Its end takes two persons: 202, and it waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai import registry
from moyai.base.db import Connection
from moyai.base.journal import Journal
from moyai.identity.model import ClientCaller
from moyai.registry import two_persons
from moyai.registry.model import Change
from moyai.registry.pending import Asker
from moyai.web import examples
from moyai.web.operation import answer, describes, read_json, read_query
from moyai.web.registry import SHARED_CODES, actor, asker, carry_out, given, platform_of

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class SuspensionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why. The reason goes on record; it names no resident."""

    reason: Reason


class ReasonQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why. The reason goes on record; it names no resident."""

    reason: Reason


Begin = Callable[[Connection, str, str, str, Journal], Awaitable[Change]]
End = Callable[[Connection, str, str, Asker], Awaitable[Change]]
Handler = Callable[[Request, ClientCaller], Awaitable[Response]]


def _beginning(act: Begin, codes: tuple[str, ...], example: dict[str, Any]) -> Handler:
    @describes(
        request=SuspensionBody,
        response=Change,
        codes=(*SHARED_CODES, "does_not_exist", *codes),
        example=example,
    )
    async def begin(request: Request, caller: ClientCaller) -> Response:
        reason, one = (await read_json(request, SuspensionBody)).reason, request.path_params["id"]
        journal = Journal.of(platform_of(request).home)
        return given(
            await carry_out(request, caller, lambda conn: act(conn, one, reason, actor(caller), journal))
        )

    return begin


def _ending(act: End, example: dict[str, Any]) -> Handler:
    @describes(
        query=ReasonQuery,
        response=Change,
        codes=(*SHARED_CODES, "does_not_exist", "too_many_pending"),
        example=example,
    )
    async def end(request: Request, caller: ClientCaller) -> Response:
        reason, one = read_query(request, ReasonQuery).reason, request.path_params["id"]
        return given(await carry_out(request, caller, lambda conn: act(conn, one, reason, asker(caller))))

    return end


suspend_organization = _beginning(
    registry.suspend_organization, ("organization_not_certified",), examples.SUSPENSION
)
reinstate_organization = _ending(
    two_persons.reinstate_organization, examples.reason("nemuri-lab", "改善を確認")
)
suspend_service = _beginning(
    registry.suspend_service, ("service_not_certified",), examples.SERVICE_SUSPENSION
)
reinstate_service = _ending(two_persons.reinstate_service, examples.reason("nemuri", "点検の終了"))
disable_client = _beginning(registry.disable_client, (), examples.CLIENT_SUSPENSION)
enable_client = _ending(two_persons.enable_client, examples.reason("nemuri", "鍵の更新を確認"))


@describes(
    query=ReasonQuery,
    response=Change,
    codes=(*SHARED_CODES, "does_not_exist"),
    example=examples.reason("nemuri-sleep", "サービスの見直し"),
)
async def end_link(request: Request, caller: ClientCaller) -> Response:
    reason, one = read_query(request, ReasonQuery).reason, request.path_params["id"]
    journal = Journal.of(platform_of(request).home)
    change = await carry_out(
        request, caller, lambda conn: registry.end_link(conn, one, reason, actor(caller), journal)
    )
    return answer(change)  # the stop that began is new, but nothing was made at this address: 200


end_witness = _ending(two_persons.end_witness, examples.reason("marugame", "証人の鍵を失った"))
