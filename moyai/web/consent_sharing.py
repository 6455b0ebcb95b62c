"""`/consent/v1`: sharing with a related person (R-004): offer, accept, look, end."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import sharing, store_gate
from moyai.consent.catalogue import ServiceFacts, all_facts
from moyai.consent.model import Sharing
from moyai.identity import residents
from moyai.identity.model import ForResident, ResidentCaller
from moyai.personal.model import Result
from moyai.registry.model import Id
from moyai.web import shared_items
from moyai.web.consent import uuid_of
from moyai.web.examples import SHARING
from moyai.web.operation import answer, describes, read_json, read_query
from moyai.web.page_query import PageQuery
from moyai.web.platform import Platform

_Words = Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class NewSharing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which links of which service, for whom, how long.

    `relation` and `viewer_name` are the resident's own words for the other person (娘, 花子); `shown_as` is how the
    other person finds this sharing among others (母).
    """

    service_id: Id
    links: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]
    relation: _Words
    viewer_name: _Words
    days: Annotated[int, msgspec.Meta(ge=1, le=sharing.LONGEST_DAYS)] = 30
    shown_as: Annotated[str, msgspec.Meta(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] = ""


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code as it was told: capitals, hyphen and width do not matter."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class SharedLink(msgspec.Struct, frozen=True):
    link_id: str
    dataset_id: str
    dataset_ja: str
    dataset_en: str
    opened: bool | None = None
    """For the sharer: whether the sharing still opens it. No more, once its text became another one: it is then shared anew, or
    not at all. A viewer is not told."""


class SharingAnswer(msgspec.Struct, frozen=True):
    """A sharing from one side. The viewer is not told the sharer's words for them, nor the other way round.

    `service_id` is empty, and so are `links`, for who views what a protected resident shares.
    """

    sharing_id: UUID
    role: Literal["sharer", "viewer"]
    state: Literal["offered", "lapsed", "in_force", "expired", "ended"]
    service_id: str
    service_ja: str
    service_en: str
    links: list[SharedLink]
    name: str
    relation: str
    created_at: str
    accepted_at: str | None
    expires_at: str


class Offered(msgspec.Struct, frozen=True):
    """The code is shown here and nowhere else."""

    sharing: SharingAnswer
    code: str
    code_expires_at: str


class Sharings(msgspec.Struct, frozen=True):
    sharings: list[SharingAnswer]


class SharedItems(msgspec.Struct, frozen=True, omit_defaults=True):
    """In the form of an exchange's answer: per source its items, or the code why there are none. Where the one who
    shares is protected, a result has no `source`, its `dataset` is empty, and what is closed has one code whatever closed it."""

    sharing_id: UUID
    results: list[Result]
    next: str | None = None


def _platform(request: Request) -> Platform:
    return request.app.state.platform


async def _what_is_shown(
    conn: Connection, shared: Sharing, facts: ServiceFacts, *, mine: bool
) -> tuple[tuple[str, str, str], list[SharedLink]]:
    """Id and names of the service, and what is shared of it. A viewer of a protected resident is told neither: service,
    link and dataset may be a town's own, and the public catalogue says which town's."""
    sharer = None if mine else await residents.find(conn, shared.resident_key)
    if not mine and (sharer is None or sharer.protected):
        return ("", *shared_items.HIDDEN), []
    asked = shared.resident_key, shared.link_keys, shared.version_keys
    still = await store_gate.still_shared(conn, *asked) if mine else ()
    links = [
        SharedLink(
            link.link_id,
            link.dataset_id,
            link.dataset_name_ja,
            link.dataset_name_en,
            link.link_key in still if mine else None,
        )
        for link in facts.links
        if link.link_key in shared.versions
    ]
    return (facts.service.service_id, facts.service.name_ja, facts.service.name_en), links


async def described(
    conn: Connection, caller: ResidentCaller | ForResident, sharings: list[Sharing]
) -> list[SharingAnswer]:
    """Sharings with the names people know, each from the caller's side."""
    services = {facts.service.service_key: facts for facts in await all_facts(conn)}
    made: list[SharingAnswer] = []
    for shared in sharings:
        facts = services[shared.service_key]
        mine = shared.resident_key == caller.resident_key
        service, links = await _what_is_shown(conn, shared, facts, mine=mine)
        made.append(
            SharingAnswer(
                sharing_id=shared.sharing_id,
                role="sharer" if mine else "viewer",
                state=shared.state,
                service_id=service[0],
                service_ja=service[1],
                service_en=service[2],
                links=links,
                name=shared.viewer_name if mine else shared.shown_as,
                relation=shared.relation if mine else "",
                created_at=rfc3339(shared.created_at),
                accepted_at=rfc3339(shared.accepted_at) if shared.accepted_at else None,
                expires_at=rfc3339(shared.expires_at),
            )
        )
    return made


@describes(response=Sharings)
async def list_sharings(request: Request, caller: ResidentCaller) -> Response:
    """What the resident shares, and what is shared with them."""
    async with _platform(request).control.connection() as conn:
        return answer(Sharings(await described(conn, caller, await sharing.sharings(conn, caller))))


@describes(
    request=NewSharing,
    response=Offered,
    codes=(
        "does_not_exist",
        "service_not_offered",
        "outside_user_scope",
        "assurance_insufficient",
        "link_not_shared",
        "insufficient_user_authentication",
        "invalid_request",
    ),
    status=201,
    example={"body": SHARING},
)
async def share(request: Request, caller: ResidentCaller) -> Response:
    """Offer chosen data to somebody. Tell them the code: it is good once, for a day."""
    body = await read_json(request, NewSharing)
    async with _platform(request).control.transaction() as conn:
        offer = await sharing.share(
            conn,
            caller,
            body.service_id,
            body.links,
            relation=body.relation,
            viewer_name=body.viewer_name,
            shown_as=body.shown_as,
            days=body.days,
        )
        shown = (await described(conn, caller, [offer.sharing]))[0]
    until = offer.sharing.code_expires_at or offer.sharing.expires_at
    return answer(Offered(shown, offer.code, rfc3339(until)), 201)


@describes(
    request=Code,
    response=SharingAnswer,
    codes=("sharing_code_wrong", "sharing_with_oneself", "too_many_requests"),
    status=201,
    example={"body": {"code": "7Q2M-9XKD"}},
)
async def accept(request: Request, caller: ResidentCaller) -> Response:
    """Take a code. From now on the caller may look, and either side can end it."""
    body = await read_json(request, Code)
    async with _platform(request).control.transaction() as conn:
        taken = await sharing.accept(conn, caller, body.code)
        shown = (await described(conn, caller, [taken]))[0] if taken else None
    if shown is None:
        # raised only now, so that the failed try stays on record
        raise Problem("sharing_code_wrong")
    return answer(shown, 201)


@describes(codes=("does_not_exist",), status=204)
async def end(request: Request, caller: ResidentCaller) -> Response:
    """End a sharing, from either side; the next look is refused."""
    platform = _platform(request)
    async with platform.control.transaction() as conn:
        await sharing.end(conn, caller, uuid_of(request, "sharing"))
    return Response(status_code=204)


@describes(
    response=SharedItems,
    query=PageQuery,
    codes=("grant_not_in_force", "assurance_insufficient", "does_not_exist"),
)
async def items(request: Request, caller: ResidentCaller) -> Response:
    """Look at what is shared: the chosen data and no other, while the sharing lives. Each look, and so each page, is on
    record; `next` is the `cursor` of the next page."""
    sharing_id, page = uuid_of(request, "sharing"), read_query(request, PageQuery).page()
    pages = await shared_items.view(_platform(request), caller, sharing_id, page)
    return answer(SharedItems(sharing_id, shared_items.as_told(pages.results), pages.next))
