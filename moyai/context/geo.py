"""Location attributes: which attribute says where an entity is, and the box it lies in.

GeoJSON (RFC 7946: longitude before latitude) and Orion's simple location format (latitude before longitude).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from moyai.context.errors import Kind, NgsiError, bad_request

Position = tuple[float, float]
"""Longitude, latitude, in degrees."""

Extent = tuple[Position, Position]
"""South-west and north-east corner."""

# Array depth of `coordinates` and the least number of positions of the innermost array.
_GEOJSON: Final = {
    "Point": (0, 1),
    "MultiPoint": (1, 1),
    "LineString": (1, 2),
    "MultiLineString": (2, 2),
    "Polygon": (2, 4),
    "MultiPolygon": (3, 4),
}
_SIMPLE: Final = {"geo:line": 2, "geo:box": 2, "geo:polygon": 4}
_GEO_TYPES: Final = frozenset({"geo:json", "geo:point", *_SIMPLE})


def extent_of(attrs: Mapping[str, Any]) -> Extent | None:
    """The box around an entity's location attribute, or None if it has none (a null location counts as none).

    Raises NgsiError: BadRequest for a malformed location, NoResourcesAvailable for a second one.
    """
    found: Extent | None = None
    for name, attribute in attrs.items():
        if attribute["type"] not in _GEO_TYPES or attribute["value"] is None or _ignored(attribute):
            continue
        if found is not None:
            raise NgsiError(
                Kind.NO_RESOURCES_AVAILABLE, "You cannot use more than one geo location attribute"
            )
        found = _extent(attribute["type"], attribute["value"], name)
    return found


def _ignored(attribute: Mapping[str, Any]) -> bool:
    return attribute["metadata"].get("ignoreType", {}).get("value") is True


def _extent(geo_type: str, value: object, where: str) -> Extent:
    if geo_type == "geo:json":
        positions = _geojson_positions(value, where)
    elif geo_type == "geo:point":
        positions = [_simple_position(value, where)]
    else:
        positions = _simple_positions(value, _SIMPLE[geo_type], where)
    longitudes, latitudes = [p[0] for p in positions], [p[1] for p in positions]
    return (min(longitudes), min(latitudes)), (max(longitudes), max(latitudes))


def _geojson_positions(value: object, where: str) -> list[Position]:
    geometry = _geometry(value, where)
    form = _GEOJSON.get(str(geometry.get("type")))
    if form is None:
        raise bad_request(f"error parsing geometry of {where}: type not supported")
    depth, least = form
    positions: list[Position] = []
    _collect(geometry.get("coordinates"), depth, least, positions, where)
    if not positions:
        raise bad_request(f"error parsing geometry of {where}: no coordinates")
    return positions


def _geometry(value: object, where: str) -> dict[str, Any]:
    """The geometry itself, also of a Feature, or of a FeatureCollection of one."""
    if not isinstance(value, dict):
        raise bad_request(f"error parsing geometry of {where}: not a JSON object")
    members = cast("dict[str, Any]", value)
    if members.get("type") == "FeatureCollection":
        features = members.get("features")
        if not isinstance(features, list) or len(cast("list[object]", features)) != 1:
            raise bad_request(f"error parsing geometry of {where}: exactly one feature is supported")
        return _geometry(cast("list[object]", features)[0], where)
    if members.get("type") == "Feature":
        return _geometry(members.get("geometry"), where)
    return members


def _collect(value: object, depth: int, least: int, into: list[Position], where: str) -> None:
    if depth == 0:
        into.append(_position(value, where))
        return
    if not isinstance(value, list):
        raise bad_request(f"error parsing geometry of {where}: coordinates must be arrays")
    items = cast("list[object]", value)
    if depth == 1 and (len(items) < least or (least == 4 and items[0] != items[-1])):
        raise bad_request(f"error parsing geometry of {where}: too few positions, or ring not closed")
    for item in items:
        _collect(item, depth - 1, least, into, where)


def _position(value: object, where: str) -> Position:
    numbers = cast("list[object]", value) if isinstance(value, list) else []
    if not 2 <= len(numbers) <= 3 or not all(
        isinstance(n, int | float) and not isinstance(n, bool) for n in numbers
    ):
        raise bad_request(f"error parsing geometry of {where}: a position is [longitude, latitude]")
    longitude, latitude = cast("tuple[float, float]", tuple(numbers[:2]))
    return _in_range(longitude, latitude, where)


def _simple_positions(value: object, least: int, where: str) -> list[Position]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    positions = [_simple_position(item, where) for item in items]
    if len(positions) < least or (least == 4 and positions[0] != positions[-1]):
        raise bad_request(f"error parsing location of {where}: too few positions, or polygon not closed")
    return positions


def _simple_position(value: object, where: str) -> Position:
    """`"latitude, longitude"`, the simple location format."""
    parts = value.split(",") if isinstance(value, str) else []
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError as error:
        raise bad_request(f"error parsing location of {where}: expected 'latitude, longitude'") from error
    return _in_range(longitude, latitude, where)


def _in_range(longitude: float, latitude: float, where: str) -> Position:
    if not (math.fabs(longitude) <= 180 and math.fabs(latitude) <= 90):
        raise bad_request(f"error parsing location of {where}: coordinates out of range")
    return float(longitude), float(latitude)
