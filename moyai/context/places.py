"""Places of the common tenant for the map: what is there, where, and for which disasters it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from moyai.base.db import Connection
from moyai.context import store_places
from moyai.context.boundaries import ENTITY_TYPE
from moyai.context.geo import Position

MAX_DOTS: Final = 2000
MAX_OUTLINES: Final = 200


class Wanted(msgspec.Struct, frozen=True):
    """An entity type, and the kind of disaster that its places must serve for (None: any or none)."""

    type: str
    disaster: str | None = None


class Place(msgspec.Struct, frozen=True):
    """A place as the table shows it: plain values by attribute name."""

    id: str
    type: str
    values: dict[str, Any]


class Outline(msgspec.Struct, frozen=True):
    """A municipality: its name, the credit of its outline, and closed rings of (longitude, latitude)."""

    name: str
    source: str
    source_en: str
    rings: list[list[Position]]


async def dots(conn: Connection, wanted: Sequence[Wanted]) -> dict[str, list[Position]]:
    """Where the places are, by type; at most `MAX_DOTS` of each."""
    found: dict[str, list[Position]] = {}
    for row in await store_places.dots(conn, *_columns(wanted), MAX_DOTS):
        found.setdefault(row["type"], []).append((row["longitude"], row["latitude"]))
    return found


async def page(conn: Connection, wanted: Sequence[Wanted], limit: int, offset: int) -> list[Place]:
    rows = await store_places.page(conn, *_columns(wanted), limit, offset)
    return [
        Place(row["id"], row["type"], {name: item["value"] for name, item in row["attrs"].items()})
        for row in rows
    ]


async def total(conn: Connection, wanted: Sequence[Wanted]) -> int:
    return await store_places.total(conn, *_columns(wanted))


async def outlines(conn: Connection) -> list[Outline]:
    return [_outline(row["attrs"]) for row in await store_places.outlines(conn, ENTITY_TYPE, MAX_OUTLINES)]


def _outline(attrs: dict[str, Any]) -> Outline:
    values: dict[str, Any] = {name: item["value"] for name, item in attrs.items()}
    polygons: list[list[list[list[float]]]] = values["location"]["coordinates"]
    rings = [[(point[0], point[1]) for point in ring] for polygon in polygons for ring in polygon]
    return Outline(values["name"], values.get("source", ""), values.get("sourceEn", ""), rings)


def _columns(wanted: Sequence[Wanted]) -> tuple[list[str], list[str | None]]:
    return [one.type for one in wanted], [one.disaster for one in wanted]
