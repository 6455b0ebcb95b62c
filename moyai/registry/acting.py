"""Acts of the registry and the console that take two persons: asked for, confirmed by another one, or waited out.

`perform` is the way in. An act that needs nobody else is carried out at once. Else exactly this change waits, with
the hash of what it refers to: if that is something else by the time of the second word, the act is void. It takes
effect when two members of staff with different staff numbers stand for it, when the organisation that it concerns
says yes (where its word is worth that), or after `HOURS`, which run from the moment a member of staff asked for it or,
where a program or a file did, from the moment the first member of staff stands for it; until then
anybody who may confirm can revoke it. Whoever asked, and whoever stands for it, must still be who they were by then:
stopped meanwhile, they take it along.

A program or a file is nobody: whoever confirms what it asks for is the first of two, and it takes another one, or the
hours. By waiting alone it never takes effect. A member of staff who asks is the first already, if they may confirm it and
have a staff number; without one they count for nobody, and the hours run all the same.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import ActAsked, ActConfirmed
from moyai.registry import store_organizations
from moyai.registry import store_pending as store
from moyai.registry.ending import end, named, take_effect
from moyai.registry.hashing import digest
from moyai.registry.model import Change
from moyai.registry.own_word import require_own_word
from moyai.registry.pending import Asker, Pending, TwoPersonAct, pending_act, still_waiting
from moyai.registry.persons import Person, as_now, may
from moyai.registry.resting import Entry, read_now
from moyai.registry.store import lock_for_writing

HOURS: Final = 24
"""How long an act waits before it takes effect without a second person: from the moment a member of staff asked or stood
for it."""

MOST_WAITING: Final = 100
"""How much may wait at once that one asker asked for, or one person stands for: people have to read all of it."""


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
    counts. Raises Problem as the act itself does, at once: what could not be done now is not asked for; and
    too_many_pending.
    """
    await lock_for_writing(conn)
    if not needs_two or asker.bootstrap:
        return await act.carry_out(conn, thing_id, body, asker.actor)
    rehearsed = await _rehearse(conn, act, thing_id, body, asker.actor)
    if rehearsed.outcome == "unchanged":
        return rehearsed
    hashes = digest(body), digest(await act.refers_to(conn, thing_id))
    rests_on = await read_now(conn, act.names(body) if act.names else ())
    pending_id = await store.same(conn, act.name, thing_id, *hashes, rests_on)
    if pending_id is None:
        pending_id = await _ask(
            conn, act, thing_id, body, hashes, rests_on, rehearsed, asker, organization_id
        )
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
    rests_on: list[Entry],
    rehearsed: Change,
    asker: Asker,
    organization_id: str | None,
) -> UUID:
    pending_id, person = random_uuid(), asker.person
    await _require_room(conn, asker.actor, None if person is None else person.staff_id)
    counts = (
        person is not None
        and person.staff_number != ""
        and await may(conn, act.level, organization_id, person)
    )
    first: tuple[str | None, str | None, str | None] = (None, None, None)
    if person is not None and counts:
        first = person.staff_id, person.staff_number, person.organization_id
    fields, hours = list(rehearsed.fields), None if person is None else HOURS
    await store.insert(
        conn,
        pending_id,
        act.name,
        thing_id,
        body,
        hashes,
        rests_on,
        fields,
        organization_id,
        asker.actor,
        first,
        hours,
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


async def _require_room(conn: Connection, actor: str, staff_id: str | None) -> None:
    """Raises Problem too_many_pending. What waits is read by people: nobody floods it so that something is overlooked."""
    if await store.waiting_of(conn, actor, staff_id) >= MOST_WAITING:
        raise Problem("too_many_pending", f"{MOST_WAITING} acts wait that {actor} asked for or stands for")


# --- answered -------------------------------------------------------------------------------------------------


async def confirm(conn: Connection, pending_id: str, by: Person) -> Pending:
    """Stand for an act: as the first, so that its hours run, or as the second, so that it takes effect or turns out void; see
    `state` of what is given.

    Raises Problem does_not_exist, pending_ended, forbidden, second_person_required (the same person, the same number,
    no number, another organisation), too_many_pending.
    """
    row, act = await still_waiting(conn, pending_id)
    now = await as_now(conn, by)  # `by` is who they were when the request came in
    for person in (by, now):
        if person is None or not await may(conn, act.level, row["organization_id"], person):
            raise Problem("forbidden", "whoever confirms administers what the act is about")
    await _require_another(conn, row, by)
    if row["first_staff_id"] is None:
        await _require_room(conn, by.actor, by.staff_id)
    content = named(ActConfirmed, row, act, organization_id=by.organization_id)
    await record(conn, Act(Kind.ACT_CONFIRMED, by.actor, detail=content))
    if row["first_staff_id"] is None:
        standing = by.staff_id, by.staff_number, by.organization_id
        await store.stand_first(conn, row["pending_id"], *standing, HOURS)
    else:
        await take_effect(conn, row, act, by.actor, "second_person")
    return await pending_act(conn, pending_id)


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
    row, act = await still_waiting(conn, pending_id)
    if not act.own_word or row["organization_id"] != organization_id:
        raise Problem("second_person_required", "members of staff confirm this, in the console")
    await require_own_word(
        conn, organization_id, actor.removeprefix("client:"), row["asked_by"], row["asked_at"]
    )
    await take_effect(conn, row, act, actor, "organization")
    return await pending_act(conn, pending_id)


async def revoke(
    conn: Connection, pending_id: str, actor: str, *, organization_id: str | None = None
) -> Pending:
    """End what waits; nothing of it takes effect. With `organization_id`, only what concerns that organisation.

    Raises Problem does_not_exist, pending_ended.
    """
    row, act = await still_waiting(conn, pending_id)
    if organization_id is not None and row["organization_id"] != organization_id:
        raise Problem("does_not_exist", "pending act")
    await end(conn, row, act, "revoked", actor, "revoked")
    return await pending_act(conn, pending_id)


async def revoke_as(conn: Connection, pending_id: str, by: Person) -> Pending:
    """A member of staff who may confirm an act revokes it. Raises Problem does_not_exist, pending_ended, forbidden."""
    row, act = await still_waiting(conn, pending_id)
    if not await may(conn, act.level, row["organization_id"], by):
        raise Problem("forbidden", "whoever revokes administers what the act is about")
    return await revoke(conn, pending_id, by.actor)
