"""How every act of the registry is carried out: compare, write if something differs, record it in the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.ledger import Act, Kind, record
from moyai.registry.model import (
    Change,
)


def require_clean(declared: msgspec.Struct) -> None:
    """PostgreSQL stores no NUL character, in text or in JSON. Raises Problem("invalid_request")."""
    if b"\\u0000" in msgspec.json.encode(declared):
        raise Problem("invalid_request", "a text holds a NUL character")
    for name in declared.__struct_fields__:
        value = getattr(declared, name)
        if isinstance(value, str) and value.endswith("\n") and name.endswith(("_id", "_code", "_version")):
            raise Problem("invalid_request", f"{name} ends with a line break")


def differing(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the members that are not as wanted, in the order of `wanted`."""
    return tuple(name for name, value in wanted.items() if stored.get(name) != value)


async def settle(
    conn: Connection,
    noun: str,
    thing_id: str,
    kind: Kind,
    actor: str,
    wanted: Mapping[str, Any],
    stored: Mapping[str, Any] | None,
    write: Callable[[], Awaitable[Any]],
    change: Kind = Kind.REGISTRY_CHANGED,
) -> Change:
    """Bring what is stored to what is wanted, and record the registration or the change with its fields."""
    fields = tuple(wanted) if stored is None else differing(wanted, stored)
    if not fields:
        return Change(noun, thing_id, "unchanged")
    await write()
    outcome: Literal["created", "changed"] = "created" if stored is None else "changed"
    detail = {"noun": noun, "id": thing_id, **({} if stored is None else {"fields": list(fields)})}
    await record(conn, Act(kind=kind if stored is None else change, actor=actor, detail=detail))
    return Change(noun, thing_id, outcome, () if stored is None else fields)


def builtins(value: msgspec.Struct) -> dict[str, Any]:
    """A declaration or a row as plain members, for comparison."""
    return msgspec.to_builtins(value)
