"""`/registry/v1/pending`: acts that wait for a second person. Staff confirm in the console; here an organisation says yes
to what concerns its own keys, and whoever may see an act can revoke it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai import registry
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.identity.model import ClientCaller
from moyai.personal.model import Cursor
from moyai.registry import acting, waiting
from moyai.registry.pending import Pending
from moyai.registry.waiting import Counts
from moyai.web.operation import AnyOf, Client, answer, describes, read_query
from moyai.web.registry import SHARED_CODES, actor, platform_of, require_operator

ORGANIZATION = AnyOf(
    Client("registry:write"),
    Client("personal:exchange"),
    Client("personal:store"),
    Client("identity:enrol"),
)
"""Programs of the operating organisation (`registry:write`) see everything; those of another one, what concerns its own clients."""


class PendingList(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page. What waits: what takes effect soonest first, then what no time brings about, oldest first. What ended: newest
    first. `counts` are of all that waits; `next` is the `cursor` of the next page, and missing on the last."""

    pending: list[Pending]
    counts: Counts
    next: str | None = None


class PendingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: Literal["waiting", "ended"] = "waiting"
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Cursor | None = None


async def _only(conn: Connection, caller: ClientCaller) -> str | None:
    """None for the operating organisation, else the caller's own. Raises Problem as `require_operator`, and
    forbidden for a program of the operating organisation that does not write to the registry: its services', say."""
    if (await registry.organization(conn, caller.organization_id)).kind != "operating_organization":
        return caller.organization_id
    if "registry:write" not in caller.scopes:
        raise Problem("forbidden", "registry:write")
    await require_operator(conn, caller)
    return None


@describes(
    response=PendingList,
    query=PendingQuery,
    codes=("forbidden", "invalid_request"),
    example={"query": {"state": "waiting"}},
)
async def list_pending(request: Request, caller: ClientCaller) -> Response:
    """Acts that wait for a second person, with the exact change and when each takes effect; or those that ended."""
    query = read_query(request, PendingQuery)
    async with platform_of(request).control.transaction() as conn:
        only = await _only(conn, caller)
        read = waiting.waiting if query.state == "waiting" else waiting.ended
        page = await read(conn, query.limit, query.cursor, organization_id=only)
        counted = await waiting.counts(conn, organization_id=only)
    return answer(PendingList(page.pending, counted, page.next))


@describes(
    response=Pending,
    codes=(
        *SHARED_CODES,
        "does_not_exist",
        "pending_ended",
        "second_person_required",
        "organization_suspended",
    ),
)
async def confirm(request: Request, caller: ClientCaller) -> Response:
    """The organisation whose keys are to be replaced says yes, with a client that it holds itself (kind `desk` or `operator`);
    the act takes effect. The client's keys and scopes are older than the act by 24 hours, and it is not who asked.

    `state` is `void` where what it refers to has changed since it was asked for.
    """
    async with platform_of(request).control.transaction() as conn:
        await _only(conn, caller)
        done = await acting.give_word(
            conn, request.path_params["pending"], caller.organization_id, actor(caller)
        )
    return answer(done)


@describes(response=Pending, codes=(*SHARED_CODES, "does_not_exist", "pending_ended"))
async def revoke(request: Request, caller: ClientCaller) -> Response:
    """Nothing of the act takes effect."""
    async with platform_of(request).control.transaction() as conn:
        only = await _only(conn, caller)
        ended = await acting.revoke(conn, request.path_params["pending"], actor(caller), organization_id=only)
    return answer(ended)
