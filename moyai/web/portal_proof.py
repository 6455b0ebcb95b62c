"""`/portal/history/ENTRY`: one entry of the record, and the arithmetic that proves it, step by step.

The same arithmetic runs in the reader's own browser (`static/proof.js`); this page is for reading, and for
browsers without scripts.
"""

from __future__ import annotations

import base64
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.consent import history
from moyai.identity.model import ResidentCaller
from moyai.ledger import Event, opening, public
from moyai.ledger.merkle import leaf_hash, verify_inclusion
from moyai.ledger.model import COMMITMENT_PREFIX
from moyai.ledger.note import WITNESS_KEY, Note, NoteError, holds, parse_checkpoint, parse_note, parse_vkey
from moyai.ledger.verifiers import log_keys, quorum
from moyai.registry import all_witnesses
from moyai.web import portal_build as build
from moyai.web.log import witnesses_of
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
        event = await history.shown(conn, event)
        row = await history.row(conn, caller.resident_key, event)
        inclusion = await _inclusion(conn, entry_id) if event.body else None
        signed = await _signatures(conn, inclusion) if inclusion else None
    steps = _steps(event, inclusion, signed) if inclusion and signed else None
    return render(
        request,
        "portal/proof.html",
        caller,
        move=build.movement(row, language),
        steps=steps,
        verified=inclusion is not None
        and signed is not None
        and signed.by_log
        and event.opens()
        and _included(event, inclusion),
        signed=signed,
    )


class Signatures(msgspec.Struct, frozen=True):
    """Whose signatures under a checkpoint hold, by the keys that this platform has registered.

    `witnesses` are the names of their organisations; `witnessed` if they are more than half of all registered.
    """

    by_log: bool
    witnesses: tuple[str, ...]
    registered: int
    witnessed: bool


async def _signatures(conn: Connection, inclusion: public.InclusionProof) -> Signatures:
    signed = parse_note(inclusion.checkpoint)
    origin = parse_checkpoint(signed.text).origin
    by_log = any(
        holds(key, signed.text, one) for key in await log_keys(conn, origin) for one in signed.signatures
    )
    known = await all_witnesses(conn)
    names = [one.organization_name_ja for one in known if _signed_by(one.verifier_key, signed)]
    return Signatures(by_log, tuple(names), len(known), len(known) > 0 and len(names) >= quorum(len(known)))


def _signed_by(verifier_key: str, signed: Note) -> bool:
    try:
        key = parse_vkey(verifier_key, WITNESS_KEY)
    except NoteError:
        return False
    return any(holds(key, signed.text, one) for one in signed.signatures)


async def _inclusion(conn: Connection, entry_id: UUID) -> public.InclusionProof | None:
    try:
        return await public.inclusion(conn, entry_id, await witnesses_of(conn))
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


def _signed_words(signed: Signatures) -> tuple[str, str]:
    """What this server checked of the signatures, and no more."""
    if not signed.by_log:
        return "基盤の署名が合いません。", "The platform's signature does not hold."
    by = "、".join(signed.witnesses)
    if signed.witnessed:
        return (
            f"基盤の署名と、証人（{by}）の署名が合うことを、このサーバーで確かめました。",
            f"Checked by this server: the platform's signature, and those of the witnesses ({by}).",
        )
    if signed.registered:
        count = f"{len(signed.witnesses)} / {signed.registered}"
        return (
            f"基盤の署名が合うことを、このサーバーで確かめました。証人の署名は、まだそろっていません（{count}）。",
            f"Checked by this server: the platform's signature. Not enough witnesses have signed yet ({count}).",
        )
    return (
        "基盤の署名が合うことを、このサーバーで確かめました。証人は登録されていません。",
        "Checked by this server: the platform's signature. No witness is registered.",
    )


def _steps(event: Event, inclusion: public.InclusionProof, signed: Signatures) -> list[ProofStep]:
    """The four steps a reader can follow with any SHA-256 program."""
    prefix = COMMITMENT_PREFIX.decode().strip()
    words_ja, words_en = _signed_words(signed)
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
            f"{inclusion.size:,}件の記録全体をあらわす値です。{words_ja}",
            f"The value of all {inclusion.size:,} entries. {words_en}",
            (_root(inclusion).hex(), inclusion.checkpoint),
        ),
    ]
