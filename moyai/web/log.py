"""`/log/v1`: the record as everybody may check it. Public, and nothing in it names a person.

Checkpoint, tiles and entry bundles have the form of C2SP tlog-tiles; proofs are JSON.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.identity.model import Anonymous
from moyai.ledger import public
from moyai.ledger.verifiers import Witness
from moyai.registry import all_witnesses
from moyai.web.operation import answer, describes, read_query
from moyai.web.platform import Platform

_FOR_EVER = "public, max-age=31536000, immutable"


class InclusionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`entry`: the id of an entry, as the history or an exchange's answer names it."""

    entry: UUID


_Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class ConsistencyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two tree sizes, the smaller first."""

    from_: _Size = msgspec.field(name="from")
    to: _Size


class CheckpointsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`after`: the `next` of the page before, or a tree size."""

    after: Annotated[int, msgspec.Meta(ge=-1, le=2**53)] = -1


def _platform(request: Request) -> Platform:
    return request.app.state.platform


async def witnesses_of(conn: Connection) -> list[Witness]:
    """The registered witnesses, as the ledger knows them."""
    return [Witness(one.witness_id, one.verifier_key, one.url) for one in await all_witnesses(conn)]


@describes(codes=("does_not_exist",))
async def checkpoint(request: Request, _: Anonymous) -> Response:
    """The newest checkpoint, a signed note (text/plain), with the cosignatures that came so far, often none yet."""
    async with _platform(request).control.connection() as conn:
        note = await public.checkpoint(conn)
    return Response(note, media_type="text/plain", headers={"Cache-Control": "no-store"})


@describes(codes=("does_not_exist",))
async def cosigned_checkpoint(request: Request, _: Anonymous) -> Response:
    """The newest checkpoint that more than half of the registered witnesses have cosigned (text/plain)."""
    async with _platform(request).control.connection() as conn:
        note = await public.cosigned_checkpoint(conn, await witnesses_of(conn))
    return Response(note, media_type="text/plain", headers={"Cache-Control": "no-store"})


@describes(response=public.Checkpoints, query=CheckpointsQuery, example={"query": {"after": 0}})
async def checkpoints(request: Request, _: Anonymous) -> Response:
    """The chain of checkpoints, smallest first."""
    query = read_query(request, CheckpointsQuery)
    async with _platform(request).control.connection() as conn:
        return answer(await public.checkpoints(conn, query.after))


@describes(codes=("does_not_exist",), example={"path": {"path": "0/000.p/1"}})
async def tile(request: Request, _: Anonymous) -> Response:
    """A tile of hashes (`tile/<L>/<N>[.p/<W>]`) or a bundle of leaves (`tile/entries/<N>[.p/<W>]`)."""
    async with _platform(request).control.connection() as conn:
        data = await public.tile(conn, f"tile/{request.path_params['path']}")
    return Response(data, media_type="application/octet-stream", headers={"Cache-Control": _FOR_EVER})


@describes(
    response=public.InclusionProof,
    query=InclusionQuery,
    codes=("does_not_exist", "entry_not_integrated", "log_damaged", "invalid_request"),
    example={"query": {"entry": "01936a7e-0000-7000-8000-000000000000"}},
)
async def inclusion(request: Request, _: Anonymous) -> Response:
    """That an entry is in the tree of the newest cosigned checkpoint, or of the newest until that has it (RFC 9162)."""
    query = read_query(request, InclusionQuery)
    async with _platform(request).control.connection() as conn:
        return answer(await public.inclusion(conn, query.entry, await witnesses_of(conn)))


@describes(
    response=public.ConsistencyProof,
    query=ConsistencyQuery,
    codes=("invalid_request", "log_damaged"),
    example={"query": {"from": 1, "to": 1}},
)
async def consistency(request: Request, _: Anonymous) -> Response:
    """That the smaller tree is the beginning of the larger one (RFC 9162)."""
    query = read_query(request, ConsistencyQuery)
    async with _platform(request).control.connection() as conn:
        return answer(await public.consistency(conn, query.from_, query.to))


@describes(response=public.Keys, codes=("does_not_exist",))
async def keys(request: Request, _: Anonymous) -> Response:
    """The log's name and keys, and those of its witnesses."""
    async with _platform(request).control.connection() as conn:
        return answer(await public.keys(conn, await witnesses_of(conn)))
