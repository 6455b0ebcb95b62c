"""Exchanges and refusals per day, and their picture: the numbers come from the ledger's daily counts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from moyai.ledger import Daily, Kind

HEIGHT = 240
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 16, 32


class DayCount(msgspec.Struct, frozen=True):
    """One day of Asia/Tokyo. `items` are the items that exchanges handed over."""

    day: date
    exchanges: int = 0
    refusals: int = 0
    items: int = 0


class Bar(msgspec.Struct, frozen=True):
    """One day's bar in the picture's coordinates: refusals stand on exchanges."""

    count: DayCount
    x: float
    width: float
    exchange_y: float
    exchange_height: float
    refusal_y: float
    refusal_height: float


class Chart(msgspec.Struct, frozen=True):
    """`lines`: (y, what it stands for) of the scale."""

    width: int
    height: int
    left: int
    base: int
    bars: list[Bar]
    lines: list[tuple[float, int]]


def per_day(rows: Sequence[Daily], until: date, days: int) -> list[DayCount]:
    """A count for each of the last days, oldest first, also where nothing happened."""
    whole = [row for row in rows if row.provider == ""]
    entries: Counter[tuple[date, Kind]] = Counter()
    items: Counter[date] = Counter()
    for row in whole:
        entries[row.day, row.kind] += row.entries
        items[row.day] += row.items if row.kind == Kind.EXCHANGE else 0
    return [
        DayCount(day, entries[day, Kind.EXCHANGE], entries[day, Kind.REFUSAL], items[day])
        for day in (until - timedelta(days=back) for back in reversed(range(days)))
    ]


def refusals_by_code(rows: Sequence[Daily]) -> list[tuple[str, int]]:
    """How often each reason closed a link, most often first."""
    codes: Counter[str] = Counter()
    for row in rows:
        if row.provider == "" and row.kind == Kind.REFUSAL and row.code:
            codes[row.code] += row.entries
    return codes.most_common()


def chart(counts: Sequence[DayCount], width: int = 720) -> Chart:
    """Stacked bars with a scale of round numbers, in a picture `width` units wide."""
    top = _round_up(max((one.exchanges + one.refusals for one in counts), default=0))
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    slot = (width - LEFT - RIGHT) / max(1, len(counts))
    bars = [
        _bar(one, LEFT + slot * (number + 0.2), slot * 0.6, base, room / top)
        for number, one in enumerate(counts)
    ]
    lines = [(base - room * step / 4, top * step // 4) for step in range(5)]
    return Chart(width, HEIGHT, LEFT, base, bars, lines)


def _bar(count: DayCount, x: float, width: float, base: float, scale: float) -> Bar:
    low, high = count.exchanges * scale, count.refusals * scale
    numbers = (x, width, base - low, low, base - low - high, high)
    return Bar(count, *(round(number, 1) for number in numbers))


def _round_up(number: int) -> int:
    """The next of 4, 8, 12, 20, 40, 60, 80, 120, 200, 400, … so that a quarter of it is a whole number."""
    steps = (4, 8, 12, 20, *(start * 10**power for power in range(1, 16) for start in (4, 6, 8, 12, 20)))
    return next(step for step in steps if step >= number)
