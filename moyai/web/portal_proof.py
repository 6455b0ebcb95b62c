"""`/portal/history/ENTRY`: one entry of the record, and the arithmetic that proves it, step by step.

The same arithmetic runs in the reader's own browser (`static/proof.js`); this page is for reading, and for
browsers without scripts.
"""

from __future__ import annotations

import base64
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import history
from moyai.identity.model import ResidentCaller
from moyai.ledger import Event, opening, public
from moyai.ledger.merkle import leaf_hash, verify_inclusion
from moyai.ledger.model import COMMITMENT_PREFIX
from moyai.ledger.note import parse_checkpoint, parse_note
from moyai.web import portal_build as build
from moyai.web.pages import language_of, render
from moyai.web.portal import platform_of, uuid_in_path
from moyai.web.portal_views import ProofStep


async def proof(request: Request, caller: ResidentCaller) -> Response:
    """One entry, and the arithmetic that proves it, step by step."""
    entry_id, language = uuid_in_path(request, "entry"), language_of(request)
    async with platform_of(request).control.connection() as conn:
        event = await opening(conn, entry_id)
        if not isinstance(event, Event) or event.resident_key != caller.resident_key:
            raise Problem("does_not_exist", f"entry {entry_id}")
        row = await history.row(conn, event)
        inclusion = await _inclusion(conn, entry_id)
    steps = _steps(event, inclusion) if inclusion else None
    return render(
        request,
        "portal/proof.html",
        caller,
        move=build.movement(row, language),
        steps=steps,
        verified=inclusion is not None and event.opens() and _included(event, inclusion),
    )


async def _inclusion(conn: Connection, entry_id: UUID) -> public.InclusionProof | None:
    try:
        return await public.inclusion(conn, entry_id)
    except Problem as problem:
        if problem.code != "entry_not_integrated":
            raise
        return None


def _path(inclusion: public.InclusionProof) -> list[bytes]:
    return [base64.b64decode(hash_) for hash_ in inclusion.proof]


def _root(inclusion: public.InclusionProof) -> bytes:
    return parse_checkpoint(parse_note(inclusion.checkpoint).text).root


def _included(event: Event, inclusion: public.InclusionProof) -> bool:
    return verify_inclusion(
        leaf_hash(event.leaf), inclusion.index, inclusion.size, _path(inclusion), _root(inclusion)
    )


def _steps(event: Event, inclusion: public.InclusionProof) -> list[ProofStep]:
    """The four steps a reader can follow with any SHA-256 program."""
    prefix = COMMITMENT_PREFIX.decode().strip()
    return [
        ProofStep(
            "1. この記録の文章",
            "1. The text of this record",
            "あなたと運営組織だけが読める文章と、まぜた乱数です。",
            "The text, which only you and the platform can read, and the random salt mixed into it.",
            (event.body, event.salt.hex()),
        ),
        ProofStep(
            "2. 文章を要約した値",
            "2. What the text is condensed to",
            f"「{prefix}」と改行、乱数、文章を続けて要約すると、この値になります。公開されるのは、この値だけです。",
            f"SHA-256 over “{prefix}”, a newline, the salt and the text. Only this value is public.",
            (event.leaf[26:].hex(), event.leaf.hex()),
        ),
        ProofStep(
            "3. まわりの記録との組み合わせ",
            "3. Joined with its neighbours",
            f"{inclusion.index + 1:,}番目の記録として、次の値と順に組み合わせます。",
            f"As entry number {inclusion.index:,} (counted from 0), joined with these values in order.",
            (leaf_hash(event.leaf).hex(), *(hash_.hex() for hash_ in _path(inclusion))),
        ),
        ProofStep(
            "4. 署名された全体の値",
            "4. The signed value of the whole",
            f"{inclusion.size:,}件の記録全体をあらわす値です。基盤が署名し、市と町が見届けています。",
            f"The value of all {inclusion.size:,} entries, signed by the platform and witnessed by the towns.",
            (_root(inclusion).hex(), inclusion.checkpoint),
        ),
    ]
