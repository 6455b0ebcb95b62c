"""How every act of the registry is carried out: compare, write if something differs, record it in the ledger."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.plain_text import unfit_in
from moyai.ledger import Act, Kind, record
from moyai.ledger.contents import RegistryEntry, Replaced
from moyai.registry.hashing import canonical, digest
from moyai.registry.model import (
    Change,
)


def require_clean(declared: msgspec.Struct) -> None:
    """Nobody is misled by a text (`base.plain_text`). Raises Problem("invalid_request")."""
    if found := unfit_in(msgspec.to_builtins(declared)):
        raise Problem("invalid_request", f"{found} must not stand in a text")
    for name in declared.__struct_fields__:
        value = getattr(declared, name)
        if isinstance(value, str) and value.endswith("\n") and name.endswith(("_id", "_code", "_version")):
            raise Problem("invalid_request", f"{name} ends with a line break")


def differing(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the members that are not as wanted, in the order of `wanted`."""
    return tuple(name for name, value in wanted.items() if stored.get(name) != value)


LONG: Final = 400
"""Bytes of canonical JSON from which on a value is recorded with its hash beside it."""

MAY_NAME_A_PERSON: Final = frozenset({"contact", "reviewer"})
"""Members that are recorded by their hash alone."""


def shown(name: str, value: Any) -> Any:
    """One member as the ledger keeps it: enough to prove what it was, nothing that is secret or names a person."""
    if value is None:
        return None
    if name == "jwks":
        return [thumbprint(key) for key in cast("list[dict[str, Any]]", value["keys"])]
    if name in MAY_NAME_A_PERSON:
        return {"sha256": digest(value).hex()} if value else None
    return {"sha256": digest(value).hex(), "value": value} if len(canonical(value)) > LONG else value


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638, SHA-256. It is computed over names and texts alone, so a key that was never checked has one too."""
    members = {name: jwk.get(name) for name in ("crv", "kty", "x", "y")}
    return base64.urlsafe_b64encode(digest(members)).rstrip(b"=").decode()


def replaced(
    fields: tuple[str, ...], old: Mapping[str, Any] | None, new: Mapping[str, Any]
) -> dict[str, Replaced]:
    before = old or {}
    return {name: Replaced(shown(name, before.get(name)), shown(name, new.get(name))) for name in fields}


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
    """Bring what is stored to what is wanted, and record the registration or the change: each field, old and new."""
    fields = tuple(wanted) if stored is None else differing(wanted, stored)
    if not fields:
        return Change(noun, thing_id, "unchanged")
    await write()
    outcome: Literal["created", "changed"] = "created" if stored is None else "changed"
    detail = RegistryEntry(noun=noun, id=thing_id, fields=replaced(fields, stored, wanted))
    await record(conn, Act(kind=kind if stored is None else change, actor=actor, detail=detail))
    return Change(noun, thing_id, outcome, () if stored is None else fields)


def builtins(value: msgspec.Struct) -> dict[str, Any]:
    """A declaration or a row as plain members, for comparison."""
    return msgspec.to_builtins(value)
