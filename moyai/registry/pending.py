"""Acts that take two persons, as they are declared, wait and are seen. How they come about: `acting`."""

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
from moyai.registry.store import lock_for_writing

_LISTED = 200


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


_ACTS: dict[str, TwoPersonAct] = {}


def known(act: TwoPersonAct) -> TwoPersonAct:
    """Name an act, so that it can be carried out when its second word comes. For module level."""
    _ACTS[act.name] = act
    return act


# --- seen -----------------------------------------------------------------------------------------------------


async def pending_act(conn: Connection, pending_id: str) -> Pending:
    """Raises Problem does_not_exist."""
    return _pending(await _held(conn, pending_id))


async def pending_acts(conn: Connection, organization_id: str | None = None) -> list[Pending]:
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


# --- held -----------------------------------------------------------------------------------------------------


async def still_waiting(conn: Connection, pending_id: str) -> tuple[Record, TwoPersonAct]:
    """What waits, held until the transaction ends, and its act. Raises Problem does_not_exist, pending_ended."""
    await lock_for_writing(conn)
    row = await _held(conn, pending_id)
    if row["state"] != "waiting":
        raise Problem("pending_ended", f"it is {row['state']}")
    return row, _act(row["act"])


async def _held(conn: Connection, pending_id: str) -> Record:
    try:
        row = await store.held(conn, UUID(pending_id))
    except ValueError as error:
        raise Problem("does_not_exist", "pending act") from error
    if row is None:
        raise Problem("does_not_exist", "pending act")
    return row
