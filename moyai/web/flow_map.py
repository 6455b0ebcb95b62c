"""The flow map: a picture of who gives what to whom, drawn on the server.

Columns provider → platform → consumer on a wide screen, the same from top to bottom on a phone. This module
only measures (units are CSS pixels of the SVG's own viewBox); `portal/flow_map.html` draws.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal
from unicodedata import east_asian_width

import msgspec

Standing = Literal["open", "closed"]
"""Whether data may flow along a line: consent given and in force, or anything else."""


class Edge(msgspec.Struct, frozen=True):
    """One line of the picture: a dataset of one provider on its way to one consumer. `note` is written on it."""

    dataset: str
    provider: str
    provider_organization: str
    consumer: str
    consumer_organization: str
    standing: Standing
    note: str


class Box(msgspec.Struct, frozen=True):
    """A rectangle with a heading, a smaller line beneath it, and (where no line has room for it) a note."""

    x: int
    y: int
    width: int
    height: int
    title: tuple[str, ...]
    sub: tuple[str, ...]
    note: str = ""
    standing: Standing = "open"


class Line(msgspec.Struct, frozen=True):
    """A rope: an SVG path, and its label with the point it stands at."""

    path: str
    standing: Standing
    note: str
    x: int
    y: int
    cut: bool = False


class Picture(msgspec.Struct, frozen=True):
    """Everything to draw, in a viewBox of `0 0 width height`."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    hub: Box
    lines: tuple[Line, ...]


TITLE_EM = 17
SUB_EM = 14
_NEVER_FIRST = "）」』、。・ー"
_PAD = 12
_GAP = 20


def wrapped(text: str, ems: float) -> tuple[str, ...]:
    """Break a label into at most two lines of `ems` full-width characters, the last one shortened if need be.

    Latin words stay whole where they fit on a line; Japanese breaks anywhere but before closing marks.
    """
    lines: list[str] = [""]
    room = ems
    for piece in _pieces(text, ems):
        width = _ems(piece)
        if width > room and piece not in _NEVER_FIRST:
            if len(lines) == 2:
                lines[-1] = _shortened(lines[-1], piece, ems)
                break
            lines.append("")
            room = ems
        lines[-1] += piece
        room -= width
    return tuple(line.strip() for line in lines if line.strip())


def _ems(text: str) -> float:
    return sum(1 if east_asian_width(character) in "WFA" else 0.56 for character in text)


def _pieces(text: str, ems: float) -> list[str]:
    """What must not be broken: a Latin word with the space after it, or one character."""
    words: list[str] = re.findall(r"[!-~]+\s?|.", text, re.DOTALL)
    return [part for word in words for part in ([word] if _ems(word) <= ems else list(word))]


def _shortened(line: str, rest: str, ems: float) -> str:
    line += rest
    while _ems(line) > ems - 1:
        line = line[:-1]
    return line + "…"


_Label = tuple[str, str, Standing, str]
"""Heading and smaller line of a box; whether data flows from it, and a note on that."""


def _box(x: int, y: int, width: int, label: _Label) -> Box:
    title, sub, standing, note = label
    heads = wrapped(title, (width - 2 * _PAD) / TITLE_EM)
    subs = wrapped(sub, (width - 2 * _PAD) / SUB_EM)
    height = 2 * _PAD + len(heads) * 24 + (len(subs) + bool(note)) * 21
    return Box(x, y, width, height, heads, subs, note, standing)


def _providers(edges: Sequence[Edge]) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys((e.dataset, e.provider, e.provider_organization) for e in edges))


def _consumers(edges: Sequence[Edge]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((e.consumer, e.consumer_organization) for e in edges))


def _stack(labels: Sequence[_Label], x: int, y: int, width: int) -> list[Box]:
    boxes: list[Box] = []
    for label in labels:
        boxes.append(_box(x, y, width, label))
        y += boxes[-1].height + _GAP
    return boxes


