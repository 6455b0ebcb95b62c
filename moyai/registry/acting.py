"""Acts of the registry and the console that take two persons: asked for, confirmed by another one, or waited out.

`perform` is the way in. An act that needs nobody else is carried out at once. Else exactly this change waits, with
the hash of what it refers to: if that is something else by the time of the second word, the act is void. It takes
effect when two members of staff with different staff numbers stand for it, when the organisation that it concerns
says yes (where its word is worth that), or after `HOURS`; until then anybody who may confirm can revoke it. Whoever
asked, and whoever stands for it, must still be who they were by then: stopped meanwhile, they take it along.

A program or a file is nobody: what it asks for takes two persons, or one and the hours. By waiting alone it never
takes effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from moyai.base.db import Connection, Database, Record, is_unavailable
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import ActAsked, ActConfirmed, ActDone, ActEnded
from moyai.registry import store_organizations
from moyai.registry import store_pending as store
from moyai.registry.hashing import digest
from moyai.registry.model import Change
from moyai.registry.own_word import require_own_word
from moyai.registry.persons import Level, Person, may, stopped
from moyai.registry.store import lock_for_writing

HOURS: Final = 24
"""How long an act waits before it takes effect without a second person."""

_LISTED = 200
_EVERY_SECONDS = 20.0


class Asker(msgspec.Struct, frozen=True):
    """Who asks: an actor of an organisation. `person` is None for a program or a file.

    `bootstrap`: the platform was empty when this began, so nobody is there who could be the second. `founding` are
    organisations that had no client then: what belongs to them is set up together.
    """

    actor: str
    organization_id: str
    person: Person | None = None
    bootstrap: bool = False
    founding: frozenset[str] = frozenset()


class TwoPersonAct(msgspec.Struct, frozen=True):
    """An act that may need two: its words, what it refers to, and how it is carried out.

    `refers_to(conn, thing_id)` gives what must still be the case, as plain JSON values; `carry_out(conn, thing_id,
    body, actor)` does it, and raises Problem where it cannot be done. `level`: whose staff confirm, that of the
    operating organisation (role `operator`), or also the administrator of the organisation it concerns (`staff_admin`).
    `own_word`: the organisation that it concerns can say yes in place of a second person.
    """

    name: str
    noun: str
    ja: str
    en: str
    refers_to: Callable[[Connection, str], Awaitable[Any]]
    carry_out: Callable[[Connection, str, dict[str, Any], str], Awaitable[Change]]
    level: Level = "registry"
    own_word: bool = False


class Pending(msgspec.Struct, frozen=True):
    """An act that waits, or waited. `sha256` is of `change`, as the ledger has it. `takes_effect_at` is None while no
    person stands for it: then no time brings it about."""

    pending_id: str
    act: str
    act_ja: str
    act_en: str
    noun: str
    id: str
    fields: list[str]
    change: dict[str, Any]
    sha256: str
    organization_id: str | None
    asked_by: str
    asked_at: datetime
    takes_effect_at: datetime | None
    first_person: str | None
    state: str
    ended_at: datetime | None = None
    ended_by: str | None = None
    way: str | None = None


log = structlog.get_logger("moyai.registry")

_ACTS: dict[str, TwoPersonAct] = {}


def known(act: TwoPersonAct) -> TwoPersonAct:
    """Name an act, so that it can be carried out when its second word comes. For module level."""
    _ACTS[act.name] = act
    return act


# --- asked ----------------------------------------------------------------------------------------------------


async def perform(
    conn: Connection,
    act: TwoPersonAct,
    thing_id: str,
    body: dict[str, Any],
    asker: Asker,
    *,
    needs_two: bool = True,
    organization_id: str | None = None,
) -> Change:
    """Carry out, or have it wait (`outcome` is `pending`, `pending` names it). The same asked again waits on.

    `body` is plain JSON values; `organization_id` is whom the act concerns, where its own word or its administrator's
    counts. Raises Problem as the act itself does, at once: what could not be done now is not asked for.
    """
    await lock_for_writing(conn)
    if not needs_two or asker.bootstrap:
        return await act.carry_out(conn, thing_id, body, asker.actor)
    rehearsed = await _rehearse(conn, act, thing_id, body, asker.actor)
    if rehearsed.outcome == "unchanged":
        return rehearsed
    hashes = digest(body), digest(await act.refers_to(conn, thing_id))
    pending_id = await store.same(conn, act.name, thing_id, *hashes)
    if pending_id is None:
        pending_id = await _ask(conn, act, thing_id, body, hashes, rehearsed, asker, organization_id)
    return Change(act.noun, thing_id, "pending", rehearsed.fields, str(pending_id))


class _Rehearsed(Exception):
    def __init__(self, change: Change) -> None:
        self.change = change


async def _rehearse(
    conn: Connection, act: TwoPersonAct, thing_id: str, body: dict[str, Any], actor: str
) -> Change:
    """What the act would do now; nothing of it stays. Raises Problem as the act does."""
    try:
        async with conn.transaction():
            raise _Rehearsed(await act.carry_out(conn, thing_id, body, actor))
    except _Rehearsed as rehearsed:
        return rehearsed.change


async def _ask(
    conn: Connection,
    act: TwoPersonAct,
    thing_id: str,
    body: dict[str, Any],
    hashes: tuple[bytes, bytes],
    rehearsed: Change,
    asker: Asker,
    organization_id: str | None,
) -> UUID:
    pending_id, person = random_uuid(), asker.person
    counts = (
        person is not None
        and person.staff_number != ""
        and await may(conn, act.level, organization_id, person)
    )
    first: tuple[str | None, str | None, str | None] = (None, None, None)
    if person is not None and counts:
        first = person.staff_id, person.staff_number, person.organization_id
    fields = list(rehearsed.fields)
    await store.insert(
        conn, pending_id, act.name, thing_id, body, hashes, fields, organization_id, asker.actor, first, HOURS
    )
    detail = ActAsked(
        pending_id=str(pending_id),
        act=act.name,
        noun=act.noun,
        id=thing_id,
        fields=fields,
        sha256=hashes[0].hex(),
    )
    await record(conn, Act(Kind.ACT_ASKED, asker.actor, detail=detail))
    return pending_id


# --- answered -------------------------------------------------------------------------------------------------


async def confirm(conn: Connection, pending_id: str, by: Person) -> Pending:
    """Stand for an act. It takes effect if another person does already, or turns out void; see `state` of what is given.

    Raises Problem does_not_exist, pending_ended, forbidden, second_person_required (the same person, the same number,
    no number, another organisation).
    """
    row, act = await _waiting(conn, pending_id)
    if not await may(conn, act.level, row["organization_id"], by):
        raise Problem("forbidden", "whoever confirms administers what the act is about")
    await _require_another(conn, row, by)
    content = _named(ActConfirmed, row, act, organization_id=by.organization_id)
    await record(conn, Act(Kind.ACT_CONFIRMED, by.actor, detail=content))
    if row["first_staff_id"] is None:
        await store.stand_first(conn, row["pending_id"], by.staff_id, by.staff_number, by.organization_id)
    else:
        await _take_effect(conn, row, act, by.actor, "second_person")
    return await one(conn, pending_id)


async def _require_another(conn: Connection, row: Record, by: Person) -> None:
    """Two accounts with two staff numbers, of the same organisation or of the operating one."""
    if not by.staff_number:
        raise Problem("second_person_required", "this account has no staff number")
    if row["first_staff_id"] is None:
        return
    numbers = (row["first_organization"], row["first_staff_number"]), (by.organization_id, by.staff_number)
    if row["first_staff_id"] == by.staff_id or numbers[0] == numbers[1]:
        raise Problem("second_person_required")
    operator = await store_organizations.operating_organization(conn)
    if by.organization_id not in (row["first_organization"], operator and operator.organization_id):
        raise Problem("second_person_required", "of the same organisation, or of the operating one")


async def give_word(conn: Connection, pending_id: str, organization_id: str, actor: str) -> Pending:
    """The organisation that an act concerns says yes, by a client of its own: that is worth a second person.

    Raises Problem does_not_exist, pending_ended, second_person_required, organization_suspended (`own_word`).
    """
    row, act = await _waiting(conn, pending_id)
    if not act.own_word or row["organization_id"] != organization_id:
        raise Problem("second_person_required", "members of staff confirm this, in the console")
    await require_own_word(
        conn, organization_id, actor.removeprefix("client:"), row["asked_by"], row["asked_at"]
    )
    await _take_effect(conn, row, act, actor, "organization")
    return await one(conn, pending_id)


async def revoke(
    conn: Connection, pending_id: str, actor: str, *, organization_id: str | None = None
) -> Pending:
    """End what waits; nothing of it takes effect. With `organization_id`, only what concerns that organisation.

    Raises Problem does_not_exist, pending_ended.
    """
    row, act = await _waiting(conn, pending_id)
    if organization_id is not None and row["organization_id"] != organization_id:
        raise Problem("does_not_exist", "pending act")
    await _end(conn, row, act, "revoked", actor, "revoked")
    return await one(conn, pending_id)


async def revoke_as(conn: Connection, pending_id: str, by: Person) -> Pending:
    """A member of staff who may confirm an act revokes it. Raises Problem does_not_exist, pending_ended, forbidden."""
    row, act = await _waiting(conn, pending_id)
    if not await may(conn, act.level, row["organization_id"], by):
        raise Problem("forbidden", "whoever revokes administers what the act is about")
    return await revoke(conn, pending_id, by.actor)


async def revoke_of(conn: Connection, actor: str, staff_id: str | None = None) -> int:
    """End what somebody who was stopped has asked for, or stands for as the first of two. How many there were."""
    found = await store.asked_by(conn, actor, staff_id)
    for pending_id in found:
        row, act = await _waiting(conn, str(pending_id))
        await _end(conn, row, act, "void", "system", "who asked for it was stopped")
    return len(found)


async def end_of_stopped(conn: Connection) -> int:
    """End whatever waits on somebody who may no longer ask for it, after a stop of many at once. How many there were."""
    ended = 0
    for pending_id in await store.waiting(conn):
        row, act = await _waiting(conn, str(pending_id))
        if reason := await _stopped(conn, row, act):
            await _end(conn, row, act, "void", "system", reason)
            ended += 1
    return ended


async def void_all(conn: Connection, reason: str) -> int:
    """End everything that waits, whoever asked for it. How many there were."""
    found = await store.waiting(conn)
    for pending_id in found:
        row, act = await _waiting(conn, str(pending_id))
        await _end(conn, row, act, "void", "system", reason)
    return len(found)


async def take_effect_due(database: Database) -> int:
    """Carry out what waited its hours without a word against it. How many there were."""
    async with database.connection() as conn:
        found = await store.due(conn, _LISTED)
    return sum([await _due(database, str(pending_id)) for pending_id in found])


async def _due(database: Database, pending_id: str) -> bool:
    """Carry out one. One that fails is said in the log and waits on; it keeps no other from taking effect."""
    try:
        async with database.transaction() as conn:
            row, act = await _waiting(conn, pending_id)
            await _take_effect(conn, row, act, "system", "waited")
    except Problem:
        return False  # another process was quicker, or somebody spoke meanwhile
    except Exception as error:
        if is_unavailable(error):
            raise
        log.error("pending act failed", pending=pending_id, error=type(error).__name__)
        return False
    return True


async def keep_taking_effect(database: Database) -> None:
    """`take_effect_due` over and over, for ever. A database that is away for a while is waited for."""
    while True:
        try:
            await take_effect_due(database)
        except Exception as error:
            if not is_unavailable(error):
                raise
        await asyncio.sleep(_EVERY_SECONDS)


async def _take_effect(conn: Connection, row: Record, act: TwoPersonAct, by: str, way: str) -> None:
    """Exactly what was asked for, if what it refers to, and who asked, is as it was; else it is void."""
    if reason := await _stopped(conn, row, act):
        await _end(conn, row, act, "void", by, reason)
        return
    if digest(row["body"]) != row["body_sha256"]:
        await _end(conn, row, act, "void", by, "the change is not the one that was asked for")
        return
    if digest(await act.refers_to(conn, row["thing_id"])) != row["base_sha256"]:
        await _end(conn, row, act, "void", by, "what it refers to has changed")
        return
    try:
        async with conn.transaction():
            # ended first: what the act does to who asked for it ends what else they asked for, not this
            await store.end(conn, row["pending_id"], "done", by, way)
            await act.carry_out(conn, row["thing_id"], row["body"], row["asked_by"])
    except Problem as problem:
        await _end(conn, row, act, "void", by, problem.code)
        return
    first = None if row["first_staff_id"] is None else f"staff:{row['first_staff_id']}"
    content = _named(ActDone, row, act, way=way, asked_by=row["asked_by"], first_person=first)
    await record(conn, Act(Kind.ACT_DONE, by, detail=content))


async def _stopped(conn: Connection, row: Record, act: TwoPersonAct) -> str | None:
    standing = row["asked_by"], row["first_staff_id"]
    return await stopped(conn, act.level, row["organization_id"], *standing)


async def _end(conn: Connection, row: Record, act: TwoPersonAct, state: str, by: str, reason: str) -> None:
    await store.end(conn, row["pending_id"], state, by, reason)
    await record(conn, Act(Kind.ACT_ENDED, by, detail=_named(ActEnded, row, act, state=state, reason=reason)))


def _named(content: type[Any], row: Record, act: TwoPersonAct, **more: Any) -> Any:
    return content(
        pending_id=str(row["pending_id"]),
        act=act.name,
        noun=act.noun,
        id=row["thing_id"],
        sha256=row["body_sha256"].hex(),
        **more,
    )


async def _waiting(conn: Connection, pending_id: str) -> tuple[Record, TwoPersonAct]:
    await lock_for_writing(conn)
    row = await _row(conn, pending_id)
    if row["state"] != "waiting":
        raise Problem("pending_ended", f"it is {row['state']}")
    return row, _act(row["act"])


async def _row(conn: Connection, pending_id: str) -> Record:
    try:
        row = await store.held(conn, UUID(pending_id))
    except ValueError as error:
        raise Problem("does_not_exist", "pending act") from error
    if row is None:
        raise Problem("does_not_exist", "pending act")
    return row


# --- seen -----------------------------------------------------------------------------------------------------


async def one(conn: Connection, pending_id: str) -> Pending:
    """Raises Problem does_not_exist."""
    return _pending(await _row(conn, pending_id))


async def listed(conn: Connection, organization_id: str | None = None) -> list[Pending]:
    """What waits, then the newest of what ended; of one organisation, or everything."""
    return [_pending(row) for row in await store.listed(conn, organization_id, _LISTED)]


def _by_a_person(row: Record) -> bool:
    return row["first_staff_id"] is not None or row["asked_by"].startswith("staff:")


def _act(name: str) -> TwoPersonAct:
    """An act by its name; one that this release does not know is shown, can be revoked, and is never carried out."""

    async def nothing(_conn: Connection, _id: str) -> Any:
        return None

    async def refuse(_conn: Connection, _id: str, _body: dict[str, Any], _actor: str) -> Change:
        raise Problem("change_not_allowed", f"this release does not know the act {name}")

    return _ACTS.get(name) or TwoPersonAct(name, name, name, name, nothing, refuse)


def _pending(row: Record) -> Pending:
    act = _act(row["act"])
    return Pending(
        pending_id=str(row["pending_id"]),
        act=act.name,
        act_ja=act.ja,
        act_en=act.en,
        noun=act.noun,
        id=row["thing_id"],
        fields=row["fields"],
        change=row["body"],
        sha256=row["body_sha256"].hex(),
        organization_id=row["organization_id"],
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        takes_effect_at=row["due_at"] if _by_a_person(row) else None,
        first_person=None if row["first_staff_id"] is None else f"staff:{row['first_staff_id']}",
        state=row["state"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        way=row["way"],
    )
