"""`/identity/v1/transfers`: residents who move in from another desk, for programs of both desks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.identity import desk, transfer_lists, transfers
from moyai.identity.listing import MOST
from moyai.identity.model import ClientCaller, Evidence, Person
from moyai.identity.transfer_lists import Listed
from moyai.identity.transfers import Transfer
from moyai.personal.model import Cursor
from moyai.web import examples
from moyai.web.identity_api import desk_of
from moyai.web.oauth import platform_of
from moyai.web.operation import answer, describes, read_json, read_query
from moyai.web.portal import uuid_in_path

_EXAMPLE = "6a3f2c1e-9b7d-4e21-8f54-2d9c0b7a1e63"


class TransferRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody of another desk who moved here, with a document at least of the level that they hold.

    `resident_id` is what the person showed, where several people have the name. `certificate` is the number of the
    転出証明書; a second clerk checks it at the desk's pages.
    """

    person: Person
    evidence: Evidence
    certificate: Annotated[str, msgspec.Meta(max_length=40, pattern=r"^[^\x00-\x1f]*$(?!\n)")] = ""
    resident_id: Annotated[str, msgspec.Meta(max_length=19)] = ""


class TransferView(msgspec.Struct, frozen=True):
    """How far it is. `pending` changes nothing yet; `resident_id` is told to the desk that looks after them."""

    transfer_id: str
    state: str
    asked_at: datetime
    expires_at: datetime
    certificate: bool
    confirmed_by: str | None = None
    resident_id: str | None = None


class Transfers(msgspec.Struct, frozen=True, omit_defaults=True):
    """`coming` were asked for by this desk, `leaving` are asked for by others of this desk's residents; each a page, what lapses
    soonest first. `next_coming` and `next_leaving` are the cursors of their next pages, and missing on the last."""

    coming: list[TransferView]
    leaving: list[TransferView]
    next_coming: str | None = None
    next_leaving: str | None = None


class TransfersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = MOST
    coming: Cursor | None = None
    leaving: Cursor | None = None


class Ended(msgspec.Struct, frozen=True):
    """The transfer is over."""

    transfer_id: str
    state: str


def _asked(one: Transfer) -> TransferView:
    return TransferView(str(one.transfer_id), one.state, one.asked_at, one.expires_at, one.certificate)


def _listed(one: Listed) -> TransferView:
    return TransferView(
        str(one.transfer_id),
        one.state,
        one.asked_at,
        one.expires_at,
        one.certificate,
        one.confirmed_by,
        one.resident_id,
    )


@describes(
    request=TransferRequest,
    response=TransferView,
    status=202,
    codes=(
        "does_not_exist",
        "other_municipality",
        "proofing_insufficient",
        "evidence_below_level",
        "several_candidates",
        "transfer_pending",
        "too_many_requests",
        "invalid_request",
        "forbidden",
    ),
    example={"body": examples.ENROLMENT},
)
async def ask(request: Request, caller: ClientCaller) -> Response:
    asked = await read_json(request, TransferRequest)
    control = platform_of(request).control
    async with control.connection() as conn:
        at = await desk_of(conn, caller)
    made = await transfers.ask(
        control, at, asked.person, asked.evidence, asked.certificate, asked.resident_id
    )
    return answer(_asked(made), 202)


@describes(
    response=Transfers,
    query=TransfersQuery,
    codes=("forbidden", "invalid_request"),
    example={"query": {"limit": 50}},
)
async def list_transfers(request: Request, caller: ClientCaller) -> Response:
    query = read_query(request, TransfersQuery)
    async with platform_of(request).control.connection() as conn:
        at = await desk_of(conn, caller)
        coming = await transfer_lists.coming(conn, at, query.limit, query.coming)
        leaving = await transfer_lists.leaving(conn, at, query.limit, query.leaving)
    return answer(
        Transfers(
            [_listed(one) for one in coming.transfers],
            [_listed(one) for one in leaving.transfers],
            coming.next,
            leaving.next,
        )
    )


@describes(
    response=Ended,
    codes=("does_not_exist", "forbidden", "desk_new"),
    example={"path": {"transfer": _EXAMPLE}},
)
async def confirm(request: Request, caller: ClientCaller) -> Response:
    """As the desk that looks after the resident now."""
    transfer_id = uuid_in_path(request, "transfer")
    async with desk.transaction(platform_of(request).control) as conn:
        await transfers.confirm_at_losing_desk(conn, await desk_of(conn, caller), transfer_id)
    return answer(Ended(str(transfer_id), "completed"))


@describes(response=Ended, codes=("does_not_exist", "forbidden"), example={"path": {"transfer": _EXAMPLE}})
async def decline(request: Request, caller: ClientCaller) -> Response:
    """As either desk."""
    transfer_id = uuid_in_path(request, "transfer")
    async with desk.transaction(platform_of(request).control) as conn:
        await transfers.decline(conn, await desk_of(conn, caller), transfer_id)
    return answer(Ended(str(transfer_id), "declined"))
