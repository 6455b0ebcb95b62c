"""The map as a picture that needs no script: outlines and marks as SVG paths, in a plane of 1000 units' width."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from moyai.context.geo import Position
from moyai.context.places import Outline

WIDTH = 1000.0
_MARGIN = 40.0
_LEAST_SPAN = 0.02
"""Degrees of longitude: nearer than this a few marks would fill the picture with nothing around them."""


class Label(msgspec.Struct, frozen=True):
    name: str
    x: float
    y: float


class Drawing(msgspec.Struct, frozen=True):
    """`outlines` and the values of `marks` are path data; marks are dots drawn with a round or square cap."""

    width: float
    height: float
    outlines: str
    marks: dict[str, str]
    labels: list[Label]
    bounds: tuple[float, float, float, float]
    """West, south, east, north."""


def draw(outlines: Sequence[Outline], dots: Mapping[str, Sequence[Position]]) -> Drawing | None:
    """The picture around the dots, or around all outlines where there are none. None if there is nothing at all."""
    shown = [point for points in dots.values() for point in points]
    points = shown or [point for outline in outlines for ring in outline.rings for point in ring]
    if not points:
        return None
    plane = _Plane(points)
    paths = [_path(map(plane.at, ring)) for outline in outlines for ring in outline.rings]
    marks = {kind: _dots(map(plane.at, positions)) for kind, positions in dots.items()}
    return Drawing(
        plane.width, plane.height, "".join(paths), marks, list(_labels(outlines, plane)), plane.bounds
    )


def short_name(name: str) -> str:
    """A municipality without its county: `三木町` for `木田郡三木町`."""
    return re.sub(r"^.+郡(?=.+[町村]$)", "", name)


class _Plane:
    """Equirectangular: degrees of longitude shortened by the cosine of the middle latitude."""

    def __init__(self, points: Sequence[Position]) -> None:
        west, east = min(p[0] for p in points), max(p[0] for p in points)
        south, north = min(p[1] for p in points), max(p[1] for p in points)
        self.bounds = (west, south, east, north)
        middle = (west + east) / 2
        half = max(east - west, _LEAST_SPAN) / 2
        self._west, self._north = middle - half, north
        self._shortening = math.cos(math.radians((south + north) / 2))
        self._scale = (WIDTH - 2 * _MARGIN) / (2 * half * self._shortening)
        self.width = WIDTH
        self.height = round((north - south) * self._scale + 2 * _MARGIN, 1)

    def at(self, position: Position) -> tuple[float, float]:
        x = (position[0] - self._west) * self._shortening * self._scale + _MARGIN
        y = (self._north - position[1]) * self._scale + _MARGIN
        return x, y


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points) + "Z"


def _dots(points: Iterable[tuple[float, float]]) -> str:
    """A line of no length is drawn as its caps alone: the shortest way to write a mark."""
    return "".join(f"M{x:.0f} {y:.0f}h0" for x, y in points)


def _labels(outlines: Sequence[Outline], plane: _Plane) -> Iterable[Label]:
    """Names in the middle of the largest ring, where that lies in the picture."""
    for outline in outlines:
        if not outline.rings:
            continue
        ring = max(outline.rings, key=len)
        x, y = plane.at((sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)))
        if 60 < x < plane.width - 60 and 20 < y < plane.height - 20:
            yield Label(short_name(outline.name), round(x), round(y))
