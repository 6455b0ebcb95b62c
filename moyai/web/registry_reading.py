"""`/registry/v1`, public: the catalogue, and terms with the hash of what is rendered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai import registry
from moyai.identity.model import Caller
from moyai.registry.catalogue import Catalogue
from moyai.web.operation import answer, describes, read_query
from moyai.web.registry import platform_of


@describes(response=Catalogue)
async def catalogue(request: Request, _: Caller) -> Response:
    platform = platform_of(request)
    async with platform.control.transaction() as conn:
        return answer(await registry.catalogue(conn, platform.config.brokers.personal))


class TermsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Leave `version` out for the terms in force."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


class PublishedTerms(msgspec.Struct, frozen=True):
    """`sha256` (hex) is of `content` as JSON with sorted members and no spaces, in UTF-8.

    `accept_by`: until the end of this day (Asia/Tokyo) those who accepted an earlier version go on without this one.
    """

    owner: str
    version: int
    sha256: str
    published_at: datetime
    content: dict[str, Any]
    accept_by: date | None = None


@describes(
    response=PublishedTerms,
    query=TermsQuery,
    codes=("does_not_exist", "terms_not_published", "invalid_request"),
    example={"path": {"owner": "platform"}},
)
async def terms(request: Request, _: Caller) -> Response:
    query, owner = read_query(request, TermsQuery), request.path_params["owner"]
    async with platform_of(request).control.connection() as conn:
        service_key = None if owner == "platform" else (await registry.service(conn, owner)).service_key
        found = await registry.terms_version(conn, service_key, query.version)
    return answer(
        PublishedTerms(owner, found.version, found.sha256, found.published_at, found.content, found.accept_by)
    )
