"""What one can do with city data. Writes check that the entity is the author's own, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from moyai.base.db import Connection
from moyai.context import store
from moyai.context.errors import (
    Kind,
    NgsiError,
    attribute_not_found,
    entity_not_found,
)
from moyai.context.geo import extent_of
from moyai.context.model import (
    Attribute,
    Attributes,
    Author,
    Change,
    Changes,
    Entity,
    StoredEntity,
    merge,
    with_value,
)
from moyai.context.query import EntityQuery


class Outcome(msgspec.Struct, frozen=True):
    """What became of an update: `refused` names attributes that could not be written, all or only some of them."""

    entity: StoredEntity
    refused: tuple[str, ...] = ()
    written: bool = True


# --- reading --------------------------------------------------------------------------------------------


async def get(conn: Connection, tenant: str, entity_id: str, entity_type: str | None) -> StoredEntity:
    """The one entity of that id. Raises NgsiError: NotFound, TooManyResults (another type has the same id)."""
    return _only(await store.find(conn, tenant, entity_id, entity_type))


async def find(conn: Connection, query: EntityQuery) -> list[StoredEntity]:
    return await store.page(conn, query)


async def count(conn: Connection, query: EntityQuery) -> int:
    return await store.count(conn, query)


async def types(conn: Connection, tenant: str) -> list[tuple[str, int]]:
    """(type, number of entities), alphabetically."""
    return await store.types(conn, tenant)


def attribute_of(entity: StoredEntity, name: str) -> Attribute:
    """Raises NgsiError (NotFound) if the entity has no such attribute."""
    if name not in entity.attrs:
        raise attribute_not_found()
    return entity.attrs[name]


# --- whole entities -------------------------------------------------------------------------------------


async def create(conn: Connection, author: Author, entity: Entity) -> None:
    """Raises NgsiError: Unprocessable if there is an entity of that id and type."""
    if not await store.insert(conn, author.tenant, author.organization_id, entity, extent_of(entity.attrs)):
        raise NgsiError(Kind.UNPROCESSABLE, "Already Exists")


async def create_or_append(
    conn: Connection, author: Author, entity: Entity, *, override_metadata: bool = False
) -> bool:
    """Create an entity, or add its attributes to the existing one (`upsert`). True if it was created."""
    if await store.insert(conn, author.tenant, author.organization_id, entity, extent_of(entity.attrs)):
        return True
    changes = {name: Change(attribute) for name, attribute in entity.attrs.items()}
    await append(conn, author, entity.id, entity.type, changes, override_metadata=override_metadata)
    return False


async def delete(conn: Connection, author: Author, entity_id: str, entity_type: str | None) -> None:
    entity = await _own(conn, author, entity_id, entity_type)
    await store.delete(conn, author.tenant, entity.id, entity.type)


class Put(msgspec.Struct, frozen=True):
    """How many of the given entities were new, changed, the same as before, or another organisation's."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    foreign: tuple[str, ...] = ()


async def put_many(conn: Connection, author: Author, entities: Sequence[Entity]) -> Put:
    """Create or replace entities; those that another organisation created are left alone and named."""
    rows = [_row(entity) for entity in entities]
    outcomes = await store.put_many(conn, author.tenant, author.organization_id, rows)
    kinds = [row["outcome"] for row in outcomes]
    return Put(
        created=kinds.count("created"),
        updated=kinds.count("updated"),
        unchanged=kinds.count("unchanged"),
        foreign=tuple(row["id"] for row in outcomes if row["outcome"] == "foreign"),
    )


def _row(entity: Entity) -> dict[str, object]:
    (west, south), (east, north) = extent_of(entity.attrs) or ((None, None), (None, None))
    return {
        "id": entity.id,
        "type": entity.type,
        "attrs": entity.attrs,
        "attr_names": list(entity.attrs),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
    }


# --- attributes -----------------------------------------------------------------------------------------


