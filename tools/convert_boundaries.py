"""Outlines of municipalities from 国土数値情報（行政区域データ） (GeoJSON) into the project's compact form.

Run once, by hand, when the outlines are renewed:

    .venv/bin/python tools/convert_boundaries.py municipalities.geojson scenarios/data/kagawa_boundaries.json

Borders are simplified piece by piece between the points where three areas or the sea meet, each piece once, so
that neighbours still share them exactly. Coordinates become whole numbers of 1/10,000 degree (about 10 m), each
point as the difference from the one before.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[int, int]
Ring = list[Point]

SCALE = 10_000
TOLERANCE = 6.0
"""How far, in units of 1/SCALE degree, a point left out may lie from the line that replaces it."""
LEAST_AREA = 100.0
"""Islands smaller than this (square units, about 0.01 square kilometres) are left out."""

CREDIT_JA = "「国土数値情報（行政区域データ）」（国土交通省）を加工して作成"
CREDIT_EN = "Made by processing National Land Numerical Information (administrative areas), MLIT, Japan"


def read(path: Path) -> dict[tuple[str, str], list[list[Ring]]]:
    """(code, name) → polygons, each its outer ring and its holes, closed."""
    areas: dict[tuple[str, str], list[list[Ring]]] = defaultdict(list)
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        properties, geometry = feature["properties"], feature["geometry"]
        code = with_check_digit(properties["N03_007"])
        name = (properties.get("N03_003") or "") + properties["N03_004"]
        polygons = (
            geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        )
        areas[code, name] += [[_ring(ring) for ring in polygon] for polygon in polygons]
    return areas


def with_check_digit(code: str) -> str:
    """全国地方公共団体コード: five digits and the check digit of JIS X 0402."""
    rest = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True)) % 11
    return f"{code}{(11 - rest) % 10 if rest > 1 else (1 - rest)}"


def _ring(positions: list[list[float]]) -> Ring:
    points = [(round(x * SCALE), round(y * SCALE)) for x, y, *_ in positions]
    kept = [points[0]] + [b for a, b in pairwise(points) if a != b]
    return kept if kept[0] == kept[-1] else [*kept, kept[0]]


def junctions(rings: list[Ring]) -> set[Point]:
    """Points with more than two neighbours: where borders meet, and which therefore stay."""
    neighbours: dict[Point, set[Point]] = defaultdict(set)
    for ring in rings:
        for a, b in pairwise(ring):
            neighbours[a].add(b)
            neighbours[b].add(a)
    return {point for point, others in neighbours.items() if len(others) > 2}


def simplified(ring: Ring, fixed: set[Point]) -> Ring:
    """The ring with fewer points; the same piece of border always becomes the same line."""
    open_ring = ring[:-1]
    starts = [i for i, point in enumerate(open_ring) if point in fixed]
    first = starts[0] if starts else open_ring.index(min(open_ring))
    turned = open_ring[first:] + open_ring[:first] + [open_ring[first]]
    cuts = [i for i, point in enumerate(turned) if point in fixed or i in (0, len(turned) - 1)]
    if len(cuts) == 2:
        far = max(range(len(turned)), key=lambda i: (_square(turned[0], turned[i]), turned[i]))
        cuts = [0, far, len(turned) - 1]
    result = [turned[0]]
    for begin, end in pairwise(cuts):
        result += _piece(turned[begin : end + 1])[1:]
    return result


def _piece(line: Ring) -> Ring:
    """Simplify in one canonical direction, whichever way round the ring goes."""
    if line[0] > line[-1]:
        return _reduce(line[::-1])[::-1]
    return _reduce(line)


def _reduce(line: Ring) -> Ring:
    """Douglas and Peucker's method."""
    if len(line) < 3:
        return line
    distance, index = max((_distance(line[i], line[0], line[-1]), i) for i in range(1, len(line) - 1))
    if distance <= TOLERANCE:
        return [line[0], line[-1]]
    return _reduce(line[: index + 1])[:-1] + _reduce(line[index:])


def _square(a: Point, b: Point) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _distance(p: Point, a: Point, b: Point) -> float:
    length = _square(a, b)
    if not length:
        return _square(p, a) ** 0.5
    along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / length
    along = min(1.0, max(0.0, along))
    return ((p[0] - a[0] - along * (b[0] - a[0])) ** 2 + (p[1] - a[1] - along * (b[1] - a[1])) ** 2) ** 0.5


def area(ring: Ring) -> float:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))) / 2


def deltas(ring: Ring) -> list[int]:
    """x, y of the first point, then the steps to each further one; the closing point is understood."""
    flat = [*ring[0]]
    for a, b in pairwise(ring[:-1]):
        flat += [b[0] - a[0], b[1] - a[1]]
    return flat


def convert(source: Path) -> dict[str, Any]:
    areas = read(source)
    fixed = junctions([ring for polygons in areas.values() for polygon in polygons for ring in polygon])
    municipalities: list[dict[str, Any]] = []
    for (code, name), polygons in sorted(areas.items()):
        kept = [[simplified(ring, fixed) for ring in polygon] for polygon in polygons]
        shown = [
            [deltas(ring) for ring in polygon if len(ring) > 3]
            for polygon in kept
            if len(polygon[0]) > 3 and area(polygon[0]) >= LEAST_AREA
        ]
        municipalities.append({"code": code, "name": name, "polygons": shown})
    return {
        "format": "moyai-boundaries-1",
        "credit_ja": CREDIT_JA,
        "credit_en": CREDIT_EN,
        "scale": SCALE,
        "municipalities": municipalities,
    }


def main(source: str, target: str) -> None:
    text = json.dumps(convert(Path(source)), ensure_ascii=False, separators=(",", ":"))
    Path(target).write_text(text.replace('{"code"', '\n{"code"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
