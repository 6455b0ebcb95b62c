"""合併, 承継, 改称, another operating organisation: an act of its own, with document, date, second person and notice.

The entry of an organisation or component is a place in the registry; a succession says who is in it from now on. So
consents, pairwise ids, stores and clients go on, and residents read the old names, the new ones, and why. Names that
residents have read change in no other way: a text that names somebody else would be another text.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import msgspec

from moyai.base.clock import tokyo, utc_now
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import Replaced, SuccessionRecorded
from moyai.registry import lookups
from moyai.registry import store_successions as store
from moyai.registry.acting import perform
from moyai.registry.declarations import (
    ComponentDeclaration,
    OrganizationDeclaration,
    SuccessionDeclaration,
)
from moyai.registry.hashing import digest
from moyai.registry.model import Change, Component, Names, Organization, Succession
from moyai.registry.pending import Asker, TwoPersonAct, known
from moyai.registry.recording import builtins, require_clean
from moyai.registry.store import lock_for_writing

Noun = Literal["organization", "component"]


async def succeed(conn: Connection, declared: SuccessionDeclaration, asker: Asker) -> Change:
    """Ask for a succession; it always takes two persons. Raises Problem as `record_succession`."""
    organization_id = await _responsible(conn, declared.noun, declared.id)
    return await perform(
        conn,
        SUCCESSION,
        f"{declared.noun}:{declared.id}",
        builtins(declared),
        asker,
        organization_id=organization_id,
    )


async def _responsible(conn: Connection, noun: Noun, thing_id: str) -> str:
    if noun == "organization":
        return (await lookups.organization(conn, thing_id)).organization_id
    return (await lookups.component(conn, thing_id)).organization_id


async def record_succession(conn: Connection, declared: SuccessionDeclaration, actor: str) -> Change:
    """Put the successor's names in the place, and carry on every consent that was to the text as it was until now.

    Raises Problem: does_not_exist, invalid_request (a document that cannot be found again, a date in the future,
    `operation` of somebody who does not operate).
    """
    require_clean(declared)
    await lock_for_writing(conn)
    _check(declared)
    stored = await _stored(conn, declared.noun, declared.id)
    before, after = Names(stored.name_ja, stored.name_en), Names(declared.name_ja, declared.name_en)
    operates = isinstance(stored, Organization) and stored.kind == "operating_organization"
    if declared.kind == "operation" and not operates:
        raise Problem(
            "invalid_request", "kind: another operating organisation succeeds the one that operates"
        )
    thing = f"{declared.noun}:{declared.id}"
    if before == after:
        return Change("succession", thing, "unchanged")
    succession_id = random_uuid()
    rename = store.rename_organization if declared.noun == "organization" else store.rename_component
    document = declared.document
    await store.insert(
        conn,
        succession_id,
        declared.kind,
        declared.noun,
        declared.id,
        (before, after),
        (document.title, document.number, document.sha256),
        declared.effective_date,
        (declared.notice_ja, declared.notice_en),
        actor,
        digest(builtins(declared)),
    )
    # consents go on because the succession is on record: so the row comes first
    await store.carry_consents_on(conn, succession_id)
    await rename(conn, declared.id, after)
    await store.carry_consents_on(conn, None)
    detail = SuccessionRecorded(
        succession_id=str(succession_id),
        kind_of=declared.kind,
        noun=declared.noun,
        id=declared.id,
        name_ja=Replaced(before.name_ja, after.name_ja),
        name_en=Replaced(before.name_en, after.name_en),
        document=document.title,
        document_number=document.number,
        document_sha256=document.sha256 or "",
        effective_date=declared.effective_date.isoformat(),
    )
    await record(conn, Act(kind=Kind.SUCCESSION_RECORDED, actor=actor, detail=detail))
    fields = tuple(name for name in ("name_ja", "name_en") if getattr(before, name) != getattr(after, name))
    return Change("succession", thing, "changed", fields)


def _check(declared: SuccessionDeclaration) -> None:
    if not declared.document.number.strip() and declared.document.sha256 is None:
        raise Problem("invalid_request", "document: its number, or the SHA-256 of the file")
    if declared.effective_date > tokyo(utc_now()).date():
        raise Problem("invalid_request", "effective_date: a succession is recorded once it has taken effect")


async def _stored(conn: Connection, noun: Noun, thing_id: str) -> Organization | Component:
    if noun == "organization":
        return await lookups.organization(conn, thing_id)
    return await lookups.component(conn, thing_id)


async def _now(conn: Connection, thing: str) -> Any:
    noun, _, thing_id = thing.partition(":")
    stored = await _stored(conn, msgspec.convert(noun, Noun), thing_id)
    return [stored.name_ja, stored.name_en]


async def _carry_out(conn: Connection, thing: str, body: dict[str, Any], actor: str) -> Change:
    declared = msgspec.convert(body, SuccessionDeclaration)
    assert thing == f"{declared.noun}:{declared.id}"
    return await record_succession(conn, declared, actor)


SUCCESSION: Final = known(
    TwoPersonAct(
        "succession",
        "succession",
        "合併・承継・改称",
        "Succession or renaming",
        _now,
        _carry_out,
        gives_power=True,
    )
)


async def successions(conn: Connection) -> list[Succession]:
    """All that have taken effect, the newest first: public."""
    return await store.successions(conn)


Declared = TypeVar("Declared", OrganizationDeclaration, ComponentDeclaration)


async def keep_names(
    conn: Connection,
    noun: Noun,
    thing_id: str,
    declared: Declared,
    stored: Organization | Component | None,
) -> Declared:
    """The declaration with the names that stand. A file that still says what a succession replaced changes nothing.

    Raises Problem("succession_required") for other names than residents have read in the text of a link.
    """
    if stored is None or (stored.name_ja, stored.name_en) == (declared.name_ja, declared.name_en):
        return declared
    if Names(declared.name_ja, declared.name_en) in await store.names_before(conn, noun, thing_id):
        return msgspec.structs.replace(declared, name_ja=stored.name_ja, name_en=stored.name_en)
    named = store.organization_is_named if noun == "organization" else store.component_is_named
    if await named(conn, thing_id):
        raise Problem("succession_required", f"{noun} {thing_id} is called {stored.name_ja}")
    return declared