async def append(
    conn: Connection,
    author: Author,
    entity_id: str,
    entity_type: str | None,
    changes: Changes,
    *,
    strict: bool = False,
    override_metadata: bool = False,
) -> Outcome:
    """Update existing attributes and add new ones; `strict` leaves existing ones alone and reports them."""
    entity = await _own(conn, author, entity_id, entity_type)
    refused = tuple(name for name in changes if name in entity.attrs) if strict else ()
    return await _apply(conn, author, entity, changes, refused, override_metadata)


async def update(
    conn: Connection,
    author: Author,
    entity_id: str,
    entity_type: str | None,
    changes: Changes,
    *,
    override_metadata: bool = False,
) -> Outcome:
    """Update attributes that exist; the others are reported."""
    entity = await _own(conn, author, entity_id, entity_type)
    missing = tuple(name for name in changes if name not in entity.attrs)
    return await _apply(conn, author, entity, changes, missing, override_metadata)


async def _apply(
    conn: Connection,
    author: Author,
    entity: StoredEntity,
    changes: Changes,
    refused: tuple[str, ...],
    override_metadata: bool,
) -> Outcome:
    accepted = {name: change for name, change in changes.items() if name not in refused}
    merged = {
        name: merge(entity.attrs.get(name), change, override_metadata=override_metadata)
        for name, change in accepted.items()
    }
    if merged:
        await _write(conn, author, entity, {**entity.attrs, **merged})
    return Outcome(entity, refused, written=bool(merged))


async def replace(
    conn: Connection, author: Author, entity_id: str, entity_type: str | None, changes: Changes
) -> None:
    """Give an entity exactly these attributes."""
    entity = await _own(conn, author, entity_id, entity_type)
    await _write(conn, author, entity, {name: change.attribute for name, change in changes.items()})


async def set_attribute(
    conn: Connection,
    author: Author,
    entity_id: str,
    entity_type: str | None,
    name: str,
    change: Change,
    *,
    override_metadata: bool = False,
) -> None:
    """Update one attribute that exists. Raises NgsiError (NotFound) for entity or attribute."""
    entity = await _own(conn, author, entity_id, entity_type)
    changed = merge(attribute_of(entity, name), change, override_metadata=override_metadata)
    await _write(conn, author, entity, {**entity.attrs, name: changed})


async def set_value(
    conn: Connection, author: Author, entity_id: str, entity_type: str | None, name: str, value: object
) -> None:
    """Give one attribute another value; its type and metadata stay."""
    entity = await _own(conn, author, entity_id, entity_type)
    changed = with_value(attribute_of(entity, name), name, value)
    await _write(conn, author, entity, {**entity.attrs, name: changed})


async def delete_attribute(
    conn: Connection, author: Author, entity_id: str, entity_type: str | None, name: str
) -> None:
    entity = await _own(conn, author, entity_id, entity_type)
    attribute_of(entity, name)
    kept = {other: attribute for other, attribute in entity.attrs.items() if other != name}
    await _write(conn, author, entity, kept)


async def _write(conn: Connection, author: Author, entity: StoredEntity, attrs: Attributes) -> None:
    await store.write(conn, author.tenant, entity.id, entity.type, attrs, extent_of(attrs))


async def _own(conn: Connection, author: Author, entity_id: str, entity_type: str | None) -> StoredEntity:
    """The entity, held for this transaction. Raises NgsiError: NotFound, TooManyResults, Forbidden."""
    entity = _only(await store.lock(conn, author.tenant, entity_id, entity_type))
    if entity.organization_id != author.organization_id:
        raise NgsiError(Kind.FORBIDDEN, "Only the organisation that created this entity may change it")
    return entity


def _only(found: list[StoredEntity]) -> StoredEntity:
    if not found:
        raise entity_not_found()
    if len(found) > 1:
        raise NgsiError(
            Kind.TOO_MANY_RESULTS,
            "More than one matching entity. Please refine your query",
        )
    return found[0]
