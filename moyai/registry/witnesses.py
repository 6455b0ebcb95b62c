"""Who co-signs the log's checkpoints: registered with a key that can, ended by an act of its own."""

from __future__ import annotations

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import WitnessEnded
from moyai.ledger.note import WITNESS_KEY, NoteError, Verifier, parse_vkey
from moyai.registry import lookups
from moyai.registry import store_organizations as store
from moyai.registry.declarations import WitnessDeclaration
from moyai.registry.model import Change
from moyai.registry.recording import builtins, require_clean, settle
from moyai.registry.store import lock_for_writing


async def register_witness(conn: Connection, declared: WitnessDeclaration, actor: str) -> Change:
    """Register a witness, or change its key or address.

    Raises Problem: does_not_exist (the organisation), witness_key_invalid (malformed, of another type, or another
    witness's), witness_ended.
    """
    require_clean(declared)
    await lock_for_writing(conn)
    organization = await lookups.organization(conn, declared.organization)
    known = {one.witness_id: one for one in await store.every_witness(conn)}
    stored = known.get(declared.witness_id)
    if stored is not None and stored.ended:
        raise Problem("witness_ended", f"the witness {declared.witness_id} was ended")
    key = _key(declared.verifier_key)
    for other in known.values():
        if other.witness_id != declared.witness_id and _public(other.verifier_key) == key.public:
            raise Problem("witness_key_invalid", f"this is the key of the witness {other.witness_id}")
    before = {"witness_id", "verifier_key", "url"}
    return await settle(
        conn,
        "witness",
        declared.witness_id,
        Kind.WITNESS_REGISTERED,
        actor,
        builtins(declared),
        {name: getattr(stored, name) for name in before} | {"organization": stored.organization_id}
        if stored
        else None,
        lambda: store.put_witness(conn, declared, organization.organization_key),
    )


async def end_witness(conn: Connection, witness_id: str, reason: str, actor: str) -> Change:
    """Ask a witness no more, nor count it. It does not come back under this id; what it signed stays signed.

    Raises Problem: does_not_exist, invalid_request (no reason).
    """
    if not reason.strip() or "\x00" in reason:
        raise Problem("invalid_request", "the end of a witness needs a reason")
    await lock_for_writing(conn)
    known = {one.witness_id: one for one in await store.every_witness(conn)}
    stored = known.get(witness_id)
    if stored is None:
        raise Problem("does_not_exist", f"no witness {witness_id}")
    if stored.ended:
        return Change("witness", witness_id, "unchanged")
    await store.end_witness(conn, witness_id, reason)
    content = WitnessEnded(
        witness_id=witness_id,
        organization_id=stored.organization_id,
        verifier_key=stored.verifier_key,
        reason=reason,
    )
    await record(conn, Act(kind=Kind.WITNESS_ENDED, actor=actor, detail=content))
    return Change("witness", witness_id, "changed", ("state",))


def _key(verifier_key: str) -> Verifier:
    try:
        key = parse_vkey(verifier_key, WITNESS_KEY)
    except NoteError as error:
        raise Problem("witness_key_invalid", str(error)) from error
    if key.vkey() != verifier_key:
        raise Problem("witness_key_invalid", "there is something before or after the key")
    return key


def _public(verifier_key: str) -> bytes | None:
    """The key in a registration; None for one from before keys were checked."""
    try:
        return parse_vkey(verifier_key).public
    except NoteError:
        return None
