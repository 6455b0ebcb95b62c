"""An answer holds nothing but the items that the consented version names, at every depth.

What lies in a store may have been checked against an earlier schema, or none that was closed. An item whose shape is
exactly what the consent opens is handed on byte for byte; of any other, only the named members are taken out. Numbers
keep their digits. Where a schema from before the profile lets in an object or a list and does not say what is in it, nobody
can tell what the text named: the source is refused (`schema_open`) until its provider closes the schema.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from moyai.base.db import Database
from moyai.base.errors import Problem
from moyai.consent.permit import Permit
from moyai.personal.model import Item, etag_of
from moyai.personal.paging import Position
from moyai.registry import link_version_schemas, shape_of

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

SCHEMA_OPEN: Final = "schema_open"

_MOST = 4096
_NOT_NAMED = object()


class StoredItem(msgspec.Struct, frozen=True):
    """An item as it lies in a store, with the shape it was checked against (None: not known)."""

    item: Item
    shape: bytes | None
    created_at: datetime

    @property
    def position(self) -> Position:
        return Position(self.item.observed_at or self.created_at, self.item.item_id)

    @property
    def etag(self) -> str:
        return etag_of(self.item.version, self.created_at)


class Shape(msgspec.Struct, frozen=True):
    """The items of one link version: each item's schema by its name, and their digest."""

    schemas: dict[str, Any]
    digest: bytes


class Projection:
    """Takes out of items what a permit opens. Versions never change, so they are remembered; permission is not."""

    def __init__(self, control: Database) -> None:
        self._control = control
        self._known: dict[int, Shape] = {}

    async def apply(self, permit: Permit, found: list[StoredItem]) -> list[Item]:
        """The items as the permit lets them out. A component's own items are given whole."""
        if permit.items is None:
            return [one.item for one in found]
        shape = await self._shape(permit)
        if len(permit.items) == len(shape.schemas) and all(one.shape == shape.digest for one in found):
            return [one.item for one in found]
        return _opened(permit.items, shape, found)

    async def _shape(self, permit: Permit) -> Shape:
        if permit.version_key is None:
            raise Problem("consent_outdated")
        shape = self._known.get(permit.version_key)
        if shape is None:
            async with self._control.connection() as conn:
                schemas = await link_version_schemas(conn, permit.version_key)
            shape = Shape(schemas, shape_of(schemas))
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[permit.version_key] = shape
        return shape


def _opened(names: Collection[str], shape: Shape, found: list[StoredItem]) -> list[Item]:
    whole = len(names) == len(shape.schemas)
    wanted = {name: shape.schemas[name] for name in names if name in shape.schemas}
    return [one.item if whole and one.shape == shape.digest else projected(one.item, wanted) for one in found]


def projected(item: Item, wanted: Mapping[str, Any]) -> Item:
    """The item with the wanted members alone, each cut to what its own schema names."""
    content = _members(_decode(bytes(item.content)), wanted)
    return msgspec.structs.replace(item, content=msgspec.Raw(_encode(content)))


def _members(value: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    members = cast("dict[str, Any]", value)
    cut = {name: _cut(members[name], schema) for name, schema in properties.items() if name in members}
    return {name: one for name, one in cut.items() if one is not _NOT_NAMED}


def _cut(value: Any, schema: Any) -> Any:
    """A value cut to its schema; `_NOT_NAMED` for one that is no such thing as the schema names.

    Raises Problem schema_open.
    """
    known: dict[str, Any] = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        properties: dict[str, Any] | None = known.get("properties")
        return _unnamed(known, "object") if properties is None else _members(cast("Any", value), properties)
    if isinstance(value, list):
        if "items" not in known:
            return _unnamed(known, "array")
        cut = [_cut(one, known["items"]) for one in cast("list[Any]", value)]
        return [one for one in cut if one is not _NOT_NAMED]
    structured = "properties" in known or "items" in known
    return _NOT_NAMED if structured and value is not None else value


def _unnamed(known: Mapping[str, Any], what: str) -> object:
    """Of a value whose content the schema does not name: nothing, or a refusal where the schema would let it in."""
    types: Any = known.get("type", what)
    if "enum" not in known and "const" not in known and (types == what or what in types):
        raise Problem(SCHEMA_OPEN)
    return _NOT_NAMED
