"""Acts that take two persons, as they are declared, wait and look. All that waits: `waiting`; how they come about: `acting`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from moyai.base.db import Connection, Record
from moyai.base.errors import Problem
from moyai.registry import store_pending as store
from moyai.registry.model import Change
from moyai.registry.persons import Level, Person
from moyai.registry.resting import Entry, Named
from moyai.registry.store import lock_for_writing


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
    `own_word`: the organisation that it concerns can say yes in place of a second person. `gives_power`: somebody can
    do more afterwards, by a role, keys or scopes; it is marked where it waits. `names(body)`: the other entries that the
    change names, whose text must be the same then, too.
    """

    name: str
    noun: str
    ja: str
    en: str
    refers_to: Callable[[Connection, str], Awaitable[Any]]
    carry_out: Callable[[Connection, str, dict[str, Any], str], Awaitable[Change]]
    level: Level = "registry"
    own_word: bool = False
    gives_power: bool = False
    names: Callable[[dict[str, Any]], list[Named]] | None = None


class Pending(msgspec.Struct, frozen=True):
    """An act that waits, or waited. `sha256` is of `change`, as the ledger has it. `takes_effect_at` is None while no
    member of staff asked or stands for it: then no time brings it about. `failing` says why it should have taken effect and
    could not (a code, or a fault's name); it is tried again. `rests_on` says what it was read against: what it is about, then
    each other entry that it names, with the hash of its text. If one is another text by then, the act is void."""

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
    gives_power: bool
    rests_on: list[Entry]
    failing: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    way: str | None = None


_ACTS: dict[str, TwoPersonAct] = {}


def known(act: TwoPersonAct) -> TwoPersonAct:
    """Name an act, so that it can be carried out when its second word comes. For module level."""
    _ACTS[act.name] = act
    return act


# --- seen -----------------------------------------------------------------------------------------------------


async def pending_act(conn: Connection, pending_id: str) -> Pending:
    """Raises Problem does_not_exist."""
    return shown(await _held(conn, pending_id))


def act_named(name: str) -> TwoPersonAct:
    """An act by its name; one that this release does not know is shown, can be revoked, and is never carried out."""

    async def nothing(_conn: Connection, _id: str) -> Any:
        return None

    async def refuse(_conn: Connection, _id: str, _body: dict[str, Any], _actor: str) -> Change:
        raise Problem("change_not_allowed", f"this release does not know the act {name}")

    return _ACTS.get(name) or TwoPersonAct(name, name, name, name, nothing, refuse, gives_power=True)


def every_act() -> list[TwoPersonAct]:
    """Every act that is known so far: rooms make theirs known when they are imported."""
    return list(_ACTS.values())


def acts_about(nouns: frozenset[str]) -> list[str]:
    """Names of the acts about these nouns."""
    return sorted(act.name for act in every_act() if act.noun in nouns)


def shown(row: Record) -> Pending:
    """A row of `store_pending`, to be read."""
    act = act_named(row["act"])
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
        takes_effect_at=row["takes_effect_at"],
        first_person=None if row["first_staff_id"] is None else f"staff:{row['first_staff_id']}",
        state=row["state"],
        gives_power=act.gives_power,
        rests_on=[
            Entry(act.noun, row["thing_id"], row["base_sha256"].hex()),
            *msgspec.convert(row["rests_on"], list[Entry]),
        ],
        failing=row["failing"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        way=row["way"],
    )


# --- held -----------------------------------------------------------------------------------------------------


async def still_waiting(conn: Connection, pending_id: str) -> tuple[Record, TwoPersonAct]:
    """What waits, held until the transaction ends, and its act. Raises Problem does_not_exist, pending_ended."""
    await lock_for_writing(conn)
    row = await _held(conn, pending_id)
    if row["state"] != "waiting":
        raise Problem("pending_ended", f"it is {row['state']}")
    return row, act_named(row["act"])


async def _held(conn: Connection, pending_id: str) -> Record:
    try:
        row = await store.held(conn, UUID(pending_id))
    except ValueError as error:
        raise Problem("does_not_exist", "pending act") from error
    if row is None:
        raise Problem("does_not_exist", "pending act")
    return row
