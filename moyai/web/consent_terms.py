"""`/consent/v1/services/{service}/terms`: terms that changed while a service is in use."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.clock import rfc3339
from moyai.consent import terms
from moyai.consent.model import TermsReference
from moyai.identity.model import ResidentCaller
from moyai.web.consent import Sha256
from moyai.web.operation import answer, describes, read_json
from moyai.web.platform import Platform

_IN_USE = ("does_not_exist", "service_not_offered", "service_not_in_use")
_EXAMPLE = {"service": "kenko-mimamori"}


class BothRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hashes of both texts that were read: `in_force` of the terms' standing, or `GET /registry/v1/terms/…`."""

    service_terms: Sha256
    platform_terms: Sha256


class BothAccepted(msgspec.Struct, frozen=True):
    """The versions that are accepted now, and since when (RFC 3339, UTC)."""

    service_terms: TermsReference
    platform_terms: TermsReference
    accepted_at: str


def _platform(request: Request) -> Platform:
    return request.app.state.platform


@describes(response=terms.TermsStanding, codes=_IN_USE, example={"path": _EXAMPLE})
async def see(request: Request, caller: ResidentCaller) -> Response:
    """Which terms were accepted, which are in force, what these say otherwise, and by when to accept them."""
    async with _platform(request).control.connection() as conn:
        return answer(await terms.standing(conn, caller, request.path_params["service"]))


@describes(
    request=BothRead,
    response=BothAccepted,
    codes=(*_IN_USE, "terms_not_in_force"),
    example={"path": _EXAMPLE, "body": {"service_terms": "9" * 64, "platform_terms": "7" * 64}},
)
async def accept(request: Request, caller: ResidentCaller) -> Response:
    """Accept both terms in force. No consent changes; a service that paused goes on. Sent twice, it is one act."""
    body = await read_json(request, BothRead)
    async with _platform(request).control.transaction() as conn:
        made = await terms.accept(
            conn, caller, request.path_params["service"], body.service_terms, body.platform_terms
        )
    return answer(BothAccepted(made.service_terms, made.platform_terms, rfc3339(made.accepted_at)))