def _bottom(boxes: Sequence[Box]) -> int:
    return boxes[-1].y + boxes[-1].height


def _shifted(boxes: Sequence[Box], dy: int) -> list[Box]:
    return [msgspec.structs.replace(box, y=box.y + dy) for box in boxes]


def wide(edges: Sequence[Edge], hub_name: str) -> Picture:
    """Three columns, 960 wide. `edges` must not be empty."""
    left = _stack([(k[0], f"{k[1]}・{k[2]}", "open", "") for k in _providers(edges)], 0, 0, 290)
    right = _stack([(*k, "open", "") for k in _consumers(edges)], 670, 0, 290)
    height = max(_bottom(left), _bottom(right), 150)
    left = _shifted(left, (height - _bottom(left)) // 2)
    right = _shifted(right, (height - _bottom(right)) // 2)
    hub = Box(410, 0, 140, height, wrapped(hub_name, 6.6), ())
    lines = [_wide_line(edges, box, key) for box, key in zip(left, _providers(edges), strict=True)]
    for box, key in zip(right, _consumers(edges), strict=True):
        is_open = any(e.standing == "open" for e in edges if (e.consumer, e.consumer_organization) == key)
        y = box.y + box.height // 2
        lines.append(Line(f"M550 {y}H662", "open" if is_open else "closed", "", 606, y))
    return Picture(960, height, (*left, *right), hub, tuple(lines))


def _wide_line(edges: Sequence[Edge], box: Box, key: tuple[str, str, str]) -> Line:
    standing, note = _merged(edges, key)
    y = box.y + box.height // 2
    if standing == "open":
        return Line(f"M290 {y}H402", standing, note, 346, y)
    return Line(f"M290 {y}H330", standing, note, 346, y, cut=True)


def _merged(edges: Sequence[Edge], key: tuple[str, str, str]) -> tuple[Standing, str]:
    """One line per provider box: open if any of its edges is, with that edge's note."""
    own = [e for e in edges if (e.dataset, e.provider, e.provider_organization) == key]
    chosen = next((e for e in own if e.standing == "open"), own[0])
    return chosen.standing, chosen.note


_RAIL = 16
_INSET = 44
_NARROW = 320


def narrow(edges: Sequence[Edge], hub_name: str) -> Picture:
    """From top to bottom, 320 wide, with the ropes running down a rail at the left."""
    width = _NARROW - _INSET
    top = _stack([(k[0], f"{k[1]}・{k[2]}", *_merged(edges, k)) for k in _providers(edges)], _INSET, 0, width)
    hub = Box(0, _bottom(top) + 26, _NARROW, 60, wrapped(hub_name, 16), ())
    low = _stack([(*k, "open", "") for k in _consumers(edges)], _INSET, hub.y + hub.height + 26, width)
    lines: list[Line] = []
    for box, key in zip(top, _providers(edges), strict=True):
        standing, note = _merged(edges, key)
        y = box.y + box.height // 2
        path = f"M{_INSET} {y}H{_RAIL + 14}Q{_RAIL} {y} {_RAIL} {y + 14}V{hub.y - 8}"
        if standing == "closed":
            path = f"M{_INSET} {y}H{_INSET - 4}"
        lines.append(Line(path, standing, note, _INSET - 13, y, cut=standing == "closed"))
    for box, key in zip(low, _consumers(edges), strict=True):
        is_open = any(e.standing == "open" for e in edges if (e.consumer, e.consumer_organization) == key)
        y = box.y + box.height // 2
        path = f"M{_RAIL} {hub.y + hub.height}V{y - 14}Q{_RAIL} {y} {_RAIL + 14} {y}H{_INSET - 8}"
        lines.append(Line(path, "open" if is_open else "closed", "", _RAIL, y))
    return Picture(_NARROW, _bottom(low), (*top, *low), hub, tuple(lines))
