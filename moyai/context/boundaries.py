"""Outlines of municipalities in the project's compact form (`moyai-boundaries-1`), as entities.

The form: per municipality, polygons of rings; a ring is x, y of its first point and then the steps to each further
one, in 1/`scale` degree; the closing point is understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from moyai.base.errors import Problem
from moyai.context.cells import text
from moyai.context.model import Entity

KIND: Final = "municipality-boundaries"
ENTITY_TYPE: Final = "Municipality"

Ring = list[int]


class _Municipality(msgspec.Struct, frozen=True):
    code: str
    name: str
    polygons: list[list[Ring]]


class _Boundaries(msgspec.Struct, frozen=True):
    format: Literal["moyai-boundaries-1"]
    credit_ja: str
    credit_en: str
    scale: int
    municipalities: list[_Municipality]


def read(content: bytes) -> list[Entity]:
    """One entity per municipality, its outline as the location. Raises Problem("file_not_readable")."""
    try:
        given = msgspec.json.decode(content, type=_Boundaries)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("file_not_readable", "not in the form moyai-boundaries-1") from error
    return [_entity(municipality, given) for municipality in given.municipalities]


def _entity(municipality: _Municipality, given: _Boundaries) -> Entity:
    polygons = [[positions(ring, given.scale) for ring in polygon] for polygon in municipality.polygons]
    location: dict[str, object] = {"type": "MultiPolygon", "coordinates": polygons}
    return Entity(
        id=f"urn:ngsi-ld:{ENTITY_TYPE}:{municipality.code}",
        type=ENTITY_TYPE,
        attrs={
            "municipalityCode": text(municipality.code),
            "name": text(municipality.name),
            "location": {"type": "geo:json", "value": location, "metadata": {}},
            "source": text(given.credit_ja),
            "sourceEn": text(given.credit_en),
        },
    )


def positions(ring: Sequence[int], scale: int) -> list[list[float]]:
    """A closed ring of [longitude, latitude]."""
    x = y = 0
    points: list[list[float]] = []
    for i in range(0, len(ring) - 1, 2):
        x, y = x + ring[i], y + ring[i + 1]
        points.append([x / scale, y / scale])
    return [*points, points[0]]
